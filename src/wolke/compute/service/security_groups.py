"""Security groups by Compute's old names, until 2.35: Network keeps them, and these verbs say its refusals as Nova did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from wolke.compute.errors import NotOffered
from wolke.core.context import Context
from wolke.core.errors import BadRequest, Conflict, Forbidden
from wolke.network.errors import OverQuota
from wolke.network.model import SecurityGroup, SecurityGroupRule
from wolke.network.schema import SECURITY_GROUP, SECURITY_GROUP_RULE
from wolke.network.service import Asked, Network

#: A group, its incoming rules, and the names of the groups that these rules name.
Shown = tuple[SecurityGroup, list[SecurityGroupRule], Mapping[str, str]]


class SecurityGroups:
    def __init__(self, network: Network | None) -> None:
        self._optional = network

    @property
    def _network(self) -> Network:
        if self._optional is None:
            raise NotOffered("security groups")
        return self._optional

    async def index(self, ctx: Context, *, everybody: bool = False) -> list[Shown]:
        """``everybody``: those of all projects, if the caller may see them."""
        asked = Asked() if everybody else Asked({"project_id": [ctx.project_id or ""]})
        return await self._shown(await self._network.find(ctx, SECURITY_GROUP, asked))

    async def show(self, ctx: Context, group_id: str) -> Shown:
        return (await self._shown([await self._network.show(ctx, SECURITY_GROUP, group_id)]))[0]

    async def create(self, ctx: Context, values: Mapping[str, Any]) -> Shown:
        with _spoken_as_nova():
            body = SECURITY_GROUP.read_create(dict(values))
            return (await self._shown(await self._network.security_groups.create(ctx, [body])))[0]

    async def update(self, ctx: Context, group_id: str, values: Mapping[str, Any]) -> Shown:
        with _spoken_as_nova():
            body = SECURITY_GROUP.read_update(dict(values))
            return (await self._shown([await self._network.security_groups.update(ctx, group_id, body)]))[0]

    async def delete(self, ctx: Context, group_id: str) -> None:
        with _spoken_as_nova():
            await self._network.security_groups.delete(ctx, group_id)

    async def create_rule(self, ctx: Context, values: Mapping[str, Any]) -> tuple[SecurityGroupRule, Mapping[str, str]]:
        with _spoken_as_nova():
            body = SECURITY_GROUP_RULE.read_create({"direction": "ingress", **values})
            rule = (await self._network.security_group_rules.create(ctx, [body]))[0]
        return rule, await self._names([rule])

    async def delete_rule(self, ctx: Context, rule_id: str) -> None:
        await self._network.security_group_rules.delete(ctx, rule_id)

    async def _shown(self, groups: Sequence[SecurityGroup]) -> list[Shown]:
        rules = await self._network.more(SECURITY_GROUP, groups)
        names = await self._names([rule for group in groups for rule in rules[group.id]])
        return [(group, rules[group.id], names) for group in groups]

    async def _names(self, rules: Sequence[SecurityGroupRule]) -> Mapping[str, str]:
        return await self._network.security_groups.names({r.remote_group_id for r in rules if r.remote_group_id})


@contextmanager
def _spoken_as_nova() -> Iterator[None]:
    """What Network calls a conflict, Nova called a bad request, but for the quota."""
    try:
        yield
    except OverQuota as error:
        raise Forbidden(error.message) from None
    except Conflict as error:
        raise BadRequest(error.message) from None
