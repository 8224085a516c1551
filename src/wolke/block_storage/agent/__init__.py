"""The agent of a host: it makes the volumes on the host's backends what the controllers wish, over HTTP alone.

It holds nothing that matters in memory. Killed at any point and started again, it asks what is due, and every step looks before
it acts. Its death ends no export: they are processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from wolke.block_storage.agent import moves
from wolke.block_storage.agent.checking import QUESTIONS
from wolke.block_storage.agent.ground import (
    Backend,
    BackupStore,
    Client,
    Ground,
    Guests,
    NoGuests,
    Settings,
)
from wolke.block_storage.agent.watch import Watch
from wolke.block_storage.agent.work import Work
from wolke.block_storage.drivers.base import Adoption
from wolke.core.clock import Clock
from wolke.core.drivers import Failure
from wolke.core.log import get_logger
from wolke.image.agent import ImageCache

__all__ = ["Backend", "BackupStore", "BlockStorageAgent", "Guests"]

log = get_logger(__name__)

_RECONNECT_S = (0.2, 5.0)
_FOLDERS = ("copies", moves.FOLDER)


class BlockStorageAgent:
    """``local_image``: where the Image service keeps an image on this machine, if it runs in this process. ``guests``: compute's
    agent on this host. ``backups``: None if there is no object store to be had. ``address``: of this host, for other hosts."""

    def __init__(
        self,
        backends: Sequence[Backend],
        client: Client,
        *,
        host: str,
        state_dir: Path,
        guests: Guests | None = None,
        backups: BackupStore | None = None,
        local_image: Callable[[str], Awaitable[Path | None]] | None = None,
        images: ImageCache | None = None,
        address: str = "",
        clock: Clock | None = None,
    ) -> None:
        self._ground = Ground(
            host,
            {backend.name: backend for backend in backends},
            client,
            images or ImageCache(state_dir / "images", client, local_image),
            state_dir,
            guests or NoGuests(),
            backups,
        )
        self._address = address
        self._started_at = (clock or Clock()).now()
        self._answering: dict[str, asyncio.Task[None]] = {}
        self._known = asyncio.Event()  # to the controllers
        self.work = Work(self._ground)
        self.watch = Watch(self._ground, self.work.lock)

    async def prepare(self) -> None:
        """Make the directories and open the backends. Before ``run`` and ``drain``. A backend that cannot be used is reported
        as down, and tried again at each heartbeat."""
        for name in _FOLDERS:
            (self._ground.state_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ground.images.prepare()
        await self._open_backends()

    async def _open_backends(self) -> None:
        for backend in self._ground.backends.values():
            if backend.reason is None:
                continue
            try:
                await backend.driver.prepare()
                backend.reason = None
            except Exception as why:
                backend.reason = str(why) or type(why).__name__
                log.warning("backend cannot be used", backend=backend.name, reason=backend.reason)

    async def run(self) -> None:
        """Until cancelled. Volumes and exports stay as they are."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._listen())
            group.create_task(self.work.loop.run())
            group.create_task(self._keep_watch())

    async def drain(self) -> None:
        """In tests: register, do all that is due, and look at what is there."""
        await self.register()
        await self.work.loop.drain()
        await self.watch.look()

    async def close(self) -> None:
        for backend in self._ground.backends.values():
            await backend.driver.close()

    # -- being known

    async def register(self) -> None:
        """Report that the host is alive and what it has."""
        ground = self._ground
        await self._open_backends()
        body = {
            "backends": [await self._report(backend) for backend in ground.backends.values()],
            "backups": ground.backups is not None,
            "started_at": self._started_at,
            "address": self._address,
        }
        said = await ground.client.put_json(ground.url("").rstrip("/"), body)
        fields = {one.name for one in dataclasses.fields(Settings)}
        ground.settings = Settings(**{name: value for name, value in said.items() if name in fields})
        await self.recognise(said["id"])
        self._known.set()

    async def recognise(self, host_id: str) -> None:
        """The controllers know this host as ``host_id``: if it always was that, what is on it is theirs."""
        self.watch.mine = await asyncio.to_thread(self._belongs_to, host_id)

    async def _report(self, backend: Backend) -> dict[str, Any]:
        capabilities = msgspec.to_builtins(backend.driver.capabilities)
        capabilities["volume_backend_name"] = backend.volume_backend_name or backend.name
        pool: dict[str, Any] = {"name": backend.pool, "total_gib": 0, "free_gib": 0}
        try:
            if backend.reason is None:
                found = await backend.driver.capacity()
                pool |= {"total_gib": round(found.total_gib, 2), "free_gib": round(found.free_gib, 2)}
        except Exception as why:
            backend.reason = str(why) or type(why).__name__
        pool |= {
            "thin": backend.driver.capabilities.thin_provisioning,
            "reserved_percentage": backend.reserved_percentage,
            "max_over_subscription_ratio": backend.max_over_subscription_ratio,
        }
        return {
            "name": backend.name,
            "driver": backend.driver_name,
            "pools": [pool],
            "capabilities": capabilities,
            "state": "up" if backend.reason is None else "down",
            "reason": backend.reason,
        }

    def _belongs_to(self, host_id: str) -> bool:
        """Whether ``host_id`` is who this host was before; a host that was nobody becomes it. If it is another, the volumes here are
        of another cloud, whose database this is not, and must not be touched."""
        path = self._ground.state_dir / "host-id"
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_text(host_id)
            part.rename(path)
        return path.read_text().strip() == host_id

    async def _beat(self) -> None:
        while True:
            try:
                await self.register()
            except Exception as error:
                log.warning("controllers do not answer", host=self._ground.host, error=repr(error))
                await asyncio.sleep(min(2.0, self._ground.settings.heartbeat_period_s))
            else:
                await asyncio.sleep(self._ground.settings.heartbeat_period_s)

    # -- being told

    async def _listen(self) -> None:
        delay_s, most_s = _RECONNECT_S
        while True:
            try:
                async for text in self._ground.client.stream_lines(self._ground.url("wakes")):
                    delay_s = _RECONNECT_S[0]
                    line = msgspec.json.decode(text)
                    if line.get("look"):
                        self.work.loop.wake()
                    for question in line.get("questions", ()):
                        self._take(question)
            except Exception as error:
                log.info("stream of wakes ended", host=self._ground.host, error=repr(error))
            await asyncio.sleep(delay_s)
            delay_s = min(most_s, delay_s * 2)
            self.work.loop.wake()

    def _take(self, question: dict[str, Any]) -> None:
        """Answer it, once, however often it is heard."""
        key = question["id"]
        if key not in self._answering:
            self._answering[key] = asyncio.create_task(self._answer(question))
            self._answering[key].add_done_callback(lambda task: self._answering.pop(key))

    async def _answer(self, question: dict[str, Any]) -> None:
        try:
            answer = {"value": await self.asked(question["kind"], question["arguments"])}
        except Failure as why:
            answer = {"failure": str(why)}
        except Exception as error:
            log.exception("question not answered", kind=question["kind"])
            answer = {"failure": f"the host met trouble: {type(error).__name__}"}
        with contextlib.suppress(Exception):  # nobody may be waiting any more
            await self._ground.client.post_json(self._ground.url(f"answers/{question['id']}"), answer)

    async def asked(self, kind: str, arguments: dict[str, Any]) -> Any:
        """``manageable_volumes``, ``manageable_snapshots`` of the ``backend`` that ``arguments`` names."""
        if kind in QUESTIONS:
            return await QUESTIONS[kind](self._ground, self.watch, arguments)
        driver = self._ground.driver(arguments.get("backend") or arguments.get("host"))
        if kind not in ("manageable_volumes", "manageable_snapshots"):
            raise Failure(f"This host cannot answer {kind!r}.")
        if not driver.capabilities.adoption:
            return []
        adoption = cast(Adoption, driver)
        found = await (adoption.adoptable() if kind == "manageable_volumes" else adoption.adoptable_snapshots())
        return [_offered(one) for one in found]

    # -- looking round

    async def _keep_watch(self) -> None:
        await self._known.wait()
        while True:
            try:
                await self.watch.look()
            except Exception as error:
                log.warning("could not compare backends with volumes", host=self._ground.host, error=repr(error))
                await asyncio.sleep(1.0)
            else:
                await asyncio.sleep(self._ground.settings.sync_period_s)


def _offered(one: Mapping[str, Any]) -> dict[str, Any]:
    """As Cinder shows what could be managed."""
    source = {"source_reference": {"source-name": one["volume_id"]}} if "volume_id" in one else {}
    return {
        **source,
        "reference": one["reference"],
        "size": one["size_gib"],
        "safe_to_manage": one["reason"] is None,
        "reason_not_safe": one["reason"],
        "cinder_id": None,
        "extra_info": None,
    }
