"""A table read as a record of fewer columns."""

from __future__ import annotations

import msgspec

from wolke.core.db import Database, Order, Table, Where


class Whole(msgspec.Struct, frozen=True):
    id: str
    size: int
    labels: dict[str, str]
    notes: list[str] | None


class Part(msgspec.Struct, frozen=True):
    labels: msgspec.Raw
    id: str


WHOLES = Table("test_wholes", Whole)
PARTS = WHOLES.narrow(Part)


async def test_fewer_columns_in_another_order_and_json_as_it_is(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.insert(WHOLES, Whole("a", 1, {"x": "é"}, None))
        await tx.insert(WHOLES, Whole("b", 2, {}, ["n"]))
    found = await database.find(PARTS, where=[Where("size", "ge", 1)], order=[Order("size", True)])
    assert [(one.id, bytes(one.labels).decode()) for one in found] == [("b", "{}"), ("a", '{"x":"é"}')]
    assert msgspec.json.encode({"labels": found[1].labels}).decode() == '{"labels":{"x":"é"}}'
    assert await database.get(PARTS, labels={"x": "é"}) == found[1]
    assert await database.get(WHOLES, id="b") == Whole("b", 2, {}, ["n"])
