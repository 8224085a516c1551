"""A host is emptied: what can move begins to, and of each server that stays it is said why."""

from __future__ import annotations

from typing import Any

import pytest

from wolke.business.errors import NotThere
from wolke.business.resources.fleet import NOT_RUNNING
from wolke.business.who import ADMINISTRATOR, Who

BOSS = Who("boss", staff=frozenset({ADMINISTRATOR}))


async def test_without_another_host_every_server_stays_or_comes_back_and_nothing_new_comes(business: Any) -> None:
    async with business.at_work():
        server_id = (
            await business.call("servers.order", await business.new_server("halt", public_address=False))
        ).object_id
        await business.server(server_id, "running")
        await business.call("servers.stop", server_id=server_id)
        await business.server(server_id, "stopped")
        (host,) = (await business.call("fleet.show", who=BOSS)).hosts
        drained = await business.call("hosts.drain", who=BOSS, host=host.name)
        assert {one.id: one.reason for one in drained.staying}[server_id] == NOT_RUNNING
        (emptied,) = (await business.call("fleet.show", who=BOSS)).hosts
        assert not emptied.enabled
        await business.call("hosts.enable", who=BOSS, host=host.name)
        await business.call("servers.start", server_id=server_id)
        await business.server(server_id, "running")
        again = await business.call("hosts.drain", who=BOSS, host=host.name)
        await business.call("hosts.enable", who=BOSS, host=host.name)
        assert all(one.reason for one in again.staying)
        assert (await business.server(server_id, "running")).id == server_id
        with pytest.raises(NotThere):
            await business.call("hosts.drain", who=BOSS, host="nowhere")
