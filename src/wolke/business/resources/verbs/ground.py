"""What servers stand on: keys, the firewall, networks, and how much a project may have."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business.errors import Invalid, NotNow
from wolke.business.resources import model
from wolke.business.resources.base import told
from wolke.business.resources.firewall import LEAVING
from wolke.business.resources.firewall import WAKE as FIREWALL_WAKE
from wolke.business.resources.orders import Label
from wolke.business.resources.store import KEYS, NETWORKS, RULES, SERVERS
from wolke.business.resources.verbs.listing import own
from wolke.business.resources.views import (
    KeyShown,
    NetworkPicture,
    NetworkShown,
    PictureServer,
    RuleShown,
    rule_shown,
    shown,
)
from wolke.business.verb import MEMBERS, TECHNICIANS, Found, Page, Verb, find
from wolke.business.who import Who
from wolke.core import ids
from wolke.core.db import DuplicateRow, Order

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_KEY_KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
)
_MOST_RULES, _MOST_SERVERS = 100, 500
_PICTURED = SERVERS.narrow(PictureServer)
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


# -- keys


class NewKey(msgspec.Struct, frozen=True):
    """``public_key``: a line as in ``id_ed25519.pub``."""

    name: Label
    public_key: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]


async def list_keys(desk: Desk, who: Who, asked: Page, project_id: str) -> Found:
    return await find(
        desk.needs.db, KEYS, asked, sorts={"name": "name", "created": "created_at"}, default="name", shown=lambda row: shown(KeyShown, row),
        project_id=project_id,
    )  # fmt: skip


async def add_key(desk: Desk, who: Who, asked: NewKey, project_id: str) -> KeyShown:
    line = asked.public_key.strip()
    project = await desk.customers.projects.seen(who, project_id)
    row = model.KeyPair(
        ids.uuid(), project.company_id, project_id, asked.name, line, _fingerprint(line), desk.needs.clock.now()
    )
    try:
        async with desk.needs.db.transaction() as tx:
            await tx.insert(KEYS, row)
            await desk.needs.audit.write(
                tx, who, "key_pairs.add", row.id, {"name": row.name}, company_id=row.company_id
            )
    except DuplicateRow:
        raise Invalid(
            "Please check what is marked below.", fields={"name": "A key of this project has that name."}
        ) from None
    return shown(KeyShown, row)


def _fingerprint(line: str) -> str:
    kind, _, rest = line.partition(" ")
    try:
        raw = base64.b64decode(rest.split(" ")[0].encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    named = kind.encode(errors="replace")
    if kind not in _KEY_KINDS or raw[4 : 4 + len(named)] != named or "\n" in line:
        sentence = (
            "This is no public key. It begins with ssh-ed25519 or ssh-rsa and stands in a file that ends with .pub."
        )
        raise Invalid("Please check what is marked below.", fields={"public_key": sentence})
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


async def remove_key(desk: Desk, who: Who, asked: None, project_id: str, key_id: str) -> None:
    """Servers that were made with it go on to know it."""
    async with desk.needs.db.transaction() as tx:
        row = await own(tx, KEYS, project_id, key_id)
        await tx.delete(KEYS, id=key_id)
        await desk.needs.audit.write(tx, who, "key_pairs.remove", key_id, {"name": row.name}, company_id=row.company_id)


# -- firewall


class NewRule(msgspec.Struct, frozen=True):
    """``protocol``: tcp, udp, icmp, or "" for everything. ``source``: an address or a range of them; "": everybody."""

    protocol: Annotated[str, msgspec.Meta(pattern="^(tcp|udp|icmp|)$")] = "tcp"
    first_port: Port | None = None
    last_port: Port | None = None
    source: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Rules(msgspec.Struct, frozen=True):
    items: list[RuleShown]


async def list_rules(desk: Desk, who: Who, asked: None, project_id: str) -> Rules:
    rows = await desk.needs.db.find(RULES, project_id=project_id, order=(Order("created_at"), Order("id")))
    return Rules([rule_shown(row) for row in rows if row.state != LEAVING])


async def add_rule(desk: Desk, who: Who, asked: NewRule, project_id: str) -> RuleShown:
    first, last = _ports(asked)
    source, now = _source(asked.source), desk.needs.clock.now()
    async with desk.needs.db.transaction() as tx:
        await tx.lock(f"business-firewall:{project_id}")
        project = await desk.customers.projects.seen(who, project_id, tx)
        same = [row for row in await tx.find(RULES, project_id=project_id) if row.state != LEAVING]
        if len(same) >= _MOST_RULES:
            raise NotNow("There are very many rules already. Remove one that is not needed first.")
        if any(
            (row.protocol, row.first_port, row.last_port, row.source) == (asked.protocol, first, last, source)
            for row in same
        ):
            raise NotNow("There is such a rule already.")
        row = model.Rule(
            id=ids.uuid(), company_id=project.company_id, project_id=project_id, protocol=asked.protocol, first_port=first, last_port=last,
            source=source, state=model.ORDERED, reason=None, created_at=now, touched_at=now,
        )  # fmt: skip
        await tx.insert(RULES, row)
        details = {"protocol": row.protocol, "ports": f"{first}-{last}", "source": source}
        await desk.needs.audit.write(tx, who, "firewall.add", row.id, details, company_id=row.company_id)
        tx.wake(FIREWALL_WAKE)
        told(tx)
    return rule_shown(row)


def _ports(asked: NewRule) -> tuple[int | None, int | None]:
    if asked.protocol not in ("tcp", "udp"):
        return None, None
    last = asked.last_port or asked.first_port
    first = asked.first_port or last
    if first is not None and last is not None and last < first:
        raise Invalid(
            "Please check what is marked below.", fields={"last_port": "This must not be smaller than the first one."}
        )
    return first, last


def _source(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        sentence = "An address, such as 203.0.113.7, or a range, such as 203.0.113.0/24, please."
        raise Invalid("Please check what is marked below.", fields={"source": sentence}) from None
    return str(network) if network.prefixlen else ""


async def remove_rule(desk: Desk, who: Who, asked: None, project_id: str, rule_id: str) -> None:
    async with desk.needs.db.transaction() as tx:
        row = await own(tx, RULES, project_id, rule_id)
        await tx.update(RULES, {"state": LEAVING, "touched_at": desk.needs.clock.now()}, id=rule_id)
        await desk.needs.audit.write(tx, who, "firewall.remove", rule_id, company_id=row.company_id)
        tx.wake(FIREWALL_WAKE)
        told(tx)


# -- the project


async def network(desk: Desk, who: Who, asked: None, project_id: str) -> NetworkPicture:
    db = desk.needs.db
    networks = await db.find(NETWORKS, project_id=project_id, order=(Order("name"),))
    order = (Order("name"), Order("id"))
    servers = await db.find(_PICTURED, project_id=project_id, gone_at=None, order=order, limit=_MOST_SERVERS)
    return NetworkPicture([shown(NetworkShown, row) for row in networks], servers)


_P = "/projects/{project_id}"
VERBS = (
    Verb("key_pairs.list", "GET", f"{_P}/key-pairs", list_keys, MEMBERS, "Who may sign in at new servers", takes=Page, gives=Found),
    Verb("key_pairs.add", "POST", f"{_P}/key-pairs", add_key, TECHNICIANS, "Add a public key", takes=NewKey, gives=KeyShown, status=201),
    Verb("key_pairs.remove", "DELETE", f"{_P}/key-pairs/{{key_id}}", remove_key, TECHNICIANS, "Remove a key", status=204),
    Verb("firewall.list", "GET", f"{_P}/firewall", list_rules, MEMBERS, "Who may reach what", gives=Rules),
    Verb("firewall.add", "POST", f"{_P}/firewall", add_rule, TECHNICIANS, "Let somebody reach something", takes=NewRule, gives=RuleShown, status=201),
    Verb("firewall.remove", "DELETE", f"{_P}/firewall/{{rule_id}}", remove_rule, TECHNICIANS, "Let nobody reach it any more", status=204),
    Verb("network.show", "GET", f"{_P}/network", network, MEMBERS, "Networks and who stands in them", gives=NetworkPicture),
)  # fmt: skip
