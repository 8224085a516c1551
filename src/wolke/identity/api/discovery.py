"""Which versions there are: for clients that have only the cloud's address."""

from __future__ import annotations

from typing import Any

from wolke.core.http import Request, Response
from wolke.identity.service import Identity

_ID = "v3.14"
_UPDATED = "2020-04-07T00:00:00Z"


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": _ID,
        "status": "stable",
        "updated": _UPDATED,
        "links": [{"rel": "self", "href": f"{request.base_url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


async def versions(service: Identity, ctx: object, request: Request) -> Response:
    body = {"versions": {"values": [_version(request)]}}
    return Response(300, body, headers={"Location": f"{request.base_url}/v3/"})


async def version(service: Identity, ctx: object, request: Request) -> dict[str, Any]:
    return {"version": _version(request)}
