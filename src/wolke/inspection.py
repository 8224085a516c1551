"""``wolke check``, put together: every service's own comparison, on what it says of itself and on what hosts say they have.

Nobody is accused at the first look: while the cloud works, one look may see the beginning of something and another table the
end. What was the same at two looks, with nothing written to it in between, is told; and then mended, if that was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.checking import CHECKS as STORAGE_CHECKS
from wolke.block_storage.service.checking import Checking as StorageChecking
from wolke.block_storage.service.checking import HostVolumes
from wolke.block_storage.service.life import Life as StorageLife
from wolke.compute.service.checking import CHECKS as COMPUTE_CHECKS
from wolke.compute.service.checking import Checking as ComputeChecking
from wolke.compute.service.checking import HostGuests
from wolke.compute.service.life import Life
from wolke.core.checks import Check, Examined, Found, both, look, mend
from wolke.image.service import Images
from wolke.image.service.checking import CHECKS as IMAGE_CHECKS
from wolke.image.service.checking import Checking as ImageChecking
from wolke.network.service import Network
from wolke.network.service.checking import CHECKS as NETWORK_CHECKS
from wolke.network.service.checking import Checking as NetworkChecking
from wolke.placement.service import Placement
from wolke.placement.service.checking import CHECKS as PLACEMENT_CHECKS
from wolke.placement.service.checking import Checking as PlacementChecking

#: Every check there is, by service, in the order in which they are made.
TABLE: Mapping[str, Sequence[Check]] = {
    "placement": PLACEMENT_CHECKS,
    "image": IMAGE_CHECKS,
    "network": NETWORK_CHECKS,
    "block_storage": STORAGE_CHECKS,
    "compute": COMPUTE_CHECKS,
}
_ROUNDS = 3  # of mending: what was mended may bring to light what it hid
_PAUSE_S = 2.0  # between two looks


class Line(Protocol):
    """To the agents of one host. Raises ``Failure`` or ``CloudError`` if it cannot, or does not answer."""

    async def ask(self, service: str, kind: str, arguments: Mapping[str, Any]) -> Any:
        """``service``: compute (which asks the network's agent, too) or block_storage."""


class Lines(Protocol):
    async def hosts(self, service: str) -> Mapping[str, Line]:
        """Who can be asked now, by name."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that does not agree. ``mended``: None if that was not asked for; else "" or why it could not be."""

    check: str
    about: str
    says: str
    repair: str
    mended: str | None = None


@dataclass(slots=True)
class Report:
    told: list[Told]
    checks: int
    silent: list[str] = field(default_factory=list)  # hosts that could not be asked, and why

    @property
    def left(self) -> list[Told]:
        """What does not agree still."""
        return [one for one in self.told if one.mended != ""]


@dataclass(frozen=True, slots=True)
class Services:
    placement: Placement
    images: Images
    network: Network
    storage: BlockStorage
    storage_life: StorageLife
    life: Life


class Inspection:
    """``running``: the cloud works meanwhile. If not, its guests and networks are down, and only what is too much is wrong."""

    def __init__(
        self,
        services: Services,
        lines: Lines,
        *,
        running: bool = True,
        pause: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._lines = lines
        self._running = running
        self._pause = pause or _pause
        self._silent: dict[str, str] = {}
        placement = PlacementChecking(services.placement.db)
        self.parts: Sequence[Examined] = (
            placement,
            ImageChecking(services.images),
            NetworkChecking(services.network, self._differences, self._carry),
            StorageChecking(
                services.storage, services.storage_life, self._volumes, self._mend_volumes, running=running
            ),
            ComputeChecking(
                services.life, services.network, placement, self._guests, self._mend_guests, running=running
            ),
        )

    async def run(self, *, repair: bool = False) -> Report:
        self._silent.clear()
        left = await self._accused()
        said, tries = dict(left), dict[tuple[str, str], str]()
        for _ in range(_ROUNDS if repair else 0):
            due = {key: one for key, one in left.items() if tries.get(key, "") == ""}
            for key, one in due.items():
                tries[key] = await mend(*one) or ""
            left = await self._accused() if due else left
            said |= left
        tries |= {key: tries.get(key) or "it was mended, and is wrong again" for key in left if repair}
        told = [
            Told(check.name, finding.about, finding.says, check.repair, tries.get(key))
            for key, (check, _, finding) in said.items()
        ]
        silent = [f"{host}: {why}" for host, why in sorted(self._silent.items())]
        return Report(told, sum(len(checks) for checks in TABLE.values()), silent)

    async def _accused(self) -> Found:
        first = await look(self.parts)
        if not first:
            return first
        await self._pause()
        return both(first, await look(self.parts))

    # -- hosts

    async def _each(self, service: str, kind: str) -> dict[str, Any]:
        """What every host answers that does; the others are noted."""
        lines = await self._lines.hosts(service)
        answers = await asyncio.gather(
            *(line.ask(service, kind, {}) for line in lines.values()), return_exceptions=True
        )
        found = {}
        for host, answer in zip(lines, answers, strict=True):
            if isinstance(answer, Exception):
                self._silent[host] = getattr(answer, "message", None) or str(answer) or type(answer).__name__
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[host] = answer
        return found

    async def _guests(self) -> dict[str, HostGuests]:
        answers = await self._each("compute", "contents")
        return {host: msgspec.convert({**one, "settled": self._running}, HostGuests) for host, one in answers.items()}

    async def _volumes(self) -> dict[str, HostVolumes]:
        return {
            host: msgspec.convert(one, HostVolumes)
            for host, one in (await self._each("block_storage", "contents")).items()
        }

    async def _differences(self) -> dict[str, list[tuple[str, str]]]:
        answers = await self._each("compute", "differences")
        return {host: [(about, says) for about, says in one] for host, one in answers.items()}

    async def _carry(self, host: str) -> None:
        await self._mend_guests(host, "carry", {})

    async def _mend_guests(self, host: str, kind: str, arguments: Mapping[str, Any]) -> None:
        await (await self._lines.hosts("compute"))[host].ask("compute", kind, arguments)

    async def _mend_volumes(self, host: str, kind: str, arguments: Mapping[str, Any]) -> None:
        await (await self._lines.hosts("block_storage"))[host].ask("block_storage", kind, arguments)


async def _pause() -> None:
    await asyncio.sleep(_PAUSE_S)
