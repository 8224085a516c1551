"""A cloud in which all is well, with one of everything that can go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import MEMBER_PROJECT, AsgiClient
from tests.disk_cloud import DiskCloud
from tests.life_cloud import ADMIN, InProcessClient
from wolke.block_storage.store import SNAPSHOTS
from wolke.core.db import Database, Table
from wolke.network.agent import NetworkAgent
from wolke.network.drivers.simulated import SimulatedDataplane


@dataclass
class Street:
    """``server`` runs with ``attached``; ``moved`` waits for its resize to be confirmed. ``volume`` has ``snapshot``."""

    cloud: DiskCloud
    member: AsgiClient
    dataplane: SimulatedDataplane
    server: str
    moved: str
    attached: str
    volume: str
    snapshot: str

    async def change(self, table: Table[Any], changes: dict[str, Any], **equal: Any) -> None:
        """Behind the cloud's back."""
        async with self.cloud.db.transaction() as tx:
            assert await tx.update(table, changes, **equal), (table.name, equal)

    async def delete(self, table: Table[Any], **equal: Any) -> None:
        async with self.cloud.db.transaction() as tx:
            assert await tx.delete(table, **equal), (table.name, equal)

    async def insert(self, table: Table[Any], record: Any) -> None:
        async with self.cloud.db.transaction() as tx:
            await tx.insert(table, record)

    async def one(self, table: Table[Any], **equal: Any) -> Any:
        found = await self.cloud.db.find(table, **equal)
        assert found, (table.name, equal)
        return found[0]


class Carrier(NetworkAgent):
    """Looks when it is asked, for nothing runs by itself here."""

    async def ensure_port(self, network_id: str, port_id: str, timeout_s: float) -> None:
        await self.round()
        await super().ensure_port(network_id, port_id, timeout_s)


async def opened(database: Database, root: Path) -> tuple[DiskCloud, list[SimulatedDataplane], list[Carrier]]:
    """The cloud in ``root`` as new processes find it."""
    cloud = DiskCloud(database, root)
    cloud.start()
    dataplanes, networks = [SimulatedDataplane(), SimulatedDataplane()], []
    for dataplane, name in zip(dataplanes, ("host-1", "host-2"), strict=True):
        networks.append(Carrier(dataplane, InProcessClient(cloud.app), name))
        await networks[-1].register()
        await cloud.add_host(name, network=networks[-1])
    return cloud, dataplanes, networks


async def furnish(database: Database, root: Path) -> None:
    cloud, _, networks = await opened(database, root)
    await cloud.furnish()
    server = await cloud.create("runs", availability_zone="nova:host-1")
    moved = await cloud.create("moved", availability_zone="nova:host-1")
    attached, volume = await cloud.volume(), await cloud.volume()
    await settled(cloud, networks)
    await cloud.attach(server.id, attached)
    await cloud.compute.moves.migrate(ADMIN, moved.id, "host-2")
    made = await _member(cloud).post("/snapshots", {"snapshot": {"volume_id": volume}})
    assert made.status == 202, made.body
    await settled(cloud, networks)
    assert (await cloud.server(moved.id)).status == "RESIZED"
    snapshot = (await cloud.db.find(SNAPSHOTS))[0].id
    (root / "street").write_text(" ".join((server.id, moved.id, attached, volume, snapshot)))


async def found(database: Database, root: Path) -> Street:
    """What ``furnish`` left."""
    cloud, dataplanes, networks = await opened(database, root)
    await settled(cloud, networks)
    return Street(cloud, _member(cloud), dataplanes[0], *(root / "street").read_text().split())


def _member(cloud: DiskCloud) -> AsgiClient:
    return cloud.http.using("member", f"/volume/v3/{MEMBER_PROJECT}", openstack_api_version="volume latest")


async def settled(cloud: DiskCloud, networks: Sequence[NetworkAgent]) -> None:
    await cloud.settle()
    for network in networks:
        await network.round()
