"""Networks: one broadcast domain each, a project's own or one that leads outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Transaction, Where
from wolke.network import errors, model, schema, store
from wolke.network.schema.attributes import Body
from wolke.network.service.listing import enforce_given, target, write

if TYPE_CHECKING:
    from wolke.network.service import Network

_SEGMENTED = ("vxlan", "geneve", "gre", "vlan")


class Networks:
    def __init__(self, net: Network) -> None:
        self._net = net

    async def create(self, ctx: Context, bodies: list[Body]) -> list[model.Network]:
        for body in bodies:
            project_id = body.values.setdefault("project_id", ctx.project_id or "")
            enforce_given(self._net.policy, ctx, "create", "network", body, {"project_id": project_id})
        for attempt in range(5):
            try:
                async with self._net.db.transaction() as tx:
                    return [await self._create(tx, body) for body in bodies]
            except DuplicateRow:
                named = [b for b in bodies if b.values.get("provider_segmentation_id") is not None]
                if named or attempt == 4:
                    values = named[0].values if named else {}
                    raise errors.SegmentationInUse(
                        segment=values.get("provider_segmentation_id"),
                        network_type=values.get("provider_network_type"),
                    ) from None
        raise AssertionError

    async def _create(self, tx: Transaction, body: Body) -> model.Network:
        values, now = dict(body.values), self._net.clock.now()
        await self._net.quotas.reserve(tx, values["project_id"], "network")
        config = self._net.config
        values["mtu"] = self._mtu(values, values["external"])
        kind = values["provider_network_type"] = values["provider_network_type"] or config.network_type
        if values["provider_segmentation_id"] is None and kind in _SEGMENTED:
            await tx.lock("network:segments")
            highest = (await tx.rows(store.HIGHEST_SEGMENT, network_type=kind))[0][0]
            values["provider_segmentation_id"] = (highest or 0) + 1
        network = model.Network(
            id=ids.uuid(), status=model.ACTIVE, subnets=[], tags=[], created_at=now, updated_at=now,
            revision_number=1, **values,
        )  # fmt: skip
        await tx.insert(store.NETWORKS, network)
        return network

    def _mtu(self, values: dict[str, Any], external: bool) -> int:
        most = self._net.config.external_mtu if external else self._net.config.mtu
        wanted = values.get("mtu") or most
        if wanted > most:
            raise errors.InvalidInput(reason=f"Requested MTU is too big, maximum is {most}")
        if wanted < 68:
            raise errors.InvalidInput(reason="Requested MTU is too small, minimum is 68")
        return int(wanted)

    async def update(self, ctx: Context, key: str, body: Body, if_match: int | None = None) -> model.Network:
        async with self._net.db.transaction() as tx:
            network: model.Network = await self._net.listing.lock(tx, ctx, schema.NETWORK, key, if_match)
            enforce_given(self._net.policy, ctx, "update", "network", body, target(network))
            changes = dict(body.values)
            if "mtu" in changes:
                changes["mtu"] = self._mtu(changes, changes.get("external", network.external))
            inwards = network.external and changes.get("external") is False
            if inwards and await tx.find(store.PORTS, network_id=key, device_owner=model.ROUTER_GATEWAY, limit=1):
                raise errors.ExternalNetworkInUse(id=key)
            if network.shared and changes.get("shared") is False:
                others = [Where("project_id", "notin", [network.project_id, ""])]
                if await tx.find(store.PORTS, where=others, network_id=key, limit=1):
                    raise errors.InvalidSharedSetting(id=key)
            if "shared" in changes:
                await tx.update(store.SUBNETS, {"shared": changes["shared"]}, network_id=key)
            tx.wake("network.wish")
            return await write(tx, store.NETWORKS, network, self._net.clock.now(), **changes)  # type: ignore[no-any-return]

    async def delete(self, ctx: Context, key: str, if_match: int | None = None) -> None:
        async with self._net.db.transaction() as tx:
            network = await self._net.listing.lock(tx, ctx, schema.NETWORK, key, if_match)
            self._net.policy.enforce(ctx, "delete_network", target(network))
            in_use = await tx.find(
                store.PORTS, where=[Where("device_owner", "ne", model.DHCP)], network_id=key, limit=5
            )
            if in_use:
                raise errors.NetworkInUse(id=key, ports=", ".join(p.id for p in in_use))
            for port in await tx.find(store.PORTS, network_id=key):
                await self._net.ports.drop(tx, port)
            for subnet in await tx.find(store.SUBNETS, network_id=key):
                await tx.delete(store.CURSORS, subnet_id=subnet.id)
            await tx.delete(store.SUBNETS, network_id=key)
            await tx.delete(store.NETWORKS, id=key)
            tx.wake("network.wish")
