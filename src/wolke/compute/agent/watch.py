"""Comparing what is on the host with what should be: powers are reported, guests that nobody owns are removed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.memory import Memory
from wolke.compute.agent.work import Work
from wolke.compute.drivers.base import Guest, Power
from wolke.core.log import get_logger

log = get_logger(__name__)

_OFF = (Power.SHUTDOWN, Power.CRASHED)
_ON = (Power.RUNNING, Power.PAUSED)
_STALE_FILE_S = 3600.0


class Watch:
    """``work`` destroys a guest while nothing else is done to it."""

    def __init__(self, ground: Ground, memory: Memory, work: Work) -> None:
        self._ground = ground
        self._memory = memory
        self._work = work
        self._first = True
        self.mine = False

    async def look(self) -> None:
        """Guests first, then the controllers' list: whatever is here and not in the later list has no owner any more."""
        guests: Sequence[Guest] = await self._ground.driver.list()
        answer = await self._ground.client.get_json(self._ground.url("servers"))
        servers = {server["id"]: server for server in answer["servers"]}
        orphans = [guest.server_id for guest in guests if guest.server_id not in servers]
        await self._remove_orphans(orphans)
        await self._forget_asides(servers)
        await self._report({guest.server_id: guest for guest in guests}, servers)
        await asyncio.to_thread(self._tidy_files)
        self._ground.images.evict()

    async def _remove_orphans(self, orphans: Sequence[str]) -> None:
        for server_id in orphans:
            if self.mine:
                log.warning("guest belongs to no server: removing it", server_id=server_id)
                await self._work.remove(server_id)
            else:
                log.warning("guest belongs to no server of this cloud: leaving it alone", server_id=server_id)

    async def _forget_asides(self, servers: dict[str, dict[str, Any]]) -> None:
        """What was set aside of a server that has moved for good, or is no more."""
        if not self._ground.driver.capabilities.moves or not self.mine:
            return
        for server_id in await self._ground.driver.asides():
            server = servers.get(server_id)
            if server is None or (server["task"] is None and not server["aside"]):
                log.warning("what was set aside belongs to no move: removing it", server_id=server_id)
                await self._work.forget_aside(server_id)

    async def _report(self, guests: dict[str, Guest], servers: dict[str, dict[str, Any]]) -> None:
        """Only what differs from what the controllers believe, or what must not stay as it is."""
        rebooted = self._first and self._memory.rebooted()
        taken_down = self._memory.taken_down()
        reports = []
        for server_id, guest in guests.items():
            server = servers.get(server_id)
            if server is None or server["task"] is not None or server["elsewhere"]:
                continue
            off = guest.power in _OFF
            with_us = self._first and (rebooted or guest.power is Power.CRASHED)
            returned = off and (with_us or server_id in taken_down)
            unwanted = server["status"] == "SHUTOFF" and guest.power in _ON
            if server["power"] != guest.power or unwanted or (server["status"] == "ACTIVE" and off):
                reports.append(
                    {
                        "server_id": server_id,
                        "generation": server["generation"],
                        "power": guest.power.value,
                        "returned": returned,
                    }
                )
        for at in range(0, len(reports), 500):
            await self._ground.client.post_json(self._ground.url("powers"), {"powers": reports[at : at + 500]})
        if taken_down:
            self._memory.brought_back()
        if self._first:
            self._memory.note_boot()
            self._first = False

    def _tidy_files(self) -> None:
        """Files that a step left behind when it was killed, and nobody came back for."""
        before = time.time() - _STALE_FILE_S
        for folder in ("config-drives", "snapshots"):
            for path in (self._ground.state_dir / folder).iterdir():
                if path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
