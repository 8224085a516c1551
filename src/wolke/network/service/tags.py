"""Tags: short texts on any resource, set and asked for by whoever may change or see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from wolke.core.context import Context
from wolke.network import errors
from wolke.network.errors import HTTPBadRequest
from wolke.network.schema.attributes import Resource
from wolke.network.service.listing import target, write

if TYPE_CHECKING:
    from wolke.network.service import Network

_LONGEST, _MOST = 255, 1000


def check_tags(tags: Any) -> list[str]:
    if not isinstance(tags, list) or len(tags) > _MOST:
        raise HTTPBadRequest(f"Invalid input for tags. Reason: it is not a list of at most {_MOST}.")
    for tag in tags:
        if not isinstance(tag, str) or not 0 < len(tag) <= _LONGEST:
            raise HTTPBadRequest(f"Invalid input for tags. Reason: {str(tag)[:80]!r} is not a valid tag.")
    return list(dict.fromkeys(tags))


class Tags:
    def __init__(self, net: Network) -> None:
        self._net = net

    async def show(self, ctx: Context, resource: Resource, key: str) -> list[str]:
        record = await self._net.listing.get(self._net.db, ctx, resource, key)
        return list(record.tags)

    async def check(self, ctx: Context, resource: Resource, key: str, tag: str) -> None:
        if tag not in await self.show(ctx, resource, key):
            raise errors.TagNotFound(tag=tag)

    async def replace(self, ctx: Context, resource: Resource, key: str, tags: Any) -> list[str]:
        wanted = check_tags(tags)
        return await self._change(ctx, resource, key, "update", lambda _: wanted)

    async def add(self, ctx: Context, resource: Resource, key: str, tags: Any) -> list[str]:
        more = check_tags(tags)
        return await self._change(ctx, resource, key, "update", lambda had: check_tags([*had, *more]))

    async def remove(self, ctx: Context, resource: Resource, key: str, tag: str | None) -> None:
        """One of them, or all."""

        def without(had: Iterable[str]) -> list[str]:
            if tag is None:
                return []
            if tag not in had:
                raise errors.TagNotFound(tag=tag)
            return [one for one in had if one != tag]

        await self._change(ctx, resource, key, "delete", without)

    async def _change(
        self, ctx: Context, resource: Resource, key: str, verb: str, change: Callable[[list[str]], list[str]]
    ) -> list[str]:
        async with self._net.db.transaction() as tx:
            record = await self._net.listing.lock(tx, ctx, resource, key, None)
            self._net.policy.enforce(ctx, f"{verb}_{resource.noun}:tags", target(record))
            tags = change(record.tags)
            if tags != record.tags:
                await write(tx, resource.table, record, self._net.clock.now(), tags=tags)
            return tags
