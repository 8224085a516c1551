"""What a host says its backends have, and mends when it is told to: its part of ``wolke check``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wolke.block_storage.agent.ground import Ground
from wolke.block_storage.agent.watch import Watch
from wolke.core.drivers import Failure

Arguments = Mapping[str, Any]


async def _contents(ground: Ground, watch: Watch, told: Arguments) -> dict[str, Any]:
    backends: dict[str, Any] = {}
    for backend in ground.backends.values():
        if backend.reason is None:
            backends[backend.name] = [
                {
                    "volume_id": one.volume_id, "size_gib": one.size_gib, "snapshots": one.snapshots, "whole": one.whole,
                    "fault": one.fault,
                }
                for one in await backend.driver.volumes()
            ]  # fmt: skip
    return {"backends": backends, "resting": sorted(ground.resting)}


async def _quarantine_volume(ground: Ground, watch: Watch, told: Arguments) -> None:
    driver: Any = _backend(ground, watch, told)
    if not hasattr(driver, "quarantine"):
        raise Failure("this kind of backend has no quarantine")
    async with watch.lock("volume", told["volume_id"]):
        await driver.quarantine(told["volume_id"])


async def _delete_snapshot(ground: Ground, watch: Watch, told: Arguments) -> None:
    driver = _backend(ground, watch, told)
    async with watch.lock("volume", told["volume_id"]):
        await driver.delete_snapshot(told["volume_id"], told["snapshot_id"])


def _backend(ground: Ground, watch: Watch, told: Arguments) -> Any:
    backend = ground.backends.get(told["backend"])
    if backend is None or backend.reason is not None:
        raise Failure(f"the backend {told['backend']} cannot be used now")
    if not watch.mine:
        raise Failure("what is on this host belongs to another cloud")
    return backend.driver


QUESTIONS: Mapping[str, Callable[[Ground, Watch, Arguments], Awaitable[Any]]] = {
    "contents": _contents,
    "quarantine_volume": _quarantine_volume,
    "delete_snapshot": _delete_snapshot,
}
