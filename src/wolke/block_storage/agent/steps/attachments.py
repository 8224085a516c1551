"""What is done so that a host can open a volume, and when it no longer needs to."""

from __future__ import annotations

import msgspec

from wolke.block_storage.agent import moves
from wolke.block_storage.agent.ground import Ground
from wolke.block_storage.agent.steps.volumes import Learnt
from wolke.block_storage.drivers.base import Connector
from wolke.block_storage.model import Wish
from wolke.core.drivers import Failure


async def connect(ground: Ground, wish: Wish) -> Learnt:
    spec, said = wish.specification["volume"], wish.arguments.get("connector") or {}
    host = said.get("host")
    if not spec:
        raise Failure("The volume is not there any more.")
    if not isinstance(host, str) or not host:
        raise Failure("The connector does not say which host it is of.")
    connector = Connector(
        host,
        wish.arguments["attachment_id"],
        read_only=wish.specification.get("mode") == "ro" or spec["read_only"],
        shared=spec["multiattach"],
        served=bool(said.get("served")),
        address=str(said.get("ip") or ""),
    )
    backend = moves.noted(ground, spec["id"]) or spec["backend"]
    connection = await ground.driver(backend).connect(spec["id"], connector)
    return {"connection": msgspec.to_builtins(connection)}


async def disconnect(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification["volume"]
    if not spec:
        return {}  # the volume is gone, and its connections with it
    await ground.driver(spec["backend"]).disconnect(spec["id"], wish.arguments["attachment_id"])
    return {}
