"""A host's wish on the wire. Equal sets of rules are sent once and named by their place in a list."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from wolke.network.drivers import base
from wolke.network.scheduler.wishes import Wish

RuleSet = tuple[base.Rule, ...]


class WiredNetwork(msgspec.Struct, frozen=True):
    """A network whose ports have no rules of their own, but the place of their set."""

    network: base.Network
    rules_of_port: dict[str, int]


class WiredWish(msgspec.Struct, frozen=True):
    networks: tuple[WiredNetwork, ...] = ()
    routers: tuple[base.Router, ...] = ()
    rule_sets: tuple[RuleSet, ...] = ()
    unconfirmed: tuple[str, ...] = ()


class NetworkOutcome(msgspec.Struct, frozen=True):
    """``ports`` are those that are carried now; ``error`` says why something is not."""

    ports: list[str] = []
    error: str | None = None


class RouterOutcome(msgspec.Struct, frozen=True):
    floating_ips: list[str] = []
    error: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    networks: dict[str, NetworkOutcome] = {}
    routers: dict[str, RouterOutcome] = {}


class Registration(msgspec.Struct, frozen=True):
    """``capabilities`` are the dataplane's own record."""

    dataplane: str
    capabilities: dict[str, bool] = {}
    started_at: str = ""


def encode(wish: Wish) -> bytes:
    places: dict[RuleSet, int] = {}
    wired = []
    for network in wish.networks:
        named = {p.id: places.setdefault(p.rules, len(places)) for p in network.ports if p.rules}
        bare = replace(network, ports=tuple(replace(p, rules=()) for p in network.ports))
        wired.append(WiredNetwork(bare, named))
    return msgspec.json.encode(WiredWish(tuple(wired), wish.routers, tuple(places), tuple(sorted(wish.unconfirmed))))


def decode(body: bytes) -> Wish:
    wish = msgspec.json.decode(body, type=WiredWish)
    networks = []
    for one in wish.networks:
        ports = tuple(
            replace(p, rules=wish.rule_sets[one.rules_of_port[p.id]]) if p.id in one.rules_of_port else p
            for p in one.network.ports
        )
        networks.append(replace(one.network, ports=ports))
    return Wish(tuple(networks), wish.routers, frozenset(wish.unconfirmed))
