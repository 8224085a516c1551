"""The query of an image list: filters, operators, order, page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from wolke.core import clock
from wolke.core.db import Order, Related, Where
from wolke.core.errors import BadRequest
from wolke.core.http import Params
from wolke.core.paging import Page, operator, parse_limit, parse_order
from wolke.core.schema import boolean
from wolke.image.config import ImageConfig
from wolke.image.model import MEMBER_STATUSES, VISIBILITIES
from wolke.image.store import MARKS, property_mark, tag_mark

_SORTABLE = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
_DEFAULT_ORDER = (Order("created_at", True), Order("id", True))
_PAGING = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir"})
_INT_MAX = 2**63 - 1
_IN_MAX = 1000


@dataclass(frozen=True, slots=True)
class ImageQuery:
    page: Page
    where: Sequence[Where]
    visibility: str | None
    owner: str | None
    member_status: str

    def first_link(self, base: str, pairs: Sequence[tuple[str, str]]) -> str:
        return f"{base}?{urlencode(pairs)}" if pairs else base


def read_query(params: Params, config: ImageConfig) -> ImageQuery:
    limit = parse_limit(params.get("limit"), most=config.page_max, default=config.page_default)
    page = Page(_order(params), limit, params.get("marker"))
    where: list[Where] = []
    for name, value in params.pairs:
        if name not in _PAGING and name not in ("visibility", "owner", "member_status"):
            where += _FILTERS[name](value) if name in _FILTERS else [_marked(property_mark(name, value))]
    if "os_hidden" not in params:
        where.append(Where("hidden", "eq", False))
    return ImageQuery(
        page, where, _choice(params, "visibility", (*VISIBILITIES, "all")), params.get("owner"), _member_status(params)
    )


def _order(params: Params) -> tuple[Order, ...]:
    keys, directions = params.all("sort_key"), params.all("sort_dir")
    sort = params.get("sort")
    if sort is not None:
        if keys or directions:
            raise BadRequest("Old and new sorting syntax cannot be combined")
        parts = [part.strip().partition(":") for part in sort.split(",")]
        keys = [key.strip() for key, _, _ in parts]
        directions = [direction.strip() or "desc" for _, _, direction in parts]
    elif keys and not directions:
        directions = ["desc"]
    if len(keys) > len(_SORTABLE):
        raise BadRequest("There are too many sort keys.")
    return parse_order(keys, directions, columns={name: name for name in _SORTABLE}, default=_DEFAULT_ORDER)


def _choice(params: Params, name: str, allowed: Sequence[str]) -> str | None:
    value = params.get(name)
    if value is not None and value not in allowed:
        raise BadRequest(f"Invalid {name} value: {value[:64]!r}; it is one of {', '.join(allowed)}.")
    return value


def _member_status(params: Params) -> str:
    return _choice(params, "member_status", (*MEMBER_STATUSES, "all")) or "accepted"


def _marked(mark: str) -> Where:
    return Where("id", "within", Related(MARKS, "image_id", (Where("mark", "eq", mark),)))


def _text(column: str) -> Callable[[str], list[Where]]:
    """``a`` or ``in:a,b``; an empty value asks for none."""

    def read(value: str) -> list[Where]:
        if not value.startswith("in:"):
            return [Where(column, "eq", value)]
        items = _split(value[3:])
        if len(items) > _IN_MAX:
            raise BadRequest(f"There are more than {_IN_MAX} values after in:.")
        return [Where(column, "in", items)]

    return read


def _split(text: str) -> list[str]:
    """Values between commas; one in double quotes may hold commas itself."""
    items: list[str] = []
    rest = text
    while True:
        if rest.startswith('"'):
            item, quote, rest = rest[1:].partition('"')
            if not quote or (rest and not rest.startswith(",")):
                raise BadRequest(
                    f"Invalid filter value {text[:64]!r}: a quote is not closed or not followed by a comma."
                )
            comma, rest = rest[:1], rest[1:]
        else:
            item, comma, rest = rest.partition(",")
            if '"' in item:
                raise BadRequest(f"Invalid filter value {text[:64]!r}: a quote is not at the start of a value.")
        items.append(item)
        if not comma:
            return items


def _number(column: str, op: str = "eq") -> Callable[[str], list[Where]]:
    def read(value: str) -> list[Where]:
        if not (value.isdecimal() and value.isascii() and len(value) <= 19) or int(value) > _INT_MAX:
            raise BadRequest(f"Invalid filter value {value[:64]!r} for {column}: it is not a whole number.")
        return [Where(column, op, int(value))]

    return read


def _flag(column: str, name: str) -> Callable[[str], list[Where]]:
    return lambda value: [Where(column, "eq", boolean(value, name))]


def _instant(column: str) -> Callable[[str], list[Where]]:
    """What is shown is shown to the second, so equal means: within that second."""

    def read(value: str) -> list[Where]:
        op, at = operator(value, _moment)
        if op == "in":
            raise BadRequest(f"The operator in: is not for {column}.")
        after = clock.instant(clock.moment(at) + timedelta(seconds=1))
        within = [Where(column, "ge", at), Where(column, "lt", after)]
        return {
            "eq": within,
            "ne": [Where("", "any", [[Where(column, "lt", at)], [Where(column, "ge", after)]])],
            "gt": [Where(column, "ge", after)],
            "ge": [Where(column, "ge", at)],
            "lt": [Where(column, "lt", at)],
            "le": [Where(column, "lt", after)],
        }[op]

    return read


def _moment(text: str) -> str:
    try:
        moment = clock.moment(text.strip()).replace(microsecond=0)
        if not 1970 <= moment.year <= 9000:
            raise ValueError
        return clock.instant(moment)
    except (ValueError, OverflowError):
        raise BadRequest(f"Invalid filter value {text[:64]!r}: it is not a time in ISO 8601.") from None


_FILTERS: dict[str, Callable[[str], list[Where]]] = {
    "id": _text("id"),
    "name": _text("name"),
    "status": _text("status"),
    "container_format": _text("container_format"),
    "disk_format": _text("disk_format"),
    "checksum": _text("checksum"),
    "os_hash_algo": _text("hash_algo"),
    "os_hash_value": _text("hash_value"),
    "size": _number("size"),
    "size_min": _number("size", "ge"),
    "size_max": _number("size", "le"),
    "virtual_size": _number("virtual_size"),
    "min_disk": _number("min_disk"),
    "min_ram": _number("min_ram"),
    "protected": _flag("protected", "protected"),
    "os_hidden": _flag("hidden", "os_hidden"),
    "created_at": _instant("created_at"),
    "updated_at": _instant("updated_at"),
    "tag": lambda value: [_marked(tag_mark(value))],
}
