"""Everything that a choice needs, read at once."""

from __future__ import annotations

from wolke.core.db import Database
from wolke.placement.scheduler.candidates import Node
from wolke.placement.store import AGGREGATES, INVENTORIES, PROVIDERS, TRAITS


class Snapshots:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(self) -> dict[str, Node]:
        nodes = {one.uuid: Node(one) for one in await self._db.find(PROVIDERS)}
        for inventory in await self._db.find(INVENTORIES):
            if inventory.provider in nodes:
                nodes[inventory.provider].inventories[inventory.resource_class] = inventory
        for trait in await self._db.find(TRAITS):
            if trait.provider in nodes:
                nodes[trait.provider].traits.add(trait.trait)
        for aggregate in await self._db.find(AGGREGATES):
            if aggregate.provider in nodes:
                nodes[aggregate.provider].aggregates.add(aggregate.aggregate)
        return nodes
