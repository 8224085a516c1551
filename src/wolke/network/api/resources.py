"""Routes of the nouns: list, create one or many, show, change, delete, and their tags; all by the attribute tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from wolke.core.context import Context
from wolke.core.db import Order
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.paging import parse_limit, parse_order
from wolke.network import views
from wolke.network.errors import HTTPBadRequest
from wolke.network.schema import RESOURCES, SECURITY_GROUP, SECURITY_GROUP_RULE
from wolke.network.schema.attributes import OBJECT, Resource, unwrap
from wolke.network.schema.checks import boolean
from wolke.network.service import Asked, Network

_PAGING = frozenset({"limit", "marker", "page_reverse", "sort_key", "sort_dir", "fields"})
_IF_MATCH = re.compile(r'"?revision_number=(\d{1,12})"?')
_NOUNS: dict[str, Callable[[Network], Any]] = {
    "network": lambda net: net.networks,
    "subnet": lambda net: net.subnets,
    "port": lambda net: net.ports,
    "router": lambda net: net.routers,
    "floatingip": lambda net: net.floating_ips,
    "security_group": lambda net: net.security_groups,
    "security_group_rule": lambda net: net.security_group_rules,
}


def if_match(request: Request) -> int | None:
    text = request.headers.get("if-match")
    if text is None:
        return None
    found = _IF_MATCH.fullmatch(text.strip())
    if found is None:
        raise HTTPBadRequest("Invalid value for If-Match: it must be revision_number=<number>")
    return int(found.group(1))


def asked(resource: Resource, request: Request, most: int) -> tuple[Asked, list[str]]:
    """The query string as what is asked for, and the fields to show."""
    query = request.query.lists()
    keys, directions = query.get("sort_key", []), query.get("sort_dir", [])
    if len(keys) != len(directions) and directions:
        raise HTTPBadRequest("The number of sort_keys and sort_dirs must be same")
    try:
        order = parse_order(keys, directions, columns=resource.sort_columns, default=(Order("id"),))
        limit = parse_limit(request.query.get("limit"), most=most)
        backwards = boolean(request.query.get("page_reverse", "false"))
    except (BadRequest, ValueError) as error:
        raise HTTPBadRequest(str(error)) from None
    filters = {name: values for name, values in query.items() if name not in _PAGING}
    marker = request.query.get("marker") or None
    return Asked(filters, order, limit or None, marker, backwards), query.get("fields", [])


def links(request: Request, plural: str, question: Asked, records: list[Any]) -> dict[str, Any]:
    if not question.limit:
        return {}
    short = len(records) < question.limit
    pairs = [(n, v) for n, v in request.query.pairs if n not in ("marker", "page_reverse")]
    base = request.origin + request.path
    found = []
    if records and not (short and not question.backwards):
        found.append({"rel": "next", "href": f"{base}?{urlencode([*pairs, ('marker', records[-1].id)])}"})
    if not (short and question.backwards):
        marker = [("marker", records[0].id)] if records else [("marker", question.marker)] if question.marker else []
        found.append({"rel": "previous", "href": f"{base}?{urlencode([*pairs, *marker, ('page_reverse', 'True')])}"})
    return {f"{plural}_links": found} if found else {}


async def shown(
    net: Network, ctx: Context, resource: Resource, records: list[Any], fields: Iterable[str] = ()
) -> list[dict[str, Any]]:
    hidden, more = net.hidden(ctx, resource), await net.more(resource, records)
    if resource is SECURITY_GROUP:
        more = {key: [views.show(SECURITY_GROUP_RULE, rule) for rule in rules] for key, rules in more.items()}
    wanted = frozenset(fields)
    return [views.show(resource, r, hidden=hidden, fields=wanted, more=more.get(r.id)) for r in records]


def routes_of(resource: Resource) -> tuple[Route, ...]:
    noun, plural, verbs = resource.noun, resource.plural, _NOUNS[resource.noun]
    path = "/v2.0/" + plural.replace("_", "-")

    async def index(net: Network, ctx: Context, request: Request) -> Any:
        question, fields = asked(resource, request, net.config.page_limit)
        records = await net.find(ctx, resource, question)
        items = await shown(net, ctx, resource, records, fields)
        return {plural: items, **links(request, plural, question, records)}

    async def create(net: Network, ctx: Context, request: Request) -> Any:
        bodies, many = unwrap(resource, request.body)
        made = await verbs(net).create(ctx, [resource.read_create(body) for body in bodies])
        items = await shown(net, ctx, resource, made)
        return {plural: items} if many else {noun: items[0]}

    async def show(net: Network, ctx: Context, request: Request) -> Any:
        record = await net.show(ctx, resource, request.params["id"])
        return {noun: (await shown(net, ctx, resource, [record], request.query.all("fields")))[0]}

    async def update(net: Network, ctx: Context, request: Request) -> Any:
        bodies, many = unwrap(resource, request.body)
        if many:
            raise HTTPBadRequest("Bulk update is not supported")
        body = resource.read_update(bodies[0])
        record = await verbs(net).update(ctx, request.params["id"], body, if_match(request))
        return {noun: (await shown(net, ctx, resource, [record]))[0]}

    async def delete(net: Network, ctx: Context, request: Request) -> None:
        await verbs(net).delete(ctx, request.params["id"], if_match(request))

    rows = [
        Route("GET", path, index),
        Route("POST", path, create, status=201, body=OBJECT),
        Route("GET", path + "/{id}", show),
        Route("DELETE", path + "/{id}", delete, status=204),
    ]
    if noun != "security_group_rule":
        rows.append(Route("PUT", path + "/{id}", update, body=OBJECT))
    return (*rows, *(_tag_routes(resource, path) if resource.tags else ()))


def _tag_routes(resource: Resource, path: str) -> tuple[Route, ...]:
    async def index(net: Network, ctx: Context, request: Request) -> Any:
        return {"tags": await net.tags.show(ctx, resource, request.params["id"])}

    async def replace(net: Network, ctx: Context, request: Request) -> Any:
        tags = request.body.get("tags") if isinstance(request.body, dict) else None
        return {"tags": await net.tags.replace(ctx, resource, request.params["id"], tags)}

    async def clear(net: Network, ctx: Context, request: Request) -> None:
        await net.tags.remove(ctx, resource, request.params["id"], None)

    async def check(net: Network, ctx: Context, request: Request) -> None:
        await net.tags.check(ctx, resource, request.params["id"], request.params["tag"])

    async def add(net: Network, ctx: Context, request: Request) -> None:
        await net.tags.add(ctx, resource, request.params["id"], [request.params["tag"]])

    async def remove(net: Network, ctx: Context, request: Request) -> None:
        await net.tags.remove(ctx, resource, request.params["id"], request.params["tag"])

    return (
        Route("GET", path + "/{id}/tags", index),
        Route("PUT", path + "/{id}/tags", replace, body=OBJECT),
        Route("DELETE", path + "/{id}/tags", clear, status=204),
        Route("GET", path + "/{id}/tags/{tag}", check, status=204),
        Route("PUT", path + "/{id}/tags/{tag}", add, status=201),
        Route("DELETE", path + "/{id}/tags/{tag}", remove, status=204),
    )


ROUTES: tuple[Route, ...] = tuple(route for resource in RESOURCES for route in routes_of(resource))
