"""API keys: a key is shown once. People see and end their own; owners those of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wolke.business.customers.links import hashed, new_token
from wolke.business.customers.model import ApiKey
from wolke.business.customers.shapes import Name, plain
from wolke.business.customers.store import KEYS
from wolke.business.errors import Invalid, NotAllowed, NotNow, NotThere
from wolke.business.verb import MEMBERS, Verb
from wolke.business.who import OWNER, Who
from wolke.core.clock import Instant
from wolke.core.db import Order, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_BEGINS, _MOST, _SHOWN = "wolke_", 20, 10


class NewKey(msgspec.Struct, frozen=True):
    name: Name


class KeyShown(msgspec.Struct, frozen=True, kw_only=True):
    """``begins``: what the key begins with. ``used_at``: to the minute."""

    id: str
    name: str
    person: str
    begins: str
    created_at: Instant
    used_at: Instant | None


class KeyMade(KeyShown, frozen=True, kw_only=True):
    """``key`` is shown this once."""

    key: str


async def create(desk: Desk, who: Who, asked: NewKey) -> KeyMade:
    """A key makes no keys, and nobody makes one in another's name."""
    name = plain(asked.name)
    if not name:
        raise Invalid("Please check what is marked below.", fields={"name": "This is needed."})
    if who.acting_for is not None:
        raise NotAllowed("You act on behalf of a customer. Keys are for its own people to make.")
    async with desk.needs.db.transaction() as tx:
        await desk.customers.sessions.own(tx, who)
        person = await desk.customers.people.get(who.person_id or "", tx)
        await tx.lock(f"business-keys-{person.id}")
        if await tx.count(KEYS, person_id=person.id, company_id=who.company_id, ended_at=None) >= _MOST:
            raise NotNow(
                "You have {most} keys here, which is as many as there can be. Please end one first.", most=_MOST
            )
        text, now = _BEGINS + new_token(), desk.needs.clock.now()
        key = ApiKey(hashed(text), person.id, who.company_id or "", name, text[:_SHOWN], now, None, None)
        await tx.insert(KEYS, key)
        await desk.needs.audit.write(tx, who, "keys.create", key.id, {"name": name, "begins": key.begins})
    return KeyMade(id=key.id, name=name, person=person.name, begins=key.begins, created_at=now, used_at=None, key=text)


async def keys(desk: Desk, who: Who, asked: None) -> list[KeyShown]:
    own = () if OWNER in who.roles else (Where("person_id", "eq", who.person_id),)
    order = (Order("created_at"), Order("id"))
    found = await desk.needs.db.find(KEYS, company_id=who.company_id, ended_at=None, order=order, where=own)
    names = await desk.customers.people.names(key.person_id for key in found)
    return [
        KeyShown(
            id=key.id, name=key.name, person=names.get(key.person_id, ""), begins=key.begins, created_at=key.created_at, used_at=key.used_at
        )
        for key in found
    ]  # fmt: skip


async def end(desk: Desk, who: Who, asked: None, key_id: str) -> None:
    async with desk.needs.db.transaction() as tx:
        key = await tx.get(KEYS, id=key_id, company_id=who.company_id, ended_at=None)
        if key is None or not (key.person_id == who.person_id or OWNER in who.roles):
            raise NotThere("There is no such key.")
        await tx.update(KEYS, {"ended_at": desk.needs.clock.now()}, id=key.id)
        await desk.needs.audit.write(tx, who, "keys.end", key.id, {"name": key.name, "begins": key.begins})


VERBS = (
    Verb("keys.list", "GET", "/keys", keys, MEMBERS, "The keys that programs use in my name; an owner sees all", gives=list[KeyShown]),
    Verb("keys.create", "POST", "/keys", create, MEMBERS, "A new key; it is shown once", takes=NewKey, gives=KeyMade, status=201),
    Verb("keys.end", "DELETE", "/keys/{key_id}", end, MEMBERS, "End a key", status=204),
)  # fmt: skip
