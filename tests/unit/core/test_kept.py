import asyncio
from typing import Any

import msgspec
import pytest

from wolke.core.db import Database, Query, Table
from wolke.core.db.kept import Kept
from wolke.core.db.sqlite import SqliteDatabase
from wolke.core.fragments import Fragments


class Herb(msgspec.Struct, frozen=True):
    id: str
    name: str
    revision: int = 0


HERBS = Table("test_herbs", Herb, counted="revision")
WEEDS = Table("test_weeds", Herb)


async def plant(db: Database, table: Table[Herb], *records: Herb) -> None:
    async with db.transaction() as tx:
        for record in records:
            await tx.insert(table, record)


async def test_every_update_counts_whoever_makes_it(database: Database) -> None:
    await plant(database, HERBS, Herb("1", "sage"), Herb("2", "sage"))
    async with database.transaction() as tx:
        await tx.update(HERBS, {"name": "mint"}, name="sage")
        await tx.update(HERBS, {"name": "dill"}, id="2")
    assert {one.id: one.revision for one in await database.find(HERBS)} == {"1": 1, "2": 2}


async def test_what_is_kept_is_worked_out_again_when_one_of_its_tables_is_written_to(database: Database) -> None:
    times = 0

    async def names() -> list[str]:
        nonlocal times
        times += 1
        return [one.name for one in await database.find(HERBS)]

    kept = Kept(database, (HERBS,), names)
    await plant(database, HERBS, Herb("1", "sage"))
    assert await kept() == ["sage"]
    await plant(database, WEEDS, Herb("1", "nettle"))
    assert await kept() == ["sage"]
    if isinstance(database, SqliteDatabase):
        assert times == 1
    else:
        assert times == 2, "others write to PostgreSQL as well"
    async with database.transaction() as tx:
        await tx.update(HERBS, {"name": "mint"}, id="1")
        assert await kept() == ["sage"], "not committed yet"
    assert await kept() == ["mint"]
    async with database.transaction() as tx:
        await tx.delete(HERBS, id="1")
    assert await kept() == []


async def test_who_has_seen_a_commit_finds_nothing_kept_from_before_it(database: Database) -> None:
    """Rows are seen as soon as they are committed, which is before the loop hears of it."""

    async def count() -> int:
        return len(await database.find(HERBS))

    kept = Kept(database, (HERBS,), count)
    for number in range(30):
        planting = asyncio.create_task(plant(database, HERBS, Herb(str(number), "sage")))
        while not planting.done():
            seen = await count()
            assert await kept() >= seen
            await asyncio.sleep(0)


async def test_hand_made_statements_count_as_well_and_what_is_undone_does_not(database: Database) -> None:
    if not isinstance(database, SqliteDatabase):
        pytest.skip("one that others write to is not counted")
    import sqlalchemy as sa

    await plant(database, HERBS, Herb("1", "sage"))
    before = database.commits(HERBS, WEEDS)
    async with database.transaction() as tx:
        await tx.run(Query(sa.update(HERBS.sql).values(name="mint")))
    after = database.commits(HERBS, WEEDS)
    assert before is not None and after == (before[0] + 1, before[1])
    with pytest.raises(RuntimeError):
        await undone(database)
    assert database.commits(HERBS, WEEDS) == after


async def undone(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.delete(HERBS)
        raise RuntimeError


def test_fragments_are_bounded_and_the_variant_asked_for_least_recently_goes() -> None:
    kept = Fragments(most_bytes=10_000)
    stamp: Any = (1,)
    for variant in ("a", "b"):
        for number in range(5):
            kept.keep(variant, str(number), stamp, bytes(500))
    kept.shelf("a")
    for number in range(5):
        kept.keep("c", str(number), stamp, bytes(500))
    assert len(kept.shelf("a")) == 5
    assert len(kept.shelf("b")) == 0
    assert kept.shelf("c")["4"] == (stamp, bytes(500))
    for _ in range(100):
        kept.keep("a", "0", (2,), bytes(500))
    assert len(kept.shelf("c")) == 5, "replacing takes no room"
