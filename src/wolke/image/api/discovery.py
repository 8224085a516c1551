"""Which versions there are, what an image looks like, how data may come in."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.errors import NotFound
from wolke.core.http import Request
from wolke.image.schema.published import SCHEMAS
from wolke.image.service import Images

_NEWEST = 9  # minor versions after it belong to several stores at once
IMPORT_METHODS = ("glance-direct",)


async def choices(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{request.base_url}/v2/"}]
    return {
        "versions": [
            {"id": f"v2.{minor}", "status": "CURRENT" if minor == _NEWEST else "SUPPORTED", "links": links}
            for minor in (9, 7, 6, 5, 4, 3, 2, 1, 0)
        ]
    }


async def versions(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    return await choices(service, ctx, request)


async def schema(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    found = SCHEMAS.get(request.params["name"])
    if found is None:
        raise NotFound("The resource could not be found.")
    return found


async def import_methods(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    value = {"description": "Import methods available.", "type": "array", "value": list(IMPORT_METHODS)}
    return {"import-methods": value}
