"""A server's life, from its order to its bill, in a cloud that is known by its public API alone."""

from __future__ import annotations

from typing import Any

import pytest

from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.resources.store import INTERVALS, SERVERS
from wolke.business.who import OWNER, Who


async def test_a_project_is_made_in_the_cloud_and_nobody_sees_how(business: Any) -> None:
    shown = await business.call("projects.show")
    assert shown.state == "ready" and shown.reason is None
    async with business.at_work():
        rules = await business.until(
            lambda: business.call("firewall.list"), lambda found: all(rule.state == "ready" for rule in found.items)
        )
    assert {rule.text for rule in rules.items} == {
        "Everybody on the internet may reach sign-in by SSH ({ports}).",
        "Everybody on the internet may ask whether your servers are there (ping).",
    }
    assert not hasattr(shown, "cloud_password")


async def test_a_server_is_ordered_used_and_deleted(business: Any, public_key: str) -> None:
    key = await business.call("key_pairs.add", {"name": "Kim", "public_key": public_key})
    async with business.at_work():
        ordered = await business.call("servers.order", await business.new_server("web", key_id=key.id))
        server = await business.server(ordered.object_id, "running")
        assert server.began_at and server.private_addresses
        server = await business.until(
            lambda: business.call("servers.show", server_id=server.id), lambda found: found.public_address
        )
        with pytest.raises(NotNow, match="no screens to show"):  # guests that are only played have none
            await business.call("servers.console", server_id=server.id)
        assert (await business.call("servers.stop", server_id=server.id)).doing == "stopping"
        await business.server(server.id, "stopped")
        await business.call("servers.start", server_id=server.id)
        await business.server(server.id, "running")
        await business.call("servers.restart", {"hard": True}, server_id=server.id)
        await business.server(server.id, "running")
        with pytest.raises(Invalid) as refused:
            await business.call("servers.delete", {"name": "another"}, server_id=server.id)
        assert "name" in refused.value.fields
        await business.call("servers.delete", {"name": "web"}, server_id=server.id)
        gone = await business.server(server.id, "gone")
        assert gone.gone_at
        history = await business.until(
            lambda: business.call("servers.history", {}, server_id=server.id),
            lambda found: all(action.done_at for action in found.items),
        )
    assert [action.verb for action in reversed(history.items)] == ["order", "stop", "start", "restart", "delete"]
    assert {action.state for action in history.items} == {"done"}
    assert not (await business.call("servers.list", {})).items


async def test_a_resize_ends_one_interval_and_begins_another(business: Any) -> None:
    async with business.at_work():
        ordered = await business.call("servers.order", await business.new_server("db", public_address=False))
        before = await business.server(ordered.object_id, "running")
        larger = await business.plan("m1.medium")
        await business.call("servers.resize", {"plan_id": larger.id}, server_id=before.id)
        after = await business.until(
            lambda: business.call("servers.show", server_id=before.id),
            lambda found: found.plan_id == larger.id and not found.doing,
        )
        assert (after.vcpus, after.ram_mib) == (2, 4096) and after.state == "running"
    stays = await business.desk.needs.db.find(INTERVALS, resource_id=before.id)
    first, second = sorted(stays, key=lambda stay: stay.begins_at)
    assert (first.plan_id, second.plan_id) == (before.plan_id, larger.id)
    assert first.ends_at == second.begins_at and second.ends_at is None


async def test_a_server_that_lived_between_two_looks_is_not_lost(business: Any) -> None:
    await business.desk.resources.mirror.look("servers")
    key = await business.desk.resources.means.credentials(business.project_id)
    cloud = business.desk.cloud
    network = await cloud.project(key, lambda side: side.ensure_network())
    from wolke.business.openstack import NewServer

    image = (await business.call("images.list")).items[0]
    wanted = NewServer("brief", "", "m1.small", image.id, "", network, "")
    server_id = await cloud.project(key, lambda side: side.make_server(wanted))
    await business.asked(
        lambda: cloud.project(key, lambda side: side.server(server_id)), lambda found: found.state == "running"
    )
    await cloud.project(key, lambda side: side.delete_server(server_id))

    async def look() -> Any:
        await business.desk.resources.mirror.look("servers")
        return await business.desk.needs.db.get(SERVERS, cloud_id=server_id)

    row = await business.asked(look, lambda found: found is not None and found.gone_at)
    (stay,) = await business.desk.needs.db.find(INTERVALS, resource_id=row.id)
    assert stay.begins_at == row.began_at and stay.ends_at == row.gone_at and stay.plan_id


async def test_what_is_another_companys_is_not_there(business: Any) -> None:
    stranger = Who("somebody", company_id="elsewhere", roles=frozenset({OWNER}))
    for name, places in (
        ("servers.list", {}),
        ("servers.show", {"server_id": "x"}),
        ("firewall.list", {}),
        ("network.show", {}),
    ):
        with pytest.raises(NotThere):
            await business.call(
                name, {} if name.endswith("list") and name != "firewall.list" else None, who=stranger, **places
            )


async def test_a_server_on_its_way_cannot_be_stopped(business: Any) -> None:
    ordered = await business.call("servers.order", await business.new_server("early", public_address=False))
    with pytest.raises(NotNow):
        await business.call("servers.stop", server_id=ordered.object_id)
