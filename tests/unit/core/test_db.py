import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wolke.core import paging
from wolke.core.db import Database, DuplicateRow, Order, Table, Where, escape_like


class Fruit(msgspec.Struct, frozen=True):
    id: str
    name: str | None
    weight: int
    ripe: bool
    tags: list[str]


FRUIT = Table("test_fruit", Fruit, indexes=(("name",),), unique=(("weight",),))


def fruit(number: int, name: str | None = "apple") -> Fruit:
    return Fruit(f"{number:04}", name, number, number % 2 == 0, [f"t{number}"])


async def fill(db: Database, *records: Fruit) -> None:
    async with db.transaction() as tx:
        for record in records:
            await tx.insert(FRUIT, record)


async def test_what_is_written_is_read(database: Database) -> None:
    await fill(database, fruit(1), fruit(2, None))
    assert await database.get(FRUIT, id="0001") == fruit(1)
    assert await database.find(FRUIT, name=None) == [fruit(2, None)]
    assert await database.get(FRUIT, id="9") is None


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Where("weight", "in", [1, 3, 9]), ["0001", "0003"]),
        (Where("weight", "in", []), []),
        (Where("weight", "notin", [1, 3]), ["0000", "0002"]),
        (Where("weight", "ge", 2), ["0002", "0003"]),
        (Where("ripe", "eq", True), ["0000", "0002"]),
        (Where("name", "like", escape_like("a_%") + "%"), ["0003"]),
        (Where("name", "isnull", False), ["0000", "0001", "0003"]),
        (
            Where("", "any", [[Where("weight", "eq", 0)], [Where("weight", "gt", 2), Where("ripe", "eq", False)]]),
            ["0000", "0003"],
        ),
        (Where("", "any", []), []),
    ],
)
async def test_conditions(database: Database, where: Where, expected: list[str]) -> None:
    await fill(database, fruit(0), fruit(1), fruit(2, None), fruit(3, "a_%b"))
    assert [f.id for f in await database.find(FRUIT, where=[where], order=[Order("id")])] == expected
    assert await database.count(FRUIT, where=[where]) == len(expected)


async def test_a_failed_block_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await tx.insert(FRUIT, fruit(1))
            raise ZeroDivisionError
    assert await database.count(FRUIT) == 0


async def test_a_second_of_a_kind_is_refused_by_name_and_spoils_nobody_else(database: Database) -> None:
    await fill(database, fruit(1))

    async def again() -> None:
        async with database.transaction() as tx:
            await tx.insert(FRUIT, Fruit("other", None, 1, True, []))

    async def fine() -> None:
        async with database.transaction() as tx:
            await tx.insert(FRUIT, fruit(2))

    results = await asyncio.gather(again(), fine(), return_exceptions=True)
    assert isinstance(results[0], DuplicateRow)
    assert "weight" in str(results[0])
    assert results[1] is None
    assert await database.count(FRUIT) == 2


async def test_a_guarded_write_tells_whether_it_wrote(database: Database) -> None:
    await fill(database, fruit(1))
    async with database.transaction() as tx:
        assert await tx.update(FRUIT, {"name": "pear"}, id="0001", weight=1) == 1
        assert await tx.update(FRUIT, {"name": "plum"}, id="0001", weight=2) == 0
    assert (await database.get(FRUIT, id="0001")).name == "pear"


async def test_increments_under_a_lock_are_never_lost(database: Database) -> None:
    await fill(database, fruit(1000))

    async def grow() -> None:
        async with database.transaction() as tx:
            await tx.lock("fruit")
            now = await tx.get(FRUIT, id="1000")
            await tx.update(FRUIT, {"weight": now.weight + 1}, id="1000")

    await asyncio.gather(*(grow() for _ in range(40)))
    assert (await database.get(FRUIT, id="1000")).weight == 1040


async def test_sums_are_whole_numbers_also_of_nothing(database: Database) -> None:
    assert await database.sums(FRUIT, "weight") == (0, 0)
    await fill(database, fruit(3), fruit(4))
    assert await database.sums(FRUIT, "weight", ripe=True) == (1, 4)


async def test_a_wake_comes_after_the_commit_and_not_after_a_failure(database: Database) -> None:
    seen: list[int] = []
    heard = asyncio.Event()

    async def listen() -> None:
        seen.append(await database.count(FRUIT))
        heard.set()

    tasks: list[asyncio.Task[None]] = []
    database.on_wake("fruit", lambda: tasks.append(asyncio.create_task(listen())))
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            tx.wake("fruit")
            raise ZeroDivisionError
    async with database.transaction() as tx:
        await tx.insert(FRUIT, fruit(1))
        tx.wake("fruit")
    async with asyncio.timeout(5):
        await heard.wait()
    assert seen == [1]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 50])
async def test_pages_meet_without_gap_or_overlap_also_over_nulls(
    database: Database, size: int, descending: bool
) -> None:
    records = [fruit(n, None if n % 3 == 0 else f"n{n % 4}") for n in range(13)]
    await fill(database, *records)
    order = (Order("name", descending), Order("id", descending))
    everything = [f.id for f in await database.find(FRUIT, order=order)]
    seen: list[Fruit] = []
    while page := await paging.find_page(
        database, FRUIT, paging.Page(order, limit=size), marker=seen[-1] if seen else None
    ):
        seen += page
    assert [f.id for f in seen] == everything
    before = paging.Page(order, limit=4, backwards=True)
    assert [f.id for f in await paging.find_page(database, FRUIT, before, marker=seen[6])] == everything[2:6]


@given(st.text(max_size=20))
def test_like_patterns_are_escaped(text: str) -> None:
    escaped = escape_like(text)
    assert escaped.replace("\\\\", "").replace("\\%", "").replace("\\_", "").count("%") == 0
