"""The part of a query string that says which page of a list is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.core.db import Order
from wolke.core.errors import BadRequest
from wolke.core.http import Request
from wolke.core.paging import Page, parse_limit, parse_order

NEWEST_FIRST = (Order("created_at", True), Order("id", True))


def page(
    request: Request,
    *,
    most: int,
    columns: Mapping[str, str],
    default: tuple[Order, ...],
    unique: str = "id",
) -> Page:
    query = request.query
    order = parse_order(query.all("sort_key"), query.all("sort_dir"), columns=columns, default=default, unique=unique)
    return Page(order, parse_limit(query.get("limit"), most=most, default=most), query.get("marker"))


def full(found: Sequence[Any], limit: int | None) -> bool:
    """There may be more where these came from."""
    return limit is not None and limit > 0 and len(found) >= limit


def number(request: Request, name: str, default: int = 0) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise BadRequest(f"Invalid {name} filter [{text[:64]}]")
    return int(text)
