"""Lists a page at a time, each page costing the same: the marker is looked up and the next page starts *after its sort
key* (keyset), never at an offset.

The wire differs by service (``sort_key``/``sort_dir`` twice over, ``sort=name:asc``, ``limit`` and ``marker``, links in the
body); what is asked is one ``Page``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from wolke.core.db import Order, Reader, Table, Where
from wolke.core.errors import BadRequest
from wolke.core.http.messages import Params

R = TypeVar("R", bound=msgspec.Struct)

DIRECTIONS = {"asc": False, "desc": True}
_LIMIT_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Page:
    """``order`` always ends with a unique column. ``limit`` None: everything. ``backwards``: the page before the marker."""

    order: tuple[Order, ...]
    limit: int | None = None
    marker: str | None = None
    backwards: bool = False


def parse_limit(text: str | None, *, most: int, default: int | None = None) -> int | None:
    """``limit`` from a query. 400 if it is no number or negative; larger than ``most`` means ``most``."""
    if text is None:
        return default
    if not text.isdecimal() or not text.isascii():
        what = "must be non-negative" if text.lstrip("-").isdecimal() else "must be an integer"
        raise BadRequest(f"limit {what}: {text[:40]!r}", details={"type": "InvalidInput"})
    return min(int(text), most) if len(text) <= _LIMIT_DIGITS else most


def parse_order(
    keys: Sequence[str],
    directions: Sequence[str],
    *,
    columns: Mapping[str, str],
    default: tuple[Order, ...],
    unique: str = "id",
) -> tuple[Order, ...]:
    """``sort_key``s and ``sort_dir``s as an order of columns; ``columns`` maps the wire's names to the table's."""
    if len(directions) > max(len(keys), len(default)):
        raise BadRequest("There are more sort directions than sort keys.")
    order: list[Order] = []
    for index, key in enumerate(keys):
        if key not in columns:
            raise BadRequest(f"{key[:64]!r} is not a valid sort key.", details={"type": "InvalidInput"})
        direction = directions[index] if index < len(directions) else (directions[-1] if directions else "asc")
        order.append(Order(columns[key], _descending(direction)))
    if not order:
        order = [
            Order(o.column, _descending(directions[i]) if i < len(directions) else o.descending)
            for i, o in enumerate(default)
        ]
    if all(o.column != unique for o in order):
        order.append(Order(unique, order[-1].descending if order else False))
    return tuple(order)


def _descending(direction: str) -> bool:
    if direction.lower() not in DIRECTIONS:
        raise BadRequest(
            f"{direction[:16]!r} is not a valid sort direction: asc or desc.", details={"type": "InvalidInput"}
        )
    return DIRECTIONS[direction.lower()]


async def find_page(
    reader: Reader,
    table: Table[R],
    page: Page,
    *,
    where: Sequence[Where] = (),
    marker: R | None = None,
    **equal: Any,
) -> list[R]:
    """The records of one page, in the page's order; ``marker`` is the record that ``page.marker`` names."""
    order = page.order
    if page.backwards:
        order = tuple(Order(o.column, not o.descending) for o in order)
    conditions = list(where)
    if marker is not None:
        conditions += [*_bound(table, order[0], marker), after(order, marker)]
    if page.limit == 0:
        return []
    found = await reader.find(table, where=conditions, order=order, limit=page.limit, **equal)
    return found[::-1] if page.backwards else found


def _bound(table: Table[R], first: Order, marker: R) -> list[Where]:
    """What ``after`` implies of the first column, said so that an index can begin there."""
    value = getattr(marker, first.column)
    if value is None or (first.descending and table.sql.c[first.column].nullable):
        return []
    return [Where(first.column, "le" if first.descending else "ge", value)]


def after(order: Sequence[Order], marker: msgspec.Struct) -> Where:
    """Everything that sorts behind ``marker``. NULL is the smallest value, as ``Table`` orders it."""
    groups: list[list[Where]] = []
    equal: list[Where] = []
    for column, descending in order:
        value = getattr(marker, column)
        if value is None:
            if not descending:
                groups.append([*equal, Where(column, "isnull", False)])
            equal.append(Where(column, "isnull", True))
            continue
        groups.append([*equal, Where(column, "lt" if descending else "gt", value)])
        if descending:
            groups.append([*equal, Where(column, "isnull", True)])
        equal.append(Where(column, "eq", value))
    return Where("", "any", groups)


_OPERATORS: Mapping[str, str] = {"gt": "gt", "gte": "ge", "lt": "lt", "lte": "le", "eq": "eq", "neq": "ne"}


def operator(text: str, convert: Callable[[str], Any]) -> tuple[str, Any]:
    """``gt:100`` or ``in:a,b`` or plain ``100`` as ``(op, value)`` for a ``Where``."""
    prefix, colon, rest = text.partition(":")
    if colon and prefix == "in":
        return "in", [convert(part.strip().strip('"')) for part in rest.split(",")]
    if colon and prefix in _OPERATORS:
        return _OPERATORS[prefix], convert(rest)
    return "eq", convert(text)


def next_link(base: str, query: Params, marker: str, limit: int | None = None) -> str:
    """``base`` with the query as it was, but for where the next page starts."""
    pairs = [(name, value) for name, value in query.pairs if name not in ("marker", "limit" if limit else "marker")]
    if limit:
        pairs.append(("limit", str(limit)))
    return f"{base}?{urlencode([*pairs, ('marker', marker)])}"
