"""Disks, addresses, snapshots and objects, in a cloud that is known by its public API alone."""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import pytest

from wolke.business.errors import NotNow
from wolke.business.resources.store import ADDRESSES, DISKS, INTERVALS, SNAPSHOTS
from wolke.business.verb import Carried


async def test_a_disk_is_ordered_used_grown_and_deleted(business: Any) -> None:
    plan = (await business.desk.catalogue.plans(kind="disk"))[0]
    db = business.desk.needs.db
    async with business.at_work():
        server = (await business.call("servers.order", await business.new_server("db", public_address=False))).object_id
        ordered = await business.call(
            "disks.order", {"name": "data", "plan_id": plan.id, "size_gib": 5, "server_id": server}
        )

        async def disk(**wanted: Any) -> Any:
            def fits(found: Any) -> bool:
                return all(getattr(found, name) == value for name, value in wanted.items())

            return await business.until(lambda: db.get(DISKS, id=ordered.object_id), fits)

        assert (await disk(state="used")).server_id == server
        await business.call("disks.detach", disk_id=ordered.object_id)
        await disk(state="ready", server_id=None)
        await business.call("disks.grow", {"size_gib": 8}, disk_id=ordered.object_id)
        await disk(state="ready", size_gib=8)
        await business.call("disks.delete", {"name": "data"}, disk_id=ordered.object_id)
        await disk(state="gone")
    stays = sorted(await db.find(INTERVALS, resource_id=ordered.object_id), key=lambda stay: stay.begins_at)
    assert [stay.amount for stay in stays] == ["5", "8"] and all(stay.ends_at for stay in stays)


async def test_an_address_is_ordered_led_elsewhere_and_given_back(business: Any) -> None:
    db = business.desk.needs.db
    async with business.at_work():
        server = (
            await business.call("servers.order", await business.new_server("web", public_address=False))
        ).object_id
        ordered = (await business.call("addresses.order", {"server_id": server})).object_id
        found = await business.until(lambda: db.get(ADDRESSES, id=ordered), lambda row: row.state == "used")
        assert found.server_id == server
        shown = await business.call("servers.show", server_id=server)
        assert shown.public_address == found.address
        await business.call("addresses.assign", {"server_id": ""}, address_id=ordered)
        await business.until(lambda: db.get(ADDRESSES, id=ordered), lambda row: row.state == "ready")
        assert (await business.call("servers.show", server_id=server)).public_address == ""
        await business.call("addresses.release", address_id=ordered)
        await business.until(lambda: db.get(ADDRESSES, id=ordered), lambda row: row.state == "gone")


async def test_a_new_server_is_made_of_a_snapshot(business: Any) -> None:
    db = business.desk.needs.db
    async with business.at_work():
        server = (
            await business.call("servers.order", await business.new_server("gold", public_address=False))
        ).object_id
        with pytest.raises(NotNow):
            await business.call("snapshots.order", {"name": "early"}, server_id=server)
        await business.server(server, "running")
        snapshot = (await business.call("snapshots.order", {"name": "gold one"}, server_id=server)).id
        await business.until(lambda: db.get(SNAPSHOTS, id=snapshot), lambda row: row.state == "ready")
        again = await business.new_server("copy", public_address=False, image_id=snapshot)
        copy = await business.server((await business.call("servers.order", again)).object_id, "running")
        assert copy.image_name == "gold one"
        await business.call("snapshots.delete", snapshot_id=snapshot)
        await business.until(lambda: db.get(SNAPSHOTS, id=snapshot), lambda row: row.state == "gone")


async def _chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_objects_are_stored_listed_shared_fetched_and_deleted(business: Any) -> None:
    await business.call("containers.make", {"name": "letters"})
    verb = business.desk.verbs["objects.put"]
    from wolke.business.verb import read

    asked = Carried(read(verb.takes, {"name": "2026/an Käthe.txt"}), "text/plain", _chunks(b"Dear ", b"K\xc3\xa4the"))
    places = {"project_id": business.project_id, "container": "letters"}
    await business.desk.call(business.who, "objects.put", asked, **places)
    (folder,) = (await business.call("objects.list", {}, container="letters")).items
    assert folder.folder and folder.name == "2026/"
    (stored,) = (await business.call("objects.list", {"folder": "2026/"}, container="letters")).items
    assert (stored.name, stored.size_bytes, stored.kind) == ("2026/an Käthe.txt", 11, "text/plain")
    fetched = await business.call("objects.get", {"name": stored.name}, container="letters")
    assert (
        b"".join([chunk async for chunk in fetched.content]) == b"Dear K\xc3\xa4the" and fetched.name == "an Käthe.txt"
    )
    shared = await business.call("objects.share", {"name": stored.name, "lasts_s": 60}, container="letters")
    with urllib.request.urlopen(shared.url, timeout=30) as answer:
        assert answer.read() == b"Dear K\xc3\xa4the"
    with pytest.raises(NotNow, match="not empty"):
        await business.call("containers.delete", container="letters")
    await business.call("objects.delete", {"name": stored.name}, container="letters")
    await business.call("containers.delete", container="letters")
    assert not (await business.call("containers.list")).items


async def test_an_upload_that_breaks_off_leaves_nothing(business: Any) -> None:
    await business.call("containers.make", {"name": "half"})

    async def broken() -> AsyncIterator[bytes]:
        yield b"half of "
        raise OSError("the browser was closed")

    asked = Carried(business.desk.verbs["objects.put"].takes("all"), "", broken())
    with pytest.raises(OSError, match="browser was closed"):
        await business.desk.call(business.who, "objects.put", asked, project_id=business.project_id, container="half")
    assert not (await business.call("objects.list", {}, container="half")).items
