"""What users write on a volume and on a snapshot: the same five doors on either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from wolke.block_storage import errors
from wolke.block_storage.schema import volumes as schema
from wolke.block_storage.service import BlockStorage
from wolke.core.context import Context
from wolke.core.http import Request, Route

Json = dict[str, Any]


class _Noted(Protocol):
    @property
    def metadata(self) -> Json: ...


class _Verbs(Protocol):
    async def show(self, ctx: Context, one_id: str, /) -> _Noted: ...

    async def set_metadata(self, ctx: Context, one_id: str, items: Mapping[str, str], /, *, replace: bool) -> Json: ...

    async def delete_metadata_item(self, ctx: Context, one_id: str, key: str, /) -> None: ...


@dataclass(frozen=True)
class Rules:
    see: str
    add: str
    replace: str
    delete: str


def routes(one: str, verbs: Callable[[BlockStorage], _Verbs], rules: Rules) -> tuple[Route, ...]:
    """``one``: the path of what they are written on, with its id in braces at the end."""
    doors, there = _Doors(verbs, one.rpartition("{")[2].removesuffix("}")), f"{one}/metadata"
    item = f"{there}/{{key}}"
    return (
        Route("GET", there, doors.index, rules.see),
        Route("POST", there, doors.add, rules.add, body=schema.METADATA_ALL),
        Route("PUT", there, doors.replace, rules.replace, body=schema.METADATA_ALL),
        Route("GET", item, doors.show, rules.see),
        Route("PUT", item, doors.update, rules.replace, body=schema.METADATA_ITEM),
        Route("DELETE", item, doors.delete, rules.delete),
    )


@dataclass(frozen=True)
class _Doors:
    verbs: Callable[[BlockStorage], _Verbs]
    parameter: str

    def _of(self, service: BlockStorage, request: Request) -> tuple[_Verbs, str]:
        return self.verbs(service), request.params[self.parameter]

    async def index(self, service: BlockStorage, ctx: Context, request: Request) -> Json:
        verbs, one_id = self._of(service, request)
        return {"metadata": (await verbs.show(ctx, one_id)).metadata}

    async def add(self, service: BlockStorage, ctx: Context, request: Request) -> Json:
        verbs, one_id = self._of(service, request)
        return {"metadata": await verbs.set_metadata(ctx, one_id, request.body["metadata"], replace=False)}

    async def replace(self, service: BlockStorage, ctx: Context, request: Request) -> Json:
        verbs, one_id = self._of(service, request)
        return {"metadata": await verbs.set_metadata(ctx, one_id, request.body["metadata"], replace=True)}

    async def show(self, service: BlockStorage, ctx: Context, request: Request) -> Json:
        verbs, one_id = self._of(service, request)
        found, key = (await verbs.show(ctx, one_id)).metadata, request.params["key"]
        if key not in found:
            raise errors.MetadataNotFound(key)
        return {"meta": {key: found[key]}}

    async def update(self, service: BlockStorage, ctx: Context, request: Request) -> Json:
        verbs, one_id = self._of(service, request)
        items = request.body["meta"]
        if request.params["key"] not in items:
            raise errors.Invalid("input received", "Request body and URI mismatch")
        await verbs.set_metadata(ctx, one_id, items, replace=False)
        return {"meta": items}

    async def delete(self, service: BlockStorage, ctx: Context, request: Request) -> None:
        verbs, one_id = self._of(service, request)
        await verbs.delete_metadata_item(ctx, one_id, request.params["key"])
