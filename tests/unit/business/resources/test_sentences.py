"""Rules of the firewall as people say them."""

from __future__ import annotations

import pytest

from wolke.business.resources.model import Rule
from wolke.business.resources.views import rule_shown


@pytest.mark.parametrize(
    ("protocol", "ports", "source", "said"),
    [
        ("tcp", (443, 443), "", "Everybody on the internet may reach web pages (443)."),
        ("tcp", (8000, 8010), "", "Everybody on the internet may reach TCP ports 8000–8010."),
        ("udp", (None, None), "203.0.113.0/24", "Whoever has the address 203.0.113.0/24 may reach all UDP ports."),
        ("icmp", (None, None), "", "Everybody on the internet may ask whether your servers are there (ping)."),
        ("", (None, None), "203.0.113.7/32", "Whoever has the address 203.0.113.7/32 may reach everything."),
    ],
)
def test_a_rule_is_a_sentence(protocol: str, ports: tuple[int | None, int | None], source: str, said: str) -> None:
    rule = Rule("r", "c", "p", protocol, *ports, source, "ready", None, "", "")
    shown = rule_shown(rule)
    assert shown.text.format(**shown.values) == said
