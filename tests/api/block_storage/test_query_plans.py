"""Lists of volumes cost what they show, however many there are: their questions are answered by an index, in its order."""

import sqlite3
from collections.abc import Iterator

import pytest

from tests.api.block_storage.conftest import SmallCloud
from tests.conftest import AsgiClient
from wolke.core.db import Database
from wolke.core.db.sqlite import SqliteDatabase


@pytest.fixture
def plans(database: Database) -> Iterator[list[str]]:
    """Each question that SQLite was asked."""
    if not isinstance(database, SqliteDatabase):
        pytest.skip("PostgreSQL plans by its statistics, which a test has not")
    asked: list[str] = []
    database._reader.set_trace_callback(asked.append)
    yield asked
    database._reader.set_trace_callback(None)


def explained(cloud: SmallCloud, asked: list[str], table: str) -> list[str]:
    assert isinstance(cloud.db, SqliteDatabase)
    other = sqlite3.connect(cloud.db.path)
    questions = [sql for sql in asked if f"FROM {table}" in sql and sql.startswith("SELECT")]
    assert questions
    steps = [row[3] for sql in questions for row in other.execute("EXPLAIN QUERY PLAN " + sql)]
    other.close()
    return steps


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "project_id_created_at_id"),
        ("?status=available", "project_id_status_created_at_id"),
        ("?all_tenants=1", "created_at_id"),
    ],
)
@pytest.mark.parametrize("path", ["/volumes", "/volumes/detail"])
async def test_a_list_of_volumes_reads_an_index_in_its_order(
    cloud: SmallCloud, admin: AsgiClient, plans: list[str], path: str, query: str, index: str
) -> None:
    await cloud.volume()
    plans.clear()
    assert (await admin.get(path + query)).status == 200
    steps = explained(cloud, plans, "block_storage_volumes")
    assert f"USING INDEX block_storage_volumes_{index}_idx" in steps[0]
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps


async def test_a_page_of_details_asks_the_same_number_of_questions_whatever_it_shows(
    cloud: SmallCloud, member: AsgiClient, plans: list[str]
) -> None:
    counts = []
    for _ in range(3):
        await cloud.volume()
        plans.clear()
        await member.get("/volumes/detail")
        counts.append(len(plans))
    assert len(set(counts)) == 1 and counts[0] <= 4


async def test_the_attachments_of_a_page_are_looked_up_by_volume(
    cloud: SmallCloud, member: AsgiClient, plans: list[str]
) -> None:
    await cloud.volume()
    plans.clear()
    await member.get("/volumes/detail")
    steps = explained(cloud, plans, "block_storage_attachments")
    assert "USING INDEX block_storage_attachments_volume_id_idx" in steps[0]
    assert len(steps) == 1  # nothing is sorted, which could tempt it to read all in another index's order


async def test_the_next_page_begins_in_the_index_where_the_last_one_ended(
    cloud: SmallCloud, member: AsgiClient, plans: list[str]
) -> None:
    for _ in range(3):
        await cloud.volume()
    first = (await member.get("/volumes?limit=1")).json["volumes"][0]
    plans.clear()
    assert (await member.get(f"/volumes/detail?limit=1&marker={first['id']}")).status == 200
    steps = explained(cloud, plans, "block_storage_volumes")
    assert any("created_at<?" in step for step in steps)
