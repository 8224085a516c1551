"""Lists: what was asked for, found a page at a time.

Equal values are the database's work. The inexact filters of Keystone (``name__contains=``) are done here, on what is left,
because the databases do not agree on the case of letters; they are rare, and a list is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from wolke.core.db import Order, Table, Where
from wolke.core.paging import Page, find_page
from wolke.identity.errors import Invalid
from wolke.identity.service.ground import Ground

R = TypeVar("R", bound=msgspec.Struct)

INEXACT: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda value, asked: asked in value,
    "icontains": lambda value, asked: asked.lower() in value.lower(),
    "startswith": lambda value, asked: value.startswith(asked),
    "istartswith": lambda value, asked: value.lower().startswith(asked.lower()),
    "endswith": lambda value, asked: value.endswith(asked),
    "iendswith": lambda value, asked: value.lower().endswith(asked.lower()),
    "iexact": lambda value, asked: value.lower() == asked.lower(),
    "equals": lambda value, asked: value == asked,
}
_EVERYTHING = 100_000


@dataclass(slots=True)
class Wanted:
    """``equal`` by column; ``inexact``: (column, comparison, text); ``tests``: whatever else must be true of a record."""

    equal: dict[str, Any] = field(default_factory=dict)
    inexact: list[tuple[str, str, str]] = field(default_factory=list)
    tests: list[Callable[[Any], bool]] = field(default_factory=list)
    limit: int | None = None
    marker: str | None = None

    def keeps(self, record: Any) -> bool:
        return all(
            INEXACT[how](str(getattr(record, column, None) or ""), text) for column, how, text in self.inexact
        ) and all(test(record) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """``more``: there is a next page. ``truncated``: and nobody asked for pages."""

    records: list[R]
    more: bool = False
    truncated: bool = False


async def listed(
    ground: Ground, table: Table[R], wanted: Wanted, *, where: Sequence[Where] = (), by_name: bool = True
) -> Found[R]:
    order = (Order("name"), Order("id")) if by_name else (Order("id"),)
    most = ground.config.list_limit
    limit = min(wanted.limit or most, most)
    marker = None
    if wanted.marker is not None:
        marker = await ground.db.get(table, id=wanted.marker)
        if marker is None:
            raise Invalid("The marker of the list could not be found.")
    sifted = bool(wanted.inexact or wanted.tests)
    page = Page(order, _EVERYTHING if sifted else limit + 1)
    records = await find_page(ground.db, table, page, where=where, marker=marker, **wanted.equal)
    if sifted:
        records = [record for record in records if wanted.keeps(record)]
    more = len(records) > limit
    return Found(records[:limit], more, more and wanted.limit is None)
