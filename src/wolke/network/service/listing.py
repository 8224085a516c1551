"""What every noun's list, show, change and delete have in common: who sees what, filters, order, pages, revisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wolke.core.context import Context
from wolke.core.db import Order, Reader, Table, Transaction, Where
from wolke.core.paging import Page, find_page
from wolke.core.policy import Policy
from wolke.network import errors, store
from wolke.network.schema.attributes import Body, Resource

_INT64 = 2**63

NOT_FOUND: Mapping[str, type[errors._Said]] = {
    "network": errors.NetworkNotFound,
    "subnet": errors.SubnetNotFound,
    "port": errors.PortNotFound,
    "router": errors.RouterNotFound,
    "floatingip": errors.FloatingIPNotFound,
    "security_group": errors.SecurityGroupNotFound,
    "security_group_rule": errors.SecurityGroupRuleNotFound,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list asks for: values by wire name (any of them will do), tags, and which page."""

    filters: Mapping[str, list[str]] = field(default_factory=dict)
    order: tuple[Order, ...] = (Order("id"),)
    limit: int | None = None
    marker: str | None = None
    backwards: bool = False


def target(record: Any, *, network_project_id: str | None = None) -> dict[str, Any]:
    """A record as the policy sees it."""
    owner = getattr(record, "network_project_id", network_project_id)
    return {
        "project_id": record.project_id,
        "tenant_id": record.project_id,
        "network:project_id": owner,
        "network:tenant_id": owner,
        "shared": getattr(record, "shared", False),
        "router:external": getattr(record, "external", False),
    }


def enforce_given(policy: Policy, ctx: Context, verb: str, noun: str, body: Body, aim: Mapping[str, Any]) -> None:
    """``create_network``, and ``create_network:shared`` where the request names it."""
    policy.enforce(ctx, f"{verb}_{noun}", aim)
    for name in sorted(body.given):
        rule = f"{verb}_{noun}:{name}"
        if rule in policy.rules:
            policy.enforce(ctx, rule, aim)


class Listing:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def sees_all(self, ctx: Context) -> bool:
        return self.policy.allows(ctx, "admin_only", {})

    def visible(self, ctx: Context, resource: Resource) -> list[Where]:
        """Whose rows a caller may see at all, as conditions."""
        if self.sees_all(ctx):
            return []
        groups = [[Where("project_id", "eq", ctx.project_id or "")]]
        if resource.noun in ("network", "subnet"):
            groups.append([Where("shared", "eq", True)])
        if resource.noun == "network":
            groups.append([Where("external", "eq", True)])
        if resource.noun == "port":
            groups.append([Where("network_project_id", "eq", ctx.project_id or "")])
        return [Where("", "any", groups)] if len(groups) > 1 else groups[0]

    async def find(self, reader: Reader, ctx: Context, resource: Resource, asked: Asked) -> list[Any]:
        self.policy.enforce(ctx, f"get_{resource.noun}", {"project_id": ctx.project_id, "tenant_id": ctx.project_id})
        where = self.visible(ctx, resource) + conditions(resource, asked.filters)
        marker = None
        if asked.marker is not None:
            marker = await self.get(reader, ctx, resource, asked.marker)
        page = Page(asked.order, asked.limit, asked.marker, asked.backwards)
        return await find_page(reader, resource.table, page, where=where, marker=marker)

    async def get(self, reader: Reader, ctx: Context, resource: Resource, key: str) -> Any:
        """The record, or this noun's "not found": also where it is another project's."""
        record = await reader.get(resource.table, id=key)
        if record is None or not await self._may_see(reader, ctx, resource, record):
            raise NOT_FOUND[resource.noun](id=key)
        return record

    async def _may_see(self, reader: Reader, ctx: Context, resource: Resource, record: Any) -> bool:
        if self.policy.allows(ctx, f"get_{resource.noun}", target(record)):
            return True
        if resource.noun != "security_group_rule":
            return False
        group = await reader.get(store.SECURITY_GROUPS, id=record.security_group_id)
        return group is not None and self.policy.allows(ctx, "get_security_group_rule", target(group))

    async def lock(self, tx: Transaction, ctx: Context, resource: Resource, key: str, if_match: int | None) -> Any:
        """The record, ours alone until the transaction ends."""
        await tx.lock(f"network:{resource.noun}:{key}")
        record = await self.get(tx, ctx, resource, key)
        if if_match is not None and record.revision_number != if_match:
            raise errors.RevisionNumberConstraintFailed(str(if_match), record.revision_number)
        return record


def changed(record: Any, now: str, **changes: Any) -> dict[str, Any]:
    """Changes as they are written: with the next revision."""
    return {**changes, "updated_at": now, "revision_number": record.revision_number + 1}


async def write(tx: Transaction, table: Table[Any], record: Any, now: str, **changes: Any) -> Any:
    """Write changes of a locked record and return it as it is now."""
    values = changed(record, now, **changes)
    await tx.update(table, values, id=record.id)
    return msgspec.structs.replace(record, **values)


# ------------------------------------------------------------------------------------------------------------- filters


def conditions(resource: Resource, filters: Mapping[str, list[str]]) -> list[Where]:
    where: list[Where] = []
    unknown: list[str] = []
    for name, values in filters.items():
        name = "project_id" if name == "tenant_id" else name
        if name in _TAGS and resource.tags:
            where.append(_tag_condition(name, values))
        elif name in resource.filters:
            where.append(resource.filters[name](values))
        elif (attribute := resource.by_name.get(name)) is not None and attribute.filtered is not None:
            where.append(_column(attribute.field, attribute.filtered, name, values))
        else:
            unknown.append(name)
    if unknown:
        raise errors.HTTPBadRequest(f"{sorted(unknown)} is invalid attribute for filtering"[:500])
    return where


_NULLABLE = frozenset({"gateway_ip", "subnetpool_id", "ipv6_address_mode", "ipv6_ra_mode", "port_id", "router_id"})


def _column(column: str, convert: Any, name: str, values: Iterable[str]) -> Where:
    found: list[Any] = []
    for value in values:
        if value in ("", "None", "null") and name in _NULLABLE:
            return Where(column, "isnull", True)
        try:
            one = convert(value)
        except ValueError:
            raise errors.HTTPBadRequest(f"Invalid input for {name}. Reason: {value[:80]!r} does not fit.") from None
        if isinstance(one, int) and abs(one) >= _INT64:
            raise errors.HTTPBadRequest(f"Invalid input for {name}. Reason: {value[:80]!r} is out of range.")
        found.append(one)
    return Where(column, "in", found)


_TAGS = frozenset({"tags", "tags-any", "not-tags", "not-tags-any"})


def _tag_condition(name: str, values: Sequence[str]) -> Where:
    """``tags`` all, ``tags-any`` any, ``not-tags`` not all, ``not-tags-any`` none of a comma-separated list."""
    tags = [tag for value in values for tag in value.split(",") if tag]
    if len(tags) > 100:
        raise errors.HTTPBadRequest("There are more than 100 tags in one filter.")
    has = [Where("tags", "contains", msgspec.json.encode(tag).decode()) for tag in tags]
    lacks = [Where("tags", "lacks", one.value) for one in has]
    groups = {
        "tags": [has],
        "tags-any": [[one] for one in has],
        "not-tags": [[one] for one in lacks],
        "not-tags-any": [lacks],
    }
    return Where("", "any", groups[name])
