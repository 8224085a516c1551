"""Security groups and their rules. Every project has one called ``default``, made when it is first needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import msgspec

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Database, DuplicateRow, Reader, Transaction, Where
from wolke.network import errors, model, schema, store
from wolke.network.scheduler.names import protocol_number
from wolke.network.schema.attributes import Body
from wolke.network.service.listing import enforce_given, target, write

if TYPE_CHECKING:
    from wolke.network.service import Network

DEFAULT = "default"

_WITH_PORTS = frozenset({6, 17, 33, 132, 136})
_ICMP, _ICMP6 = 1, 58
_V6_ONLY = frozenset({41, 43, 44, 58, 59, 60})


class SecurityGroups:
    def __init__(self, net: Network) -> None:
        self._net = net

    # -- the default group

    async def default(self, project_id: str) -> str:
        """The id of the project's default group, which is made if need be."""
        found = await self._net.db.get(store.DEFAULT_GROUPS, project_id=project_id)
        if found is not None:
            return found.group_id
        try:
            async with self._net.db.transaction() as tx:
                return await self.default_in(tx, project_id)
        except DuplicateRow:
            found = await self._net.db.get(store.DEFAULT_GROUPS, project_id=project_id)
            assert found is not None
            return found.group_id

    async def default_in(self, tx: Transaction, project_id: str) -> str:
        found = await tx.get(store.DEFAULT_GROUPS, project_id=project_id)
        if found is not None:
            return found.group_id
        group = await self._insert(
            tx, {"project_id": project_id, "name": DEFAULT, "description": "Default security group", "stateful": True}
        )
        await tx.insert(store.DEFAULT_GROUPS, model.DefaultGroup(project_id, group.id))
        for ethertype in ("IPv4", "IPv6"):
            await self._insert_rule(
                tx, group, {"direction": "ingress", "ethertype": ethertype, "remote_group_id": group.id}
            )
        return group.id

    async def _insert(self, tx: Transaction, values: dict[str, Any]) -> model.SecurityGroup:
        """A group with what every group begins with: whatever is sent may leave."""
        now = self._net.clock.now()
        group = model.SecurityGroup(id=ids.uuid(), tags=[], created_at=now, updated_at=now, revision_number=1, **values)
        await tx.insert(store.SECURITY_GROUPS, group)
        for ethertype in ("IPv4", "IPv6"):
            await self._insert_rule(tx, group, {"direction": "egress", "ethertype": ethertype})
        return group

    async def is_default(self, reader: Reader, group_id: str) -> bool:
        return bool(await reader.find(store.DEFAULT_GROUPS, group_id=group_id, limit=1))

    # -- groups

    async def create(self, ctx: Context, bodies: list[Body]) -> list[model.SecurityGroup]:
        for body in bodies:
            project_id = body.values.setdefault("project_id", ctx.project_id or "")
            enforce_given(self._net.policy, ctx, "create", "security_group", body, {"project_id": project_id})
            if body.values["name"].lower() == DEFAULT:
                raise errors.SecurityGroupDefaultAlreadyExists()
            await self.default(project_id)
        async with self._net.db.transaction() as tx:
            made = []
            for body in bodies:
                await self._net.quotas.reserve(tx, body.values["project_id"], "security_group")
                made.append(await self._insert(tx, dict(body.values)))
            return made

    async def update(self, ctx: Context, key: str, body: Body, if_match: int | None = None) -> model.SecurityGroup:
        async with self._net.db.transaction() as tx:
            group: model.SecurityGroup = await self._net.listing.lock(tx, ctx, schema.SECURITY_GROUP, key, if_match)
            enforce_given(self._net.policy, ctx, "update", "security_group", body, target(group))
            if "name" in body and body.values["name"] != group.name and await self.is_default(tx, key):
                raise errors.SecurityGroupCannotUpdateDefault()
            turned = body.values.get("stateful", group.stateful) != group.stateful
            if turned and await tx.find(store.PORT_GROUPS, group_id=key, limit=1):
                raise errors.SecurityGroupInUse(id=key)
            tx.wake("network.wish")
            return await write(tx, store.SECURITY_GROUPS, group, self._net.clock.now(), **body.values)  # type: ignore[no-any-return]

    async def delete(self, ctx: Context, key: str, if_match: int | None = None) -> None:
        async with self._net.db.transaction() as tx:
            group: model.SecurityGroup = await self._net.listing.lock(tx, ctx, schema.SECURITY_GROUP, key, if_match)
            self._net.policy.enforce(ctx, "delete_security_group", target(group))
            if await tx.find(store.PORT_GROUPS, group_id=key, limit=1):
                raise errors.SecurityGroupInUse(id=key)
            if await self.is_default(tx, key):
                if not self._net.listing.sees_all(ctx):
                    raise errors.SecurityGroupCannotRemoveDefault()
                await tx.delete(store.DEFAULT_GROUPS, group_id=key)
            await tx.delete(store.RULES, security_group_id=key)
            await tx.delete(store.RULES, remote_group_id=key)
            await tx.delete(store.SECURITY_GROUPS, id=key)
            tx.wake("network.wish")

    async def usable(self, reader: Reader, ctx: Context | None, project_id: str, wanted: Sequence[str]) -> list[str]:
        """The groups a port of this project may have, in the order asked, each once."""
        names = list(dict.fromkeys(wanted))
        found = await reader.find(store.SECURITY_GROUPS, where=[Where("id", "in", names)]) if names else []
        everything = ctx is None or self._net.listing.sees_all(ctx)
        mine = {g.id for g in found if everything or g.project_id in (project_id, ctx.project_id if ctx else None)}
        for name in names:
            if name not in mine:
                raise errors.SecurityGroupNotFound(id=name)
        return names

    async def names(self, group_ids: Iterable[str]) -> dict[str, str]:
        """By id; those that are gone are left out."""
        where = [Where("id", "in", sorted(group_ids))]
        found = await self._net.db.find(store.SECURITY_GROUPS, where=where) if where[0].value else []
        return {group.id: group.name for group in found}

    async def resolve(self, project_id: str, names: Iterable[str]) -> dict[str, str]:
        """Ids of a project's groups by the names or ids that a user gave; a name that two groups have is a conflict."""
        await self.default(project_id)
        found = await self._net.db.find(store.SECURITY_GROUPS, project_id=project_id)
        resolved: dict[str, str] = {}
        for name in names:
            matches = [g.id for g in found if g.id == name] or [g.id for g in found if g.name == name]
            if not matches:
                raise errors.SecurityGroupNotFound(id=name)
            if len(matches) > 1:
                raise errors.BadResourceRequest(
                    resource="security_group",
                    reason=f"Multiple security groups found matching '{name}'. Use an ID to be more specific.",
                )
            resolved[name] = matches[0]
        return resolved

    # -- rules

    async def rules_of(self, reader: Reader, group_ids: Sequence[str]) -> dict[str, list[model.SecurityGroupRule]]:
        found: dict[str, list[model.SecurityGroupRule]] = {group_id: [] for group_id in group_ids}
        if group_ids:
            rules = await reader.find(store.RULES, where=[Where("security_group_id", "in", list(group_ids))])
            for rule in sorted(rules, key=lambda r: (r.created_at, r.id)):
                found[rule.security_group_id].append(rule)
        return found

    async def create_rules(self, ctx: Context, bodies: list[Body]) -> list[model.SecurityGroupRule]:
        for body in bodies:
            check_rule(body.values)
        try:
            async with self._net.db.transaction() as tx:
                made = [await self._create_rule(tx, ctx, body) for body in bodies]
                tx.wake("network.wish")
                return made
        except DuplicateRow:
            raise await self._duplicate(self._net.db, bodies) from None

    async def _create_rule(self, tx: Transaction, ctx: Context, body: Body) -> model.SecurityGroupRule:
        values = dict(body.values)
        group: model.SecurityGroup = await self._net.listing.lock(
            tx, ctx, schema.SECURITY_GROUP, values["security_group_id"], None
        )
        values.setdefault("project_id", ctx.project_id or group.project_id)
        enforce_given(
            self._net.policy, ctx, "create", "security_group_rule", body, {"project_id": values["project_id"]}
        )
        self._net.policy.enforce(ctx, "create_security_group_rule", target(group))
        if values.get("remote_group_id"):
            await self._net.listing.get(tx, ctx, schema.SECURITY_GROUP, values["remote_group_id"])
        await self._net.quotas.reserve(tx, values["project_id"], "security_group_rule")
        rule = await self._insert_rule(tx, group, values)
        await write(tx, store.SECURITY_GROUPS, group, self._net.clock.now())
        return rule

    async def _insert_rule(
        self, tx: Transaction, group: model.SecurityGroup, values: dict[str, Any]
    ) -> model.SecurityGroupRule:
        now = self._net.clock.now()
        values = _RULE_DEFAULTS | {"project_id": group.project_id} | values | {"security_group_id": group.id}
        rule = model.SecurityGroupRule(
            id=ids.uuid(), sameness=sameness(values), created_at=now, updated_at=now, revision_number=0, **values
        )
        await tx.insert(store.RULES, rule)
        return rule

    async def _duplicate(self, db: Database, bodies: Sequence[Body]) -> errors.SecurityGroupRuleExists:
        for body in bodies:
            values = _RULE_DEFAULTS | body.values
            same = await db.find(
                store.RULES, security_group_id=values["security_group_id"], sameness=sameness(values), limit=1
            )
            if same:
                return errors.SecurityGroupRuleExists(id=same[0].id)
        return errors.SecurityGroupRuleExists(id="of the same request")

    async def delete_rule(self, ctx: Context, key: str, if_match: int | None = None) -> None:
        async with self._net.db.transaction() as tx:
            rule: model.SecurityGroupRule = await self._net.listing.lock(
                tx, ctx, schema.SECURITY_GROUP_RULE, key, if_match
            )
            group = await tx.get(store.SECURITY_GROUPS, id=rule.security_group_id)
            aim = target(group) if group is not None else target(rule)
            self._net.policy.enforce(ctx, "delete_security_group_rule", aim)
            await tx.delete(store.RULES, id=key)
            tx.wake("network.wish")


class SecurityGroupRules:
    """Rules as a noun of their own."""

    def __init__(self, groups: SecurityGroups) -> None:
        self.create = groups.create_rules
        self.delete = groups.delete_rule


_RULE_DEFAULTS: dict[str, Any] = {
    "protocol": None, "port_range_min": None, "port_range_max": None, "remote_ip_prefix": None,
    "remote_group_id": None, "description": "",
}  # fmt: skip
_SAME = ("direction", "ethertype", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id")


def sameness(values: Mapping[str, Any]) -> str:
    """Equal for rules that permit the same: tcp is 6, and a description permits nothing."""
    number = protocol_number(values.get("protocol"))
    return msgspec.json.encode([number, *(values.get(name) for name in _SAME)]).decode()


def check_rule(values: dict[str, Any]) -> None:
    """Sense and nonsense within one rule."""
    protocol, ethertype = values["protocol"], values["ethertype"]
    try:
        number = protocol_number(protocol)
    except ValueError:
        raise errors.SecurityGroupInvalidProtocolType(protocol=protocol) from None
    if values["remote_ip_prefix"] and values["remote_group_id"]:
        raise errors.SecurityGroupRemoteGroupAndRemoteIpPrefix()
    if number in _V6_ONLY and ethertype == "IPv4":
        raise errors.SecurityGroupEthertypeConflictWithProtocol(ethertype=ethertype, protocol=protocol)
    prefix = values["remote_ip_prefix"]
    if prefix and f"IPv{ip_network(prefix, strict=False).version}" != ethertype:
        raise errors.SecurityGroupRuleParameterConflict(ethertype=ethertype, cidr=prefix)
    if ethertype == "IPv6" and protocol in ("icmp", "1"):
        number = _ICMP6
    _check_ports(values, protocol, number)


def _check_ports(values: dict[str, Any], protocol: str | None, number: int | None) -> None:
    low, high = values["port_range_min"], values["port_range_max"]
    if low is None and high is None:
        return
    if protocol is None:
        raise errors.SecurityGroupProtocolRequiredWithPorts()
    if number in (_ICMP, _ICMP6):
        for field, name, value in (("type", "port-range-min", low), ("code", "port-range-max", high)):
            if value is not None and not 0 <= value <= 255:
                raise errors.SecurityGroupInvalidIcmpValue(field=field, attribute=name, value=value)
        if low is None:
            raise errors.SecurityGroupMissingIcmpType(value=high)
        return
    if number not in _WITH_PORTS:
        raise errors.SecurityGroupInvalidProtocolForPort(protocol=protocol)
    for value in (low, high):
        if value is not None and not 1 <= value <= 65535:
            raise errors.SecurityGroupInvalidPortValue(port=value)
    if low is None or high is None or low > high:
        raise errors.SecurityGroupInvalidPortRange()
