"""A condition on rows of another table."""

import msgspec

from wolke.core.db import Database, Order, Related, Table, Where


class Book(msgspec.Struct, frozen=True):
    id: str
    pages: int


class Label(msgspec.Struct, frozen=True):
    book_id: str
    label: str


BOOKS = Table("test_related_books", Book)
LABELS = Table("test_related_labels", Label, key=("book_id", "label"))


async def test_rows_are_found_by_what_another_table_says_of_them(database: Database) -> None:
    async with database.transaction() as tx:
        for book in (Book("1", 10), Book("2", 20), Book("3", 30)):
            await tx.insert(BOOKS, book)
        for label in (Label("1", "red"), Label("3", "red"), Label("3", "big")):
            await tx.insert(LABELS, label)
    red = Where("id", "within", Related(LABELS, "book_id", (Where("label", "eq", "red"),)))
    not_big = Where("id", "without", Related(LABELS, "book_id", (Where("label", "in", ["big", "huge"]),)))
    order = [Order("id")]

    async def found(*where: Where) -> list[str]:
        return [book.id for book in await database.find(BOOKS, where=where, order=order)]

    assert await found(red) == ["1", "3"]
    assert await found(not_big) == ["1", "2"]
    assert await found(red, not_big, Where("pages", "lt", 25)) == ["1"]
    assert await found(Where("", "any", [[red, not_big], [Where("pages", "eq", 20)]])) == ["1", "2"]
