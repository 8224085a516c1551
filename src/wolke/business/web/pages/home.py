"""The first page: how things stand, and what to do next."""

from __future__ import annotations

from typing import Any

from wolke.business.errors import BusinessError
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.money import chart
from wolke.core.http import Response


async def home(ask: Ask) -> Response:
    if ask.who.company_id is None:
        return ask.go("/provider") if ask.who.staff else ask.draw("no_company.html")
    costs: Any = await _tried(ask, "costs.show")
    found = {
        "servers": await _tried(ask, "servers.list", limit="5"), "running": await _tried(ask, "servers.list", state="running", limit="1"),
        "tickets": await _tried(ask, "tickets.list", state="unsettled", limit="1"),
        "keys": await _tried(ask, "key_pairs.list", limit="1"), "activity": await _tried(ask, "activity.list", limit="6"),
    }  # fmt: skip
    return ask.draw("home.html", costs=costs, chart=chart(ask, costs) if costs is not None else "", **found)


async def _tried(ask: Ask, verb: str, **asked: str) -> Any:
    """None where this person may not, or there is no project yet."""
    if not ask.may(verb):
        return None
    try:
        return await ask.call(verb, asked)
    except BusinessError:
        return None


PAGES = (Page("GET", "/", home),)
