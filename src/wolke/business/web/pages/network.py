"""The network as a picture, and the firewall as sentences."""

from __future__ import annotations

from typing import NamedTuple

from wolke.business.web import pictures
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does
from wolke.core.http import Response


class Common(NamedTuple):
    """What most firewalls allow: one click each."""

    word: str
    protocol: str
    first: str
    last: str


COMMON = (
    Common("Sign-in by SSH (22)", "tcp", "22", "22"),
    Common("Web pages (80)", "tcp", "80", "80"),
    Common("Web pages, encrypted (443)", "tcp", "443", "443"),
    Common("Whether it is there (ping)", "icmp", "", ""),
)


async def network(ask: Ask) -> Response:
    rules = (await ask.call("firewall.list")).items
    shown = await ask.call("network.show")
    there = {
        (rule.protocol, str(rule.first_port or ""), str(rule.last_port or "")) for rule in rules if not rule.source
    }
    offered = [one for one in COMMON if (one.protocol, one.first, one.last) not in there]
    picture = pictures.network(shown, ask.words.gettext("The internet"))
    return ask.draw("network.html", rules=rules, shown=shown, offered=offered, picture=picture)


PAGES = (
    Page("GET", "/firewall", network),
    Page("POST", "/firewall/rules", does("firewall.add", "/firewall", "It takes effect in a moment."), again=network),
    Page("POST", "/firewall/rules/{rule_id}/remove", does("firewall.remove", "/firewall", "It ends in a moment.")),
)
