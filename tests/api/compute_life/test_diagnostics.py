"""What a server's guest has used, asked of its host."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.life_cloud import LifeCloud


@contextlib.asynccontextmanager
async def listening(cloud: LifeCloud) -> AsyncIterator[None]:
    agent = asyncio.create_task(cloud.hosts["host-1"].agent.run())
    try:
        yield
    finally:
        agent.cancel()
        await asyncio.gather(agent, return_exceptions=True)


async def test_a_servers_host_tells_what_its_guest_has_used(cloud: LifeCloud) -> None:
    cloud.compute.diagnoses = cloud.life.diagnoses
    member = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")
    asked = {"name": "s", "imageRef": cloud.image_id, "flavorRef": "1", "networks": "auto"}
    server_id = (await member.post("/servers", {"server": asked})).json["server"]["id"]
    admin, path = member.using("admin"), f"/servers/{server_id}/diagnostics"
    assert (await admin.get(path)).status == 409  # it is nowhere yet
    await cloud.settle()
    async with listening(cloud):
        newest = (await admin.get(path)).json
        oldest = (await admin.using("admin", "/compute/v2.1", openstack_api_version="compute 2.47").get(path)).json
    assert (newest["state"], newest["num_cpus"], newest["num_nics"], newest["num_disks"]) == ("running", 1, 1, 1)
    assert newest["memory_details"]["maximum"] and newest["hypervisor"] == "simulated"
    assert oldest["vda_read"] == 0 and "cpu0_time" in oldest
    assert (await member.get(path)).status == 403
