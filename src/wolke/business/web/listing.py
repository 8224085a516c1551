"""Lists: a page of rows, and the links that sort it and go on. All of it stands in the address, so that it can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from wolke.business.verb import MOST_COUNTED, Found

if TYPE_CHECKING:
    from wolke.business.web.page import Ask

_ROWS = 25


@dataclass(frozen=True, slots=True)
class Listed:
    """``more``: what else the address says (a state that is chosen)."""

    path: str
    found: Found
    search: str
    sort: str
    after: str
    default: str
    more: dict[str, str]

    @property
    def items(self) -> list[Any]:
        return self.found.items

    @property
    def total(self) -> int:
        return self.found.total

    @property
    def beyond(self) -> bool:
        """There may be more than ``total``."""
        return self.found.total >= MOST_COUNTED

    @property
    def bare(self) -> bool:
        """Nothing is there, and nothing was searched for."""
        return not self.found.items and not self.search and not self.after and not any(self.more.values())

    @property
    def next(self) -> str:
        return self._address(after=self.found.after) if self.found.after else ""

    @property
    def first(self) -> str:
        return self._address() if self.after else ""

    def sorted(self, name: str) -> str:
        """The other way round, if it is sorted by that already."""
        return self._address(sort=f"-{name}" if (self.sort or self.default) == name else name)

    def direction(self, name: str) -> str:
        """As aria-sort says it."""
        sort = self.sort or self.default
        return {name: "ascending", f"-{name}": "descending"}.get(sort, "")

    def chosen(self, **more: str) -> str:
        return self._address(**more)

    def _address(self, **changed: str) -> str:
        said = {"search": self.search, "sort": self.sort, **self.more, **changed}
        said = {name: value for name, value in said.items() if value}
        return f"{self.path}?{urlencode(said)}" if said else self.path


async def listed(
    ask: Ask, verb: str, *, default: str = "", more: tuple[str, ...] = (), fixed: Mapping[str, str] | None = None, **places: str
) -> Listed:  # fmt: skip
    """What the verb finds for what the address says. ``fixed``: what it is asked besides."""
    query = ask.request.query
    said = {name: query.get(name) or "" for name in ("search", "sort", "after", *more)}
    asked = {name: value for name, value in said.items() if value} | {"limit": str(_ROWS)} | dict(fixed or {})
    found = await ask.call(verb, asked, **places)
    return Listed(
        ask.request.path,
        found,
        said["search"],
        said["sort"],
        said["after"],
        default,
        {name: said[name] for name in more},
    )
