"""The process dies before or after any question to the cloud while an order is carried out; what comes after it finds one server, and no second one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from wolke.business.openstack import CloudWindow
from wolke.business.portal import build_desk
from wolke.business.resources.store import ACTIONS, SERVERS
from wolke.core.db import Where


class Died(BaseException):
    """As kill -9: nothing in between may catch it."""


class Dying(CloudWindow):
    """Dies at the ``at``-th question from now on, before it goes out or after it was answered."""

    questions = 0
    at: int | None = None
    after = False

    async def project(self, credentials: Any, ask: Callable[[Any], Any], *, carries: bool = False) -> Any:
        number, self.questions = self.questions, self.questions + 1
        if number == self.at and not self.after:
            raise Died
        answer = await super().project(credentials, ask, carries=carries)
        if number == self.at:
            raise Died
        return answer


@asynccontextmanager
async def _another_process(business: Any, cloud_process: Any) -> AsyncIterator[tuple[Any, Dying]]:
    """A desk that knows only what the database does."""
    window = Dying("wolke-admin", cloud_process.clouds)
    desk = build_desk(business.desk.needs, window)
    business.desk.resources, business.desk.cloud = desk.resources, window
    yield desk, window
    await window.close()


async def _settle(business: Any, object_id: str) -> None:
    """Its wishes fulfilled, by the loop that does it, one after the other."""
    acts, db = business.desk.resources.acts, business.desk.needs.db

    async def look() -> int:
        await acts.act(object_id)
        return int(await db.count(ACTIONS, object_id=object_id, where=(Where("due_at", "isnull", False),)))

    undone = 1
    while undone:
        undone = await look()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_repeated_order_makes_no_second_server(business: Any, cloud_process: Any, after: bool) -> None:
    async with _another_process(business, cloud_process) as (_, window):
        ordered = await business.call("servers.order", await business.new_server("calm", public_address=False))
        await _settle(business, ordered.object_id)
        questions = window.questions
    assert questions >= 4
    made = {"calm": 1}
    for number in range(4):
        name = f"died-{number}"
        async with _another_process(business, cloud_process) as (_, window):
            window.at, window.after = number, after
            ordered = await business.call("servers.order", await business.new_server(name, public_address=False))
            with pytest.raises(Died):
                await _settle(business, ordered.object_id)
        async with _another_process(business, cloud_process):
            await _settle(business, ordered.object_id)
        row = await business.desk.needs.db.get(SERVERS, id=ordered.object_id)
        assert row.state == "running"
        made[name] = 1
    async with _another_process(business, cloud_process) as (desk, window):
        project = await desk.customers.projects.seen(business.who, business.project_id)
        there = [
            one.name
            for one in await window.provider(lambda side: list(side.servers()))
            if one.cloud_project_id == project.cloud_project_id
        ]
    assert sorted(there) == sorted(made)


async def test_an_order_that_is_deleted_before_it_went_out_makes_none(business: Any, cloud_process: Any) -> None:
    async with _another_process(business, cloud_process):
        ordered = await business.call("servers.order", await business.new_server("regret", public_address=False))
        await business.call("servers.delete", {"name": "regret"}, server_id=ordered.object_id)
        await _settle(business, ordered.object_id)
    row = await business.desk.needs.db.get(SERVERS, id=ordered.object_id)
    assert row.state == "gone" and row.cloud_id is None


async def test_an_order_whose_answer_was_lost_is_found_and_deleted(business: Any, cloud_process: Any) -> None:
    """It went out, the process died before it knew, and the customer changed their mind."""
    async with _another_process(business, cloud_process) as (_, window):
        window.at, window.after = 2, True
        ordered = await business.call("servers.order", await business.new_server("lost", public_address=False))
        with pytest.raises(Died):
            await _settle(business, ordered.object_id)
    assert (await business.desk.needs.db.get(SERVERS, id=ordered.object_id)).cloud_id is None
    async with _another_process(business, cloud_process):
        await business.call("servers.delete", {"name": "lost"}, server_id=ordered.object_id)
        await _settle(business, ordered.object_id)
    row = await business.desk.needs.db.get(SERVERS, id=ordered.object_id)
    assert row.state == "gone" and row.cloud_id is not None
