"""Links: ``self`` with the version in it, ``bookmark`` without."""

from __future__ import annotations

from wolke.core.http import Params
from wolke.core.paging import next_link

Link = dict[str, str]
VERSION = "v2.1"


def links(base: str, *path: str) -> list[Link]:
    rest = "/".join(path)
    return [{"rel": "self", "href": f"{base}/{VERSION}/{rest}"}, {"rel": "bookmark", "href": f"{base}/{rest}"}]


def bookmark(base: str, *path: str) -> list[Link]:
    return [{"rel": "bookmark", "href": f"{base}/{'/'.join(path)}"}]


def following(base: str, path: str, query: Params, marker: str, limit: int | None) -> list[Link]:
    return [{"rel": "next", "href": next_link(f"{base}/{VERSION}/{path}", query, marker, limit)}]
