"""What people and programs see of what a project has: our rows without what is the provider's own."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from wolke.business.resources import model
from wolke.core.clock import Instant

T = TypeVar("T", bound=msgspec.Struct)


class ServerShown(msgspec.Struct, frozen=True):
    """``state``: ordered, working, running, stopped, failed or gone; ``doing``: what it is in the middle of."""

    id: str
    project_id: str
    name: str
    state: str
    doing: str
    reason: str | None
    plan_id: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    image_id: str
    image_name: str
    key_id: str | None
    public_address: str
    private_addresses: list[str]
    ordered_at: Instant
    began_at: Instant | None
    gone_at: Instant | None


class DiskShown(msgspec.Struct, frozen=True):
    """``server_name``: in lists alone."""

    id: str
    project_id: str
    name: str
    state: str
    reason: str | None
    plan_id: str
    size_gib: int
    server_id: str | None
    ordered_at: Instant
    began_at: Instant | None
    gone_at: Instant | None
    server_name: str = ""


class AddressShown(msgspec.Struct, frozen=True):
    """``server_name``: in lists alone."""

    id: str
    project_id: str
    address: str
    name: str
    state: str
    reason: str | None
    plan_id: str
    server_id: str | None
    ordered_at: Instant
    began_at: Instant | None
    gone_at: Instant | None
    server_name: str = ""


class SnapshotShown(msgspec.Struct, frozen=True):
    """``server_name``: in lists alone."""

    id: str
    project_id: str
    name: str
    state: str
    reason: str | None
    size_bytes: int
    least_disk_gib: int
    server_id: str | None
    ordered_at: Instant
    gone_at: Instant | None
    server_name: str = ""


class KeyShown(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    name: str
    public_key: str
    fingerprint: str
    created_at: Instant


class RuleShown(msgspec.Struct, frozen=True):
    """``text`` is an English sentence with ``{names}`` and the key of its translations; ``values`` fill them."""

    id: str
    project_id: str
    protocol: str
    first_port: int | None
    last_port: int | None
    source: str
    state: str
    reason: str | None
    text: str
    values: dict[str, str]


class ActionShown(msgspec.Struct, frozen=True):
    """Something that was wished: ``state`` is wished, done or failed for the ``reason``."""

    id: str
    project_id: str
    kind: str
    object_id: str
    verb: str
    person_id: str | None
    state: str
    reason: str | None
    at: Instant
    done_at: Instant | None


class RequestShown(msgspec.Struct, frozen=True):
    """``month_minor``: what the project would cost this month with it."""

    id: str
    project_id: str
    person_id: str
    verb: str
    summary: str
    missing: str
    month_minor: int
    currency: str
    note: str
    state: str
    answer: str
    decided_by: str | None
    object_id: str | None
    created_at: Instant
    decided_at: Instant | None


class NetworkPicture(msgspec.Struct, frozen=True):
    """Who is joined to whom: the world outside, by addresses to servers, which stand in networks."""

    networks: list[NetworkShown]
    servers: list[PictureServer]


class NetworkShown(msgspec.Struct, frozen=True):
    id: str
    name: str
    ranges: list[str]


class PictureServer(msgspec.Struct, frozen=True):
    id: str
    name: str
    state: str
    public_address: str
    private_addresses: list[str]


def shown(kind: type[T], row: msgspec.Struct) -> T:
    """``row`` as ``kind``, which has some of its fields."""
    return kind(**{name: getattr(row, name) for name in kind.__struct_fields__ if hasattr(row, name)})


_PROTOCOLS = {"tcp": "TCP", "udp": "UDP"}
#: What stands behind a port, in people's words.
SERVICES = {("tcp", 22): "sign-in by SSH", ("tcp", 80): "web pages", ("tcp", 443): "web pages", ("tcp", 3389): "Windows desktops",
            ("tcp", 25): "mail", ("udp", 53): "names (DNS)", ("tcp", 5432): "PostgreSQL", ("tcp", 3306): "MySQL",
            ("udp", 51820): "WireGuard"}  # fmt: skip
_WHO = ("Everybody on the internet may {what}.", "Whoever has the address {{source}} may {what}.")
_PING, _ALL = "ask whether your servers are there (ping)", "reach everything"
_ALL_PORTS, _PORTS, _SERVICE = (
    "reach all {protocol} ports",
    "reach {protocol} ports {ports}",
    "reach {service} ({{ports}})",
)


def every_sentence() -> list[str]:
    """All that ``sentence`` may say, for those who translate."""
    services = [_SERVICE.format(service=service) for service in dict.fromkeys(SERVICES.values())]
    return [who.format(what=what) for who in _WHO for what in (_PING, _ALL, _ALL_PORTS, _PORTS, *services)]


def sentence(rule: model.Rule) -> tuple[str, dict[str, str]]:
    """A rule as people say it: ``Everybody on the internet may reach sign-in by SSH (22).``"""
    what, values = _what(rule)
    who = _WHO[1] if rule.source else _WHO[0]
    return who.format(what=what), values | ({"source": rule.source} if rule.source else {})


def _what(rule: model.Rule) -> tuple[str, dict[str, str]]:
    if rule.protocol == "icmp":
        return _PING, {}
    if rule.first_port is None:
        return (_ALL_PORTS, {"protocol": _PROTOCOLS[rule.protocol]}) if rule.protocol else (_ALL, {})
    one = rule.first_port == rule.last_port
    ports = str(rule.first_port) if one else f"{rule.first_port}–{rule.last_port}"
    service = SERVICES.get((rule.protocol, rule.first_port)) if one else None
    if service:
        return _SERVICE.format(service=service), {"ports": ports}
    return _PORTS, {"ports": ports, "protocol": _PROTOCOLS[rule.protocol]}


def rule_shown(rule: model.Rule) -> RuleShown:
    text, values = sentence(rule)
    fields: dict[str, Any] = {
        name: getattr(rule, name) for name in RuleShown.__struct_fields__ if name not in ("text", "values")
    }
    return RuleShown(**fields, text=text, values=values)
