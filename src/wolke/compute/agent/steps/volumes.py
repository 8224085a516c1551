"""Volumes that come and go, and how a guest opens those that it has.

What a volume is made of changes with each snapshot of it. Therefore it is asked for again before every start of a guest, and
Block Storage's agent on the host is asked in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.drivers.base import Layer, Remote, Volume
from wolke.compute.model import Wish
from wolke.core.drivers import Failure

Learnt = dict[str, Any]


async def attach(ground: Ground, wish: Wish) -> Learnt:
    _must_do(ground)
    device_id = str(wish.arguments["device_id"])
    if await ground.driver.look(wish.server_id) is None:
        raise Failure("The server is not on this host.")
    for volume in await connections(ground, wish.server_id, [device_id]):
        await ground.driver.attach_volume(wish.server_id, volume)
    return {}


async def detach(ground: Ground, wish: Wish) -> Learnt:
    if await ground.driver.look(wish.server_id) is not None:
        await ground.driver.detach_volume(wish.server_id, str(wish.arguments["volume_id"]))
    return {}


async def swap(ground: Ground, wish: Wish) -> Learnt:
    """The guest has the new volume in the place of the old one, with all that was in that."""
    [new] = await connections(ground, wish.server_id, [str(wish.arguments["device_id"])])
    await ground.driver.swap_volume(wish.server_id, str(wish.arguments["volume_id"]), new)
    return {}


async def keep(ground: Ground, wish: Wish) -> Learnt:
    """It was not to be: the guest has the old one, whatever has been done by now."""
    if await ground.driver.look(wish.server_id) is not None:
        [old] = await connections(ground, wish.server_id, [str(wish.arguments["device_id"])])
        await ground.driver.swap_volume(wish.server_id, str(wish.arguments["new_volume_id"]), old)
    return {}


async def of_wish(ground: Ground, wish: Wish) -> list[Volume]:
    """All of the server's, as they are opened now."""
    wanted = [one["device_id"] for one in wish.specification.get("volumes", ())]
    if not wanted:
        return []
    _must_do(ground)
    return await connections(ground, wish.server_id, wanted)


async def renew(ground: Ground, wish: Wish) -> None:
    """Before a guest that is there is started."""
    if ground.driver.capabilities.volumes:
        await ground.driver.connect_volumes(wish.server_id, await of_wish(ground, wish))


async def refresh(ground: Ground, wish: Wish) -> Learnt:
    """The guest's volumes are as large and as fast as they should be by now."""
    if await ground.driver.look(wish.server_id) is not None:
        await renew(ground, wish)
    return {}


async def connections(
    ground: Ground, server_id: str, device_ids: Sequence[str], *, served: bool = False
) -> list[Volume]:
    """Raises ``Failure`` if Block Storage says that it cannot be. ``served``: over the network, even if they are on this host."""
    asked = {"devices": list(device_ids), "served": served}
    said = await ground.client.post_json(ground.url(f"connections/{server_id}"), asked)
    if said.get("failure"):
        raise Failure(str(said["failure"]))
    return [_volume(one) for one in said["connections"]]


def _volume(said: dict[str, Any]) -> Volume:
    connection = said["connection"]
    if connection["type"] not in ("file", "nbd"):
        raise Failure(f"This host cannot open volumes that are served by {connection['type']}.")
    return Volume(
        volume_id=said["volume_id"],
        size_gib=said["size_gib"],
        layers=tuple(Layer(one["path"], one["format"]) for one in connection["layers"]),
        read_only=connection["read_only"],
        encrypted=connection["encrypted"],
        passphrase=said["passphrase"] or "",
        root=said["root"],
        limits=connection.get("qos_specs") or {},
        bus=said["bus"],
        boot_index=said["boot_index"],
        remote=_remote(connection) if connection["type"] == "nbd" else None,
        shared=said["shared"],
    )


def _remote(connection: dict[str, Any]) -> Remote:
    return Remote(
        host=connection["host"],
        port=connection["port"],
        export=connection["export"],
        username=connection["tls_username"],
        key=connection["tls_psk"],
    )


def _must_do(ground: Ground) -> None:
    if not ground.driver.capabilities.volumes:
        raise Failure("the hypervisor of this host cannot give volumes to servers")
