"""Pages of other sites: what a container's owner lets them do, asked beforehand (OPTIONS) and said with every answer.

``X-Container-Meta-Access-Control-Allow-Origin`` lists the origins, ``…-Max-Age`` and ``…-Expose-Headers`` the rest.
"""

from __future__ import annotations

from wolke.core.http import Response
from wolke.object_store.api.call import Call, Handler
from wolke.object_store.api.gate import Gate
from wolke.object_store.errors import ContainerNotFound
from wolke.object_store.service import ObjectStore

_META = "x-container-meta-access-control-"
_METHODS = {
    "account": ("DELETE", "GET", "HEAD", "OPTIONS", "POST"),
    "container": ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"),
    "object": ("COPY", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"),
}
_SHOWN = (
    "cache-control", "content-language", "content-type", "expires", "last-modified", "pragma", "etag", "x-timestamp",
    "x-trans-id", "x-openstack-request-id",
)  # fmt: skip


async def options(gate: Gate, call: Call) -> Response:
    allowed = ", ".join(_METHODS[call.noun])
    headers: dict[str, str | bytes] = {"Allow": allowed}
    origin = call.headers.get("origin")
    if not origin or not call.container:
        return Response(200, headers=headers)
    rules = await _rules(gate.store, call)
    permitted = _permitted(rules, origin)
    if permitted is None or call.headers.get("access-control-request-method") not in _METHODS[call.noun]:
        return Response(401, headers=headers)
    vary = [] if permitted == "*" else ["Origin"]
    headers["Access-Control-Allow-Origin"] = permitted
    headers["Access-Control-Allow-Methods"] = allowed
    if age := rules.get(f"{_META}max-age"):
        headers["Access-Control-Max-Age"] = age
    wanted = [name.strip() for name in call.headers.get("access-control-request-headers", "").split(",")]
    if wanted := list(dict.fromkeys(filter(None, wanted))):
        headers["Access-Control-Allow-Headers"] = ", ".join(wanted)
        vary.append("Access-Control-Request-Headers")
    if vary:
        headers["Vary"] = ", ".join(vary)
    return Response(200, headers=headers)


async def answer(store: ObjectStore, call: Call, handler: Handler) -> Response:
    """The answer to a page of another site, with what its browser needs to hand it on."""
    response = await handler(call)
    if call.method == "OPTIONS" or not call.container:
        return response
    rules = await _rules(store, call)
    permitted = _permitted(rules, call.headers["origin"])
    if permitted is None:
        return response
    names = [name.lower() for name in response.headers]
    shown = [*_SHOWN, *(name for name in names if name.startswith(("x-object-meta-", "x-container-meta-")))]
    shown += rules.get(f"{_META}expose-headers", "").lower().replace(",", " ").split()
    headers = response.headers
    headers["Access-Control-Expose-Headers"] = ", ".join(dict.fromkeys(shown))
    headers["Access-Control-Allow-Origin"] = permitted
    if permitted != "*":
        already = headers.get("Vary")
        headers["Vary"] = f"{already}, Origin" if isinstance(already, str) else "Origin"
    return response


async def _rules(store: ObjectStore, call: Call) -> dict[str, str]:
    if not call.container:
        return {}
    try:
        return (await store.containers.get(call.account, call.container)).headers
    except ContainerNotFound:
        return {}


def _permitted(rules: dict[str, str], origin: str) -> str | None:
    """What to say is allowed: all, or this origin; None if it is not."""
    origins = rules.get(f"{_META}allow-origin", "").split()
    if "*" in origins:
        return "*"
    return origin if origin in origins else None
