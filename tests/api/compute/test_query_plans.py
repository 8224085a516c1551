"""Lists cost what they show, however many rows there are: their questions are answered by an index, in its order."""

import sqlite3
from collections.abc import Iterator

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud
from wolke.core.db import Database
from wolke.core.db.sqlite import SqliteDatabase


@pytest.fixture
def plans(database: Database) -> Iterator[list[str]]:
    """How SQLite went about each question that the application asked it; filled at the end of ``with`` by ``explained``."""
    if not isinstance(database, SqliteDatabase):
        pytest.skip("PostgreSQL plans by its statistics, which a test has not")
    asked: list[str] = []
    database._reader.set_trace_callback(asked.append)
    yield asked
    database._reader.set_trace_callback(None)


def explained(cloud: LifeCloud, asked: list[str], table: str) -> list[str]:
    database = cloud.db
    assert isinstance(database, SqliteDatabase)
    other = sqlite3.connect(database.path)
    questions = [sql for sql in asked if f"FROM {table}" in sql and sql.startswith("SELECT")]
    assert questions
    steps = [row[3] for sql in questions for row in other.execute("EXPLAIN QUERY PLAN " + sql)]
    other.close()
    return steps


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "project_id_created_at_id"),
        ("?status=ACTIVE", "project_id_status_created_at_id"),
        ("?changes-since=2030-01-01T00:00:00Z", "project_id_updated_at"),
        ("?all_tenants=1", "created_at_id"),
        ("?all_tenants=1&status=ERROR", "status_created_at_id"),
        ("?all_tenants=1&deleted=true&limit=5", "created_at_id"),
    ],
)
@pytest.mark.parametrize("path", ["/servers", "/servers/detail"])
async def test_a_list_of_servers_reads_an_index_in_its_order(
    cloud: LifeCloud, admin: AsgiClient, plans: list[str], path: str, query: str, index: str
) -> None:
    await cloud.post_server("one")
    await cloud.settle()
    plans.clear()
    assert (await admin.get(path + query)).status == 200
    steps = explained(cloud, plans, "compute_servers")
    assert f"USING INDEX compute_servers_{index}_idx" in steps[0]
    assert ("USE TEMP B-TREE FOR ORDER BY" in steps) == ("changes-since" in query)


@pytest.mark.parametrize("query", ["?limit=1", "?limit=1&all_tenants=1"])
async def test_the_next_page_begins_in_the_index_where_the_last_one_ended(
    cloud: LifeCloud, admin: AsgiClient, plans: list[str], query: str
) -> None:
    for number in range(3):
        await cloud.post_server(f"s{number}")
    first = (await admin.get(f"/servers/detail{query}&all_tenants=1")).json["servers"][0]
    plans.clear()
    assert (await admin.get(f"/servers/detail{query}&marker={first['id']}")).status == 200
    steps = explained(cloud, plans, "compute_servers")
    assert any("created_at<?" in step for step in steps)
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps
    assert not any(step.startswith("SCAN compute_servers") and "INDEX" not in step for step in steps)


async def test_one_server_is_found_by_its_key(cloud: LifeCloud, member: AsgiClient, plans: list[str]) -> None:
    made = await cloud.post_server("one")
    await cloud.settle()
    await cloud.http.using("member").post("/network/v2.0/networks", {"network": {"name": "another"}})
    plans.clear()
    assert (await member.get(f"/servers/{made}")).status == 200
    assert all("(id=?)" in step for step in explained(cloud, plans, "compute_servers"))
    assert all("(device_id=?)" in step for step in explained(cloud, plans, "network_ports"))
    asked = len(plans)
    assert (await member.get(f"/servers/{made}")).status == 200
    assert len(plans) == asked + 1, "the second time, only whether it has changed"
