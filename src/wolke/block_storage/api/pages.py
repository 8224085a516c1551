"""The part of a query string that says which page of which rows is wanted, and the link to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.service import filters
from wolke.block_storage.service.sight import MOST_OFFSET
from wolke.block_storage.versions import Since
from wolke.core.db import Order, Where
from wolke.core.http import Request
from wolke.core.paging import Page, next_link, parse_limit, parse_order
from wolke.core.schema import boolean

NEWEST_FIRST = (Order("created_at", True), Order("id", True))
_DEFAULT_DIRECTION = "desc"

#: Words on the wire that are columns of most tables; what a table has more is said where it is listed.
SORTABLE = {"id": "id", "created_at": "created_at", "name": "name", "display_name": "name", "status": "status"}


def page(request: Request, *, columns: Mapping[str, str] = SORTABLE, most: int = 1000) -> tuple[Page, int]:
    """The page, and how many rows of it to skip."""
    query = request.query
    keys, directions = _sort(request)
    order = parse_order(keys, directions, columns=columns, default=NEWEST_FIRST)
    limit = parse_limit(query.get("limit"), most=most, default=most)
    return Page(order, limit, query.get("marker")), offset(request)


def _sort(request: Request) -> tuple[list[str], list[str]]:
    """``sort=name:asc,size``, or ``sort_key`` and ``sort_dir``; what has no direction goes down."""
    sort = request.query.get("sort")
    if sort is not None:
        if "sort_key" in request.query or "sort_dir" in request.query:
            raise errors.Invalid(
                "input received", "The 'sort_key' and 'sort_dir' parameters cannot be used with 'sort'."
            )
        pairs = [part.strip().partition(":") for part in sort.split(",")]
        return [key for key, _, _ in pairs], [way or _DEFAULT_DIRECTION for _, _, way in pairs]
    keys = [one.strip() for one in request.query.all("sort_key")[-1:]]
    directions = [one.strip() for one in request.query.all("sort_dir")[-1:]]
    return keys, directions or ([_DEFAULT_DIRECTION] if keys else [])


def offset(request: Request) -> int:
    text = request.query.get("offset", "0") or "0"
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= MOST_OFFSET):
        raise errors.Invalid("input received", f"offset must be a number between 0 and {MOST_OFFSET}: {text[:40]!r}")
    return int(text)


def everybody(request: Request) -> bool:
    """The rows of all projects are asked for, by somebody who may."""
    asked = request.query.get("all_tenants")
    return asked is not None and request.ctx.is_admin and boolean(asked or "true", "all_tenants")


def where(request: Request, resource: str) -> list[Where]:
    version = request.version
    return filters.where(
        request.ctx,
        resource,
        request.query.lists(),
        everybody=everybody(request),
        strict=version >= Since.FILTERS_CHECKED,
        like=version >= Since.LIKE,
    )


def links(request: Request, rows: Sequence[Any], page: Page, name: str) -> dict[str, Any]:
    """``{name: [{"rel": "next", …}]}`` if there may be more."""
    if not page.limit or len(rows) < page.limit:
        return {}
    here = request.origin + request.path
    return {name: [{"rel": "next", "href": next_link(here, request.query, rows[-1].id)}]}


def wants_count(request: Request) -> bool:
    if request.version < Since.COUNTS or "with_count" not in request.query:
        return False
    return boolean(request.query.get("with_count"), "with_count")
