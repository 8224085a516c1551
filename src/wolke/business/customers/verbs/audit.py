"""The audit log as owners see their company's, and the provider sees all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wolke.business import audit
from wolke.business.audit import ENTRIES, Entry
from wolke.business.customers.store import PEOPLE
from wolke.business.errors import Invalid
from wolke.business.verb import LONGEST_PAGE, OWNERS, STAFF, Found, Page, Verb, counted
from wolke.business.who import ITSELF, Who
from wolke.core.clock import Instant, instant, moment
from wolke.core.db import Order, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk


class AuditPage(Page, frozen=True, kw_only=True):
    """The newest first, or with ``sort=number`` the oldest. ``search``: a part of the action, or all of an object's id. ``since`` and ``until``:
    ISO 8601."""

    person_id: str = ""
    action: str = ""
    object_id: str = ""
    since: str = ""
    until: str = ""


class ProviderAuditPage(AuditPage, frozen=True, kw_only=True):
    company_id: str = ""


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """``person``: who did it; ``provider``: as staff, on behalf of the company where ``acting``. ``address`` is the provider's own business where its
    staff did it."""

    number: int
    at: Instant
    person_id: str | None
    person: str
    provider: bool
    acting: bool
    company_id: str | None
    action: str
    object_id: str
    details: dict[str, Any]
    address: str


class Checked(msgspec.Struct, frozen=True):
    """``broken``: the number of the first entry that does not fit; null: all do."""

    broken: int | None
    entries: int


async def own(desk: Desk, who: Who, asked: AuditPage) -> Found:
    found = await _page(desk, asked, [Where("company_id", "eq", who.company_id)])
    return msgspec.structs.replace(found, items=[_for_customer(line) for line in found.items])


def _for_customer(line: AuditLine) -> AuditLine:
    return msgspec.structs.replace(line, address="") if line.provider else line


async def everything(desk: Desk, who: Who, asked: ProviderAuditPage) -> Found:
    return await _page(desk, asked, [Where("company_id", "eq", asked.company_id)] if asked.company_id else [])


async def _page(desk: Desk, asked: AuditPage, where: list[Where]) -> Found:
    db = desk.needs.db
    where += [
        Where(name, "eq", value) for name in ("person_id", "action", "object_id") if (value := getattr(asked, name))
    ]
    where += [Where("at", "ge", _instant(asked.since, "since"))] if asked.since else []
    where += [Where("at", "lt", _instant(asked.until, "until"))] if asked.until else []
    for word in asked.search.split()[:4]:
        where.append(Where("", "any", [[Where("action", "contains", word.lower())], [Where("object_id", "eq", word)]]))
    if asked.sort not in ("", "number", "-number"):
        raise Invalid(
            "This list cannot be sorted like that.", fields={"sort": "Please choose one of those that are offered."}
        )
    newest_first, limit = asked.sort != "number", max(1, min(asked.limit, LONGEST_PAGE))
    everywhere = list(where)
    if asked.after:
        after = int(asked.after) if asked.after.isdecimal() and len(asked.after) <= 18 else 0
        where.append(Where("number", "lt" if newest_first else "gt", after))
    entries = await db.find(ENTRIES, where=where, order=(Order("number", newest_first),), limit=limit + 1)
    more, entries = len(entries) > limit, entries[:limit]
    total = await counted(db, ENTRIES, asked, entries, more, everywhere, {})
    return Found(await _lines(desk, entries), total, str(entries[-1].number) if more else "")


def _instant(text: str, field: str) -> Instant:
    try:
        return instant(moment(text))
    except (ValueError, OverflowError):
        raise Invalid(
            "Please check what is marked below.", fields={field: "This must be a time, as in 2026-11-30."}
        ) from None


async def _lines(desk: Desk, entries: list[Entry]) -> list[AuditLine]:
    wanted = sorted({entry.person_id for entry in entries if entry.person_id})
    people = {p.id: p for p in await desk.needs.db.find(PEOPLE, where=(Where("id", "in", wanted),))} if wanted else {}
    lines = []
    for entry in entries:
        person = people.get(entry.person_id or "")
        itself = entry.person_id == ITSELF.person_id
        name = person.name if person is not None else desk.needs.config.name if itself else ""
        lines.append(
            AuditLine(
                number=entry.number, at=entry.at, person_id=entry.person_id, person=name, acting=entry.acting_for is not None,
                provider=itself or entry.acting_for is not None or (person is not None and bool(person.staff)),
                company_id=entry.company_id, action=entry.action, object_id=entry.object_id, details=entry.details, address=entry.address,
            )
        )  # fmt: skip
    return lines


async def check(desk: Desk, who: Who, asked: None) -> Checked:
    db = desk.needs.db
    return Checked(await audit.broken(db), await db.count(ENTRIES))


VERBS = (
    Verb("audit.list", "GET", "/audit", own, OWNERS, "What was done in my company, by whom, when", takes=AuditPage, gives=Found),
    Verb("audit.search", "GET", "/provider/audit", everything, STAFF, "What was done, by whom, when", takes=ProviderAuditPage, gives=Found),
    Verb("audit.check", "GET", "/provider/audit/check", check, STAFF, "Whether nothing in the audit log was changed or taken out", gives=Checked),
)  # fmt: skip
