"""The agent of a host: it makes the host's guests what the controllers wish, over HTTP alone.

It holds nothing that matters in memory. Killed at any point and started again, it asks what is due, and every step looks before
it acts. Its death ends no guest: they are processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from wolke.compute.agent.checking import QUESTIONS
from wolke.compute.agent.ground import Client, Ground, HostNetwork, Settings
from wolke.compute.agent.lines import Lines, TlsTransport, Transport
from wolke.compute.agent.memory import Memory
from wolke.compute.agent.watch import Watch
from wolke.compute.agent.work import Work
from wolke.compute.drivers.base import Power
from wolke.core.clock import Clock
from wolke.core.drivers import Failure
from wolke.core.log import get_logger
from wolke.image.agent import ImageCache

__all__ = ["ComputeAgent"]

log = get_logger(__name__)

_RECONNECT_S = (0.2, 5.0)
_RUNNING = (Power.RUNNING, Power.PAUSED)


class ComputeAgent:
    """``driver_name``: as in the map of drivers. ``transport``: how agents of other hosts come here, and this one goes there. ``local_image``: where the Image service keeps an image on this machine, if
    it runs in this process. The driver is prepared and closed by whoever made it."""

    def __init__(
        self,
        driver: Any,
        client: Client,
        network: HostNetwork,
        *,
        host: str,
        state_dir: Path,
        driver_name: str,
        local_image: Callable[[str], Awaitable[Path | None]] | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
    ) -> None:
        images = ImageCache(state_dir / "images-cache", client, local_image)
        self._transport = transport or TlsTransport()
        self.lines = Lines(host, client, driver, self._transport)
        self._ground = Ground(host, driver, client, network, images, state_dir, self.lines)
        self._memory = Memory(state_dir)
        self._driver_name = driver_name
        self._started_at = (clock or Clock()).now()
        self._answering: dict[str, asyncio.Task[None]] = {}
        self._known = asyncio.Event()  # to the controllers
        self.work = Work(self._ground)
        self.watch = Watch(self._ground, self._memory, self.work)

    async def prepare(self) -> None:
        """Make the directories. Before ``run`` and ``drain``."""
        for name in ("config-drives", "snapshots"):
            (self._ground.state_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ground.images.prepare()

    async def run(self) -> None:
        """Until cancelled. Guests stay as they are."""
        await self.prepare()
        async with self._transport.open(self.lines.serve), asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._listen())
            group.create_task(self.work.loop.run())
            group.create_task(self._keep_watch())

    async def drain(self) -> None:
        """In tests: register, do all that is due, and look at what is there."""
        await self.register()
        await self.work.loop.drain()
        await self.watch.look()

    # -- being known

    async def register(self) -> None:
        """Report that the host is alive and what it has."""
        ground = self._ground
        body = {
            "driver": self._driver_name,
            "capabilities": msgspec.to_builtins(ground.driver.capabilities),
            "inventory": msgspec.to_builtins(await ground.driver.inventory()),
            "started_at": self._started_at,
            "door": self._transport.door,
        }
        said = await ground.client.put_json(f"/agent/compute/v1/hosts/{ground.host}", body)
        ground.settings = Settings(**{one.name: said[one.name] for one in fields(Settings)})
        self.recognise(said["id"])
        self._known.set()

    def recognise(self, host_id: str) -> None:
        """The controllers know this host as ``host_id``: if it always was that, what is on it is theirs."""
        self.watch.mine = self._memory.belongs_to(host_id)

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
            answer = {"value": await self.asked(question["kind"], question["server_id"], question["arguments"])}
        except Failure as why:
            answer = {"failure": str(why)}
        except Exception as error:
            log.exception("question not answered", kind=question["kind"])
            answer = {"failure": f"the host met trouble: {type(error).__name__}"}
        with contextlib.suppress(Exception):  # nobody may be waiting any more
            await self._ground.client.post_json(self._ground.url(f"answers/{question['id']}"), answer)

    async def asked(self, kind: str, server_id: str, arguments: dict[str, Any]) -> Any:
        """What controllers want to know of this host, or what somebody who found it wrong wants it to mend."""
        if kind == "console_output":
            return await self.console_output(server_id, arguments.get("length"))
        if kind == "diagnostics":
            return await self.diagnostics(server_id)
        if kind not in QUESTIONS:
            raise Failure(f"this host cannot answer {kind!r}")
        return await QUESTIONS[kind](self._ground, self.work, self.watch, {**arguments, "server_id": server_id})

    async def diagnostics(self, server_id: str) -> dict[str, Any]:
        driver = self._ground.driver
        if not driver.capabilities.diagnostics:
            raise Failure("this hypervisor measures nothing")
        guest = await driver.look(server_id)
        if guest is None:
            raise Failure("there is no guest of the server on its host")
        measured: dict[str, Any] = msgspec.to_builtins(await driver.measure(server_id))
        return {**measured, "state": guest.power.value}

    # -- looking round

    async def _keep_watch(self) -> None:
        await self._known.wait()
        while True:
            try:
                await self.watch.look()
            except Exception as error:
                log.warning("could not compare guests with servers", host=self._ground.host, error=repr(error))
                await asyncio.sleep(1.0)
            else:
                await asyncio.sleep(self._ground.settings.sync_period_s)

    # -- for the controller in the same process (ConsoleDoor)

    async def console_output(self, server_id: str, length: int | None) -> str:
        if not self._ground.driver.capabilities.console_output:
            raise Failure("this hypervisor keeps no console output")
        return str(await self._ground.driver.console_output(server_id, length))

    async def console_socket(self, server_id: str, kind: str) -> Path:
        driver = self._ground.driver
        path: Path = await (driver.vnc(server_id) if kind == "novnc" else driver.serial(server_id))
        return path

    async def holder(self, volume_id: str) -> Any:
        """For Block Storage's agent on this host: the guest that has the volume open, or None."""
        driver = self._ground.driver
        return await driver.holder(volume_id) if driver.capabilities.volumes else None

    # -- the end

    async def shutdown_guests(self, timeout_s: float) -> int:
        """Switch off what runs, leaving what is wished as it is: the next start brings back what was ACTIVE. Call it after
        ``run`` has ended. Returns how many were switched off."""
        running = [guest.server_id for guest in await self._ground.driver.list() if guest.power in _RUNNING]
        if running:
            self._memory.take_down(running)
        results = await asyncio.gather(
            *(self._ground.driver.stop(server_id, timeout_s) for server_id in running), return_exceptions=True
        )
        for server_id, result in zip(running, results, strict=True):
            if isinstance(result, Exception):
                log.warning("guest did not stop", server_id=server_id, error=repr(result))
        return len(running)
