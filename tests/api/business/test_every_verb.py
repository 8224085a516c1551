"""Every verb, asked by everybody: a stranger, each role of a company, and staff, each with the objects of another company.

Whoever is not in the verb's row gets 401 or 403; whoever is gets 404 for another company's object; nobody gets 500, or a word of the other company's.
A verb that comes later is walked by itself; if its path has a place of a new kind, ``OBJECTS`` must say how one of those is made.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from wolke.business.catalogue.store import PRICES
from wolke.business.customers.links import hashed, new_token
from wolke.business.customers.model import Session
from wolke.business.customers.store import KEYS, LINKS, MEMBERS, PEOPLE, PROJECTS, SESSIONS
from wolke.business.invoicing.store import CREDIT_NOTES, LINE_USES, LINES
from wolke.business.metering.store import USAGE
from wolke.business.portal import PARTS, verbs
from wolke.business.resources.store import ACTIONS, ADDRESSES, DISKS, NETWORKS, REQUESTS, RULES, SERVERS, SNAPSHOTS
from wolke.business.resources.store import KEYS as KEY_PAIRS
from wolke.business.support.store import EVENTS, TICKETS
from wolke.business.verb import ANYONE, SIGNED_IN, Verb
from wolke.business.who import ADMINISTRATOR, COMPANY_ROLES, SUPPORT, Who
from wolke.core.db import Table

#: A word that stands in every text of the other company's objects, and in nobody else's.
MARK = "zanzibar"
OTHER, PROJECT = "other-company", "other-project"
#: One of each kind that a path may name: the tables in which it is a row. The object's id is the place's name.
OBJECTS: dict[str, tuple[Table[Any], ...]] = {
    "project_id": (PROJECTS,),
    "member_id": (MEMBERS,),
    "session_id": (SESSIONS,),
    "key_id": (KEYS, KEY_PAIRS),
    "invitation_id": (LINKS,),
    "server_id": (SERVERS,),
    "disk_id": (DISKS,),
    "address_id": (ADDRESSES,),
    "snapshot_id": (SNAPSHOTS,),
    "rule_id": (RULES,),
    "request_id": (REQUESTS,),
    "invoice_id": (),  # issued and credited by the verbs themselves (``World.begin``), since only sound ones become documents
    "line_id": (),
    "credit_note_id": (),
    "ticket_id": (TICKETS,),
}
#: What else may be in a list: rows of the other company that no path names.
UNNAMED: tuple[Table[Any], ...] = (ACTIONS, NETWORKS, USAGE, LINE_USES, EVENTS)
#: Of no company: everybody's, or the provider's alone.
NOBODYS = {
    "plan_id",
    "company_id",
    "staff_id",
    "mail_id",
    "run_id",
    "payment_id",
    "transaction_id",
    "host",
    "container",
}
TEXTS = {
    "currency": "EUR", "month": "2026-02", "country": "DE", "locale": "en", "kind": "invite", "percent": "10", "tax_percent": "19", "exact": "1",
    "quantity": "1", "amount": "1", "discount_percent": "0", "paid_on": "2026-02-03", "email": "homely@mail.example",
    "issued_on": "2026-02-03", "due_on": "2026-02-17", "company_id": OTHER, "project_id": PROJECT, "cloud_project_id": "", "unit": "1",
    "password": "nine red bicycles", "window": "2026-02-03T00:00:00.000000Z", "tax_category": "S", "category": "S",
    "protocol": "tcp", "first": "2026-02-01", "last": "2026-02-28", "account": "DE02120300000000202051", "content": "x",
}  # fmt: skip
NOW = "2026-03-02T09:00:00.000000Z"


def made(kind: Any, name: str, word: str = "homely") -> Any:
    """Something of that type, as a field of that name might hold it."""
    if isinstance(kind, inspect.UnionType):
        plain = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return None if len(plain) < len(kind.types) else made(plain[0], name, word)
    if isinstance(kind, inspect.StrType):
        text = NOW if name.endswith("_at") or name == "at" else TEXTS.get(name, f"{word}-{name}")
        assert kind.pattern is None or re.search(kind.pattern, text), (
            f"TEXTS must say what {name!r} may be: {kind.pattern}"
        )
        return text
    if isinstance(kind, inspect.LiteralType):
        return kind.values[0]
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return 1 if kind.ge is None else max(1, int(kind.ge))
    if isinstance(kind, inspect.BoolType):
        return False
    if isinstance(kind, inspect.ListType):
        return [made(kind.item_type, name, word)] * (kind.min_length or 0)
    if isinstance(kind, inspect.DictType | inspect.AnyType):
        return {}
    assert isinstance(kind, inspect.StructType), kind
    return {field.name: made(field.type, field.name, word) for field in kind.fields}


def row(table: Table[Any], object_id: str) -> Any:
    fields: tuple[inspect.Field, ...] = inspect.type_info(table.record).fields  # type: ignore[attr-defined]
    values = {field.name: made(field.type, field.name, MARK) for field in fields}
    changes = {"id": object_id, "company_id": OTHER, "project_id": PROJECT, "state": STATES.get(table.name, "open")}
    changes |= {"used_at": None, "ended_at": None, "closed_at": None, "gone_at": None}
    if table is PROJECTS:
        changes |= {"id": PROJECT}
    if table is LINKS:
        changes |= {"data": {"roles": ["buyer"], "projects": None}, "expires_at": "2027-01-01T00:00:00.000000Z"}
    if table is EVENTS:
        changes |= {"ticket_id": "ticket_id"}
    known = {name: value for name, value in changes.items() if name in table.columns}
    return msgspec.convert(values | known, table.record)


STATES = {
    "business_invoices": "issued",
    "business_projects": "ready",
    "business_servers": "running",
    "business_disks": "ready",
}


def body_of(verb: Verb) -> dict[str, Any]:
    """What the verb needs at least."""
    if verb.takes is None:
        return {}
    fields: tuple[inspect.Field, ...] = inspect.type_info(verb.takes).fields  # type: ignore[attr-defined]
    return {field.encode_name: made(field.type, field.name) for field in fields if field.required}


class World:
    """Two companies. Everything of the one is marked; the people of the other ask."""

    def __init__(self, shop: Any, browser: Any) -> None:
        self.shop, self.browser, self.db = shop, browser, shop.desk.needs.db

    async def begin(self) -> None:
        owner = await self.shop.company(MARK, id=OTHER)
        own = await self.shop.company("Home GmbH")
        self.company_id = own.company_id
        await self._documents(owner)
        async with self.db.transaction() as tx:
            await tx.update(PEOPLE, {"name": MARK}, id=owner.person_id)
            for place, tables in OBJECTS.items():
                for table in tables:
                    await tx.insert(table, row(table, place))
            for table in UNNAMED:
                await tx.insert(table, row(table, MARK))
            own_project = {"id": "own-project", "company_id": own.company_id, "name": "Own", "words": "own"}
            await tx.insert(PROJECTS, msgspec.structs.replace(row(PROJECTS, PROJECT), **own_project))

    async def _documents(self, owner: Who) -> None:
        """An invoice of the other company that was taken back in part, and the price that it was made with."""
        desk, administrator = self.shop.desk, await self.shop.staff(ADMINISTRATOR)
        price = {"id": "s1", "plan_id": "s", "model": "per-unit", "terms": {"unit": "0.1"}, "included": "0"}
        async with self.db.transaction() as tx:
            await tx.insert(PRICES, msgspec.structs.replace(row(PRICES, "s1"), **price))
        invoice = await self.shop.invoice(owner)
        line = (await self.db.find(LINES, invoice_id=invoice.id))[0]
        verb = desk.verbs["provider.invoices.credit"]
        assert verb.takes is not None
        asked = msgspec.convert({"reason": MARK, "lines": [{"line_id": line.id, "net_minor": 100}]}, verb.takes)
        await desk.call(administrator, verb.name, asked, invoice_id=invoice.id)
        note = (await self.db.find(CREDIT_NOTES))[0]
        self.documents = {"invoice_id": invoice.id, "line_id": line.id, "credit_note_id": note.id}

    def address(self, verb: Verb, **places: str) -> str:
        values = {place: place for place in verb.places} | {"company_id": OTHER, "project_id": PROJECT}
        values |= self.documents | places
        return re.sub(r"{(\w+)}", lambda found: values[found[1]], verb.path)

    def foreign(self, verb: Verb, owned: list[str]) -> list[str]:
        """In the other company's project, and, where there is more in the path, the other company's object in a project of one's own."""
        paths = [self.address(verb)]
        if "project_id" in owned and len(owned) > 1:
            paths.append(self.address(verb, project_id="own-project"))
        return paths

    async def asker(self, role: str) -> Any:
        """A browser of somebody new, so that what the last one did to themselves does not matter."""
        one = self.browser(f"2001:db8:{(n := next(self._numbers)) // 65536:x}:{n % 65536:x}::1")
        if role == "stranger":
            return one
        if role in (SUPPORT, ADMINISTRATOR):
            who = await self.shop.staff(role)
        else:
            who = await self.shop.colleague(Who(company_id=self.company_id), role)
        one.cookie, one.csrf = new_token(), "csrf"
        now = self.shop.clock.now()
        session = Session(
            hashed(one.cookie), who.person_id, who.company_id, None, False, one.csrf, "", now, now, now, None
        )
        async with self.db.transaction() as tx:
            await tx.insert(SESSIONS, session)
        return one

    _numbers = iter(range(1 << 30))


@pytest.fixture
async def world(shop: Any, browser: Any) -> World:
    made_ = World(shop, browser)
    await made_.begin()
    return made_


async def asked(one: Any, verb: Verb, path: str) -> Any:
    body = body_of(verb)
    if verb.writes and not verb.carries:
        return await one.ask(verb.method, path, body or None)
    query = "&".join(f"{name}={value}" for name, value in body.items())
    return await one.ask(verb.method, path + (f"?{query}" if query else ""))


def expected(verb: Verb, role: str) -> set[int] | None:
    """None: the role may."""
    if verb.may is ANYONE or (verb.may is SIGNED_IN and role != "stranger"):
        return None
    if role == "stranger":
        return {401}
    return None if role in verb.may else {403}


def test_no_two_verbs_have_one_name_or_one_address() -> None:
    rows = [verb for part in PARTS for verb in part.VERBS]
    assert len(rows) == len({verb.name for verb in rows}) == len({(verb.method, verb.path) for verb in rows})


def test_each_place_of_a_path_is_known_here() -> None:
    unknown = {place for verb in verbs().values() for place in verb.places} - set(OBJECTS) - NOBODYS
    assert not unknown, f"OBJECTS must say how one of these is made: {unknown}"


async def test_nobody_does_what_their_role_does_not_allow(world: World) -> None:
    """They are refused before anything happens, so that one of each will do."""
    wrong = []
    for role in ("stranger", *COMPANY_ROLES, SUPPORT, ADMINISTRATOR):
        one = await world.asker(role)
        for verb in verbs().values():
            wanted = expected(verb, role)
            if wanted is not None:
                answer = await asked(one, verb, world.address(verb))
                if answer.status not in wanted or MARK in str(answer.body):
                    wrong.append((verb.name, role, answer.status, wanted, answer.body[:200]))
    assert not wrong, "\n".join(map(str, wrong))


async def test_another_companys_objects_are_not_there_for_anybody_of_a_company(world: World) -> None:
    wrong = []
    for verb in verbs().values():
        owned = [place for place in verb.places if place in OBJECTS]
        for role in COMPANY_ROLES:
            if not owned or expected(verb, role) is not None:
                continue
            for path in world.foreign(verb, owned):
                answer = await asked(await world.asker(role), verb, path)
                if answer.status != 404 or MARK in answer.json["error"]["message"]:
                    wrong.append((verb.name, role, path, answer.status, answer.body[:200]))
    assert not wrong, "\n".join(map(str, wrong))


async def test_nothing_that_people_of_a_company_may_ask_answers_with_anothers_words(world: World) -> None:
    """In their own project, or in none: whatever comes, it is no bug of ours and nothing of the other's."""
    wrong = []
    for verb in verbs().values():
        if any(place in OBJECTS and place != "project_id" for place in verb.places):
            continue
        for role in ("stranger", *COMPANY_ROLES):
            if expected(verb, role) is not None:
                continue
            path = world.address(verb, project_id="own-project", company_id=world.company_id or "")
            answer = await asked(await world.asker(role), verb, path)
            if answer.status == 500 or MARK in str(answer.body):
                wrong.append((verb.name, role, path, answer.status, answer.body[:300]))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("role", [SUPPORT, ADMINISTRATOR])
async def test_staff_is_never_answered_with_a_bug(world: World, role: str) -> None:
    wrong = []
    for verb in verbs().values():
        if expected(verb, role) is not None:
            continue
        for places in ({}, dict.fromkeys(verb.places, "nothing-of-this-name")):
            answer = await asked(await world.asker(role), verb, world.address(verb, **places))
            if answer.status == 500 or (places and set(places) & set(OBJECTS) and answer.status < 400):
                wrong.append((verb.name, role, places, answer.status, answer.body[:300]))
    assert not wrong, "\n".join(map(str, wrong))
