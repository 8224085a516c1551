"""New volumes find their backend: one picture of the pools for as many as wait, each choice taking room from the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wolke.block_storage.model import Address, Volume, VolumeType
from wolke.block_storage.scheduler import NoPool, PoolView, Request, choose
from wolke.block_storage.service.endings import Endings
from wolke.block_storage.service.hosts import Hosts
from wolke.block_storage.service.needs import NO_BACKEND, Needs
from wolke.block_storage.store import TYPES, VOLUMES
from wolke.core.db import Transaction, Where

_MOST_HINTED = 100


class Scheduling:
    def __init__(self, needs: Needs, endings: Endings, hosts: Hosts) -> None:
        self._needs = needs
        self._endings = endings
        self._hosts = hosts

    async def place(self, volumes: Sequence[Volume]) -> None:
        """Each is given a backend, or fails with the reasons. One transaction, and one at a time in the whole cloud."""
        async with self._needs.db.transaction() as tx:
            await tx.lock("block_storage:scheduling")
            pools = {one.view.address: one.view for one in await self._hosts.pools(tx)}
            wanted = sorted({one.type_id for one in volumes if one.type_id})
            found = await tx.find(TYPES, where=[Where("id", "in", wanted)]) if wanted else []
            types = {one.id: one for one in found}
            for volume in volumes:
                await self._place(tx, volume, pools, types)

    async def _place(
        self, tx: Transaction, volume: Volume, pools: dict[str, PoolView], types: Mapping[str, VolumeType]
    ) -> None:
        kind = types.get(volume.type_id or "")
        asked = Request(
            size_gib=volume.size_gib,
            zone=volume.arguments.get("zone"),
            extra_specs=kind.extra_specs if kind else {},
            only=volume.arguments.get("only"),
            near=volume.arguments.get("near"),
            same=await self._where(tx, volume, "same_host"),
            different=await self._where(tx, volume, "different_host"),
            encrypted=volume.encryption is not None,
            multiattach=volume.multiattach,
        )
        try:
            chosen = choose(pools.values(), asked)
        except NoPool as why:
            told = f"Could not find any available weighted backend. {why}"
            await self._endings.fail(tx, "volume", volume, told, detail=NO_BACKEND)
            return
        pools[chosen.address] = replace(
            chosen, promised_gib=chosen.promised_gib + volume.size_gib, volumes=chosen.volumes + 1
        )
        learnt = {"backend": chosen.address, "host": Address.read(chosen.address).host}
        await self._endings.done(tx, "volume", volume, learnt)

    @staticmethod
    async def _where(tx: Transaction, volume: Volume, hint: str) -> frozenset[str]:
        """Where the volumes are that a hint names."""
        said: Any = volume.hints.get(hint)
        named = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        wanted = [one for one in named if isinstance(one, str)][:_MOST_HINTED]
        if not wanted:
            return frozenset()
        found = await tx.find(VOLUMES, project_id=volume.project_id, where=[Where("id", "in", wanted)])
        return frozenset(one.backend for one in found if one.backend is not None)
