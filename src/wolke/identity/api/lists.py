"""Query strings to ``Wanted``, and found records to a list with its links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wolke.core.http import Request
from wolke.core.paging import next_link, parse_limit
from wolke.identity.service.listing import INEXACT, Found, Wanted

_FALSE = frozenset({"0", "false", "no", "off"})
_MOST = 10_000


def wanted(request: Request, texts: Iterable[str] = ("name",), flags: Iterable[str] = ()) -> Wanted:
    """Filters among ``texts`` (also inexact, ``name__contains``) and ``flags``, and the page; other names are ignored."""
    query, texts, flags = request.query, set(texts), set(flags)
    found = Wanted(limit=parse_limit(query.get("limit"), most=_MOST) or None, marker=query.get("marker"))
    for name, value in query.pairs:
        column, inexact, how = name.partition("__")
        if name in texts:
            found.equal[name] = value
        elif name in flags:
            found.equal[name] = flag(value)
        elif inexact and column in texts and how in INEXACT:
            found.inexact.append((column, how, value))
    return found


def flag(value: str) -> bool:
    """As Keystone reads a flag in a query: present means true."""
    return value.strip().lower() not in _FALSE


def answer(
    request: Request, plural: str, found: Found[Any], view: Callable[[Any], Mapping[str, Any]]
) -> dict[str, Any]:
    links: dict[str, str | None] = {"self": request.origin + request.path, "previous": None, "next": None}
    query = request.scope["query_string"].decode("latin-1")
    if query:
        links["self"] = f"{links['self']}?{query}"
    body: dict[str, Any] = {plural: [view(one) for one in found.records], "links": links}
    if found.more:
        links["next"] = next_link(
            request.origin + request.path, request.query, found.records[-1].id, len(found.records)
        )
    if found.truncated:
        body["truncated"] = True
    return body
