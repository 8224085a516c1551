"""What a host says it has, and mends when it is told to: its part of ``wolke check``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.watch import Watch
from wolke.compute.agent.work import Work
from wolke.core.drivers import Failure

Arguments = Mapping[str, Any]


async def _contents(ground: Ground, work: Work, watch: Watch, told: Arguments) -> dict[str, Any]:
    driver = ground.driver
    guests = {guest.server_id: guest.power.value for guest in await driver.list()}
    return {"guests": guests, "asides": list(await driver.asides()) if driver.capabilities.moves else []}


async def _remove(ground: Ground, work: Work, watch: Watch, told: Arguments) -> None:
    _mine(watch)
    await work.remove(told["server_id"])


async def _quarantine(ground: Ground, work: Work, watch: Watch, told: Arguments) -> None:
    _mine(watch)
    if not hasattr(ground.driver, "quarantine"):
        raise Failure("this hypervisor has no quarantine")
    await work.quarantine(told["server_id"])


async def _forget_aside(ground: Ground, work: Work, watch: Watch, told: Arguments) -> None:
    _mine(watch)
    await work.forget_aside(told["server_id"])


async def _compare(ground: Ground, work: Work, watch: Watch, told: Arguments) -> None:
    await watch.look()


async def _differences(ground: Ground, work: Work, watch: Watch, told: Arguments) -> list[list[str]]:
    return [[about, says] for about, says in await ground.network.differences()]


async def _carry(ground: Ground, work: Work, watch: Watch, told: Arguments) -> None:
    await ground.network.carry()


def _mine(watch: Watch) -> None:
    if not watch.mine:
        raise Failure("what is on this host belongs to another cloud")


QUESTIONS: Mapping[str, Callable[[Ground, Work, Watch, Arguments], Awaitable[Any]]] = {
    "contents": _contents,
    "remove_guest": _remove,
    "quarantine_guest": _quarantine,
    "forget_aside": _forget_aside,
    "compare": _compare,
    "differences": _differences,
    "carry": _carry,
}
