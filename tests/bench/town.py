"""A provider that has been in business for years, put into its database in bulk: a thousand customers, a hundred thousand invoices, ten thousand servers,
and all that comes with them (usage, ledger, payments, tickets, mail, the audit log).

One customer has a tenth of all servers and a hundredth of all invoices, so that what is dear for large customers alone is seen as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from wolke.business import audit
from wolke.business.catalogue.model import Plan
from wolke.business.customers import store as customers
from wolke.business.desk import Desk
from wolke.business.invoicing import store as invoicing
from wolke.business.invoicing.model import Buyer, Seller, Tax
from wolke.business.ledger import store as ledger
from wolke.business.mail import MAILS
from wolke.business.metering import store as metering
from wolke.business.metering.calendar import days
from wolke.business.payments import store as payments
from wolke.business.rating import Step
from wolke.business.resources import store as resources
from wolke.business.support import store as support
from wolke.core.clock import HeldClock, moment
from wolke.core.db import Table
from wolke.core.db.many import Many

#: When the provider began, and when it is now.
BEGAN, NOW = "2018-12-01T12:00:00.000000Z", "2027-03-15T12:00:00.000000Z"
STAFF, BIG = "staff-0", "company-00000"
OWNER, PROJECT, INVOICE = "person-00000", "project-00000", "invoice-0000000"
_MONTHS = [f"{year}-{month:02}" for year in range(2019, 2027) for month in range(1, 13)] + ["2027-01", "2027-02"]
_DAYS = [day for day in days("2027-03") if day <= "2027-03-15"]
_HOURS = [f"2027-03-15T{hour:02}:00:00.000000Z" for hour in range(12)]
_BATCH = 4096
_COLLEAGUES = 20
_SELLER = Seller(
    "Nordlicht GmbH", ["Am Kai 7", "24103 Kiel"], "DE", "DE123456789", "DE02120300000000202051", "BYLADEM1001"
)
_BLANKS: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False}


@dataclass(frozen=True)
class Size:
    """``big_…``: how many of them are the big customer's; of tickets and requests it has ``big_few``."""

    companies: int
    invoices: int
    servers: int
    big_invoices: int
    big_servers: int
    big_few: int

    def owner(self, number: int, count: int, big: int) -> int:
        """Whose the thing of that number is, of ``count`` such."""
        return 0 if number % (count // big) == 0 else 1 + number % (self.companies - 1)


FULL = Size(1_000, 100_000, 10_000, 1_000, 1_000, 100)
Rows = Iterator[tuple[Table[Any], dict[str, Any]]]


async def build(desk: Desk, clock: HeldClock, size: Size) -> None:
    """Into a database that has its tables and nothing else. The big customer's project is not prepared in the cloud yet. ``clock`` is moved from the
    beginning to now."""
    await desk.catalogue.seed()
    plan = await desk.catalogue.offer("server", "m1.small", 1, 2048, 20)
    disk, price = (await desk.catalogue.plans(kind="disk"))[0], await desk.catalogue.price_at(plan.id, clock.now())
    assert price is not None
    clock.move(moment(NOW).timestamp() - clock.time())
    parts = (
        _people(size), _servers(size, plan, disk), _usage(size, plan), _invoices(size, plan, price.id),
        _paid(size), _tickets(size), _mails(size.invoices), _house(),
    )  # fmt: skip
    await _insert(desk, itertools.chain(*parts))
    await _insert(desk, _log(size, (await desk.needs.db.find(audit.ENTRIES))[-1]))


async def _insert(desk: Desk, rows: Rows) -> None:
    many: dict[str, Many] = {}
    blanks: dict[str, dict[str, Any]] = {}
    while batch := list(itertools.islice(rows, _BATCH)):
        by_table: dict[str, tuple[Table[Any], list[dict[str, Any]]]] = {}
        for table, values in batch:
            if table.name not in blanks:
                blanks[table.name] = _blank(table)
            made = blanks[table.name] | table.encode(values)
            by_table.setdefault(table.name, (table, []))[1].append(made)
        async with desk.needs.db.transaction() as tx:
            for name, (table, made_) in by_table.items():
                await many.setdefault(name, Many(table)).insert(tx, made_)


def _blank(table: Table[Any]) -> dict[str, Any]:
    """A row that says nothing."""
    fields = msgspec.structs.fields(table.record)
    return {one.name: _BLANKS.get(one.type, None if "None" in str(one.type) else "[]") for one in fields}


def _people(size: Size) -> Rows:
    yield customers.PEOPLE, _person(STAFF, "Sam Support") | {"staff": ["administrator"]}
    for n in range(size.companies):
        company, name = f"company-{n:05}", f"{_word(n)} {n} GmbH"
        at = f"20{19 + n % 8}-0{1 + n % 9}-11T09:00:00.000000Z"
        yield customers.COMPANIES, {
            "id": company, "number": 10001 + n, "name": name, "street": "Lange Reihe 12", "postcode": "20099", "city": "Hamburg", "country": "DE",
            "currency": "EUR", "discount_percent": "0", "state": "open" if n % 50 else "suspended" if n else "open",
            "words": f"{10001 + n} {name} hamburg".lower(), "created_at": at,
        }  # fmt: skip
        yield customers.PEOPLE, _person(f"person-{n:05}", f"Kim {_word(n)}")
        yield customers.MEMBERS, _member(n, f"person-{n:05}", ["owner"])
        yield customers.PROJECTS, _project(n, f"project-{n:05}", "Web shop", "ready" if n else "preparing")
    for n in range(_COLLEAGUES):  # the big customer's colleagues
        yield customers.PEOPLE, _person(f"colleague-{n}", f"Alex {_word(n)}")
        yield customers.MEMBERS, _member(0, f"colleague-{n}", ["technician"])
        yield customers.KEYS, {
            "id": f"key-{n}", "person_id": OWNER, "company_id": BIG, "name": f"backup {n}", "begins": "wk_1", "created_at": NOW
        }  # fmt: skip


def _word(n: int) -> str:
    return ("Kramer", "Vermeer", "Dubois", "Novak", "Rossi", "Larsen", "Silva")[n % 7]


def _person(person_id: str, name: str) -> dict[str, Any]:
    email = f"{person_id}@mail.example"
    return {
        "id": person_id, "email": email, "name": name, "locale": "en", "confirmed_at": NOW, "words": f"{name} {email}".lower(), "created_at": NOW
    }  # fmt: skip


def _member(n: int, person_id: str, roles: list[str]) -> dict[str, Any]:
    return {
        "id": f"member-{person_id}",
        "company_id": f"company-{n:05}",
        "person_id": person_id,
        "roles": roles,
        "created_at": NOW,
    }


def _project(n: int, project_id: str, name: str, state: str) -> dict[str, Any]:
    return {
        "id": project_id, "company_id": f"company-{n:05}", "name": name, "state": state, "budget_minor": 500_000_000, "words": name.lower(),
        "created_at": NOW, "cloud_project_id": None,
    }  # fmt: skip


def _servers(size: Size, plan: Plan, disk: Plan) -> Rows:
    for n in range(size.servers):
        c = size.owner(n, size.servers, size.big_servers)
        whose = {"company_id": f"company-{c:05}", "project_id": f"project-{c:05}"}
        at = f"2026-0{1 + n % 9}-11T09:00:00.{n % 1_000_000:06}Z"
        was = whose | {"ordered_at": at, "touched_at": at}
        server, name = f"server-{n:06}", f"{_word(n).lower()}-{n}"
        yield resources.SERVERS, was | {
            "id": server, "name": name, "state": "running" if n % 20 else "stopped", "plan_id": plan.id, "size_name": "m1.small", "vcpus": 1,
            "ram_mib": 2048, "disk_gib": 20, "image_id": "image-0", "image_name": "Debian 12", "public_address": f"192.0.2.{n % 250}",
            "private_addresses": [f"10.0.0.{n % 250}"], "host": "host-1", "began_at": at, "changed_at": at, "words": name,
        }  # fmt: skip
        yield resources.INTERVALS, whose | {
            "id": f"interval-{n}", "meter": "servers", "resource_id": server, "resource_name": name, "plan_id": plan.id, "amount": "1",
            "begins_at": at, "counted_until": NOW, "open": 1,
        }  # fmt: skip
        for what in range(3):
            yield resources.ACTIONS, whose | {
                "id": f"action-{n}-{what}", "kind": "server", "object_id": server, "verb": "restart", "details": {}, "person_id": OWNER,
                "state": "done", "at": at, "done_at": at,
            }  # fmt: skip
        if n % 2 == 0:
            yield resources.DISKS, was | {
                "id": f"disk-{n:06}", "name": f"data-{n}", "state": "used", "plan_id": disk.id, "size_gib": 50, "server_id": server,
                "began_at": at, "words": f"data-{n}",
            }  # fmt: skip
            yield resources.ADDRESSES, was | {
                "id": f"address-{n:06}", "address": f"192.0.2.{n % 250}", "name": f"192.0.2.{n % 250}", "state": "used", "plan_id": disk.id,
                "server_id": server, "began_at": at, "words": f"192.0.2.{n % 250}",
            }  # fmt: skip
            yield resources.SNAPSHOTS, was | {
                "id": f"snapshot-{n:06}", "name": f"before-{n}", "state": "ready", "size_bytes": 1 << 30, "least_disk_gib": 20,
                "server_id": server, "words": f"before-{n}",
            }  # fmt: skip
    yield from _ground(size)


def _ground(size: Size) -> Rows:
    for n in range(20):
        yield (
            resources.IMAGES,
            {"id": f"image-{n}", "name": f"Debian {n}", "system": "linux", "least_disk_gib": 5, "position": n},
        )
        yield resources.KEYS, {
            "id": f"pair-{n}", "company_id": BIG, "project_id": PROJECT, "name": f"laptop-{n}", "public_key": "ssh-ed25519 AAAA",
            "fingerprint": "SHA256:x", "created_at": NOW,
        }  # fmt: skip
        yield resources.RULES, {
            "id": f"rule-{n}", "company_id": BIG, "project_id": PROJECT, "protocol": "tcp", "first_port": 8000 + n, "last_port": 8000 + n,
            "state": "ready", "created_at": NOW, "touched_at": NOW,
        }  # fmt: skip
    yield (
        resources.NETWORKS,
        {"id": "network-0", "company_id": BIG, "project_id": PROJECT, "name": "network", "ranges": ["10.0.0.0/16"]},
    )
    for n in range(size.companies * 2):
        c = size.owner(n, size.companies * 2, size.big_few)
        yield resources.REQUESTS, {
            "id": f"request-{n:05}", "company_id": f"company-{c:05}", "project_id": f"project-{c:05}", "person_id": OWNER,
            "verb": "servers.order", "order": {}, "summary": "Server M", "missing": "12 EUR", "month_minor": 12_00, "currency": "EUR",
            "state": "open" if n % 10 == 0 else "approved", "created_at": NOW,
        }  # fmt: skip


def _usage(size: Size, plan: Plan) -> Rows:
    servers: dict[int, int] = {}
    for n in range(size.servers):
        c = size.owner(n, size.servers, size.big_servers)
        servers[c] = servers.get(c, 0) + 1
        whose = {"project_id": f"project-{c:05}", "plan_id": plan.id, "resource_id": f"server-{n:06}"}
        for day in _DAYS:
            yield (
                metering.RESOURCE_DAYS,
                whose | {"day": day, "resource_name": f"{_word(n).lower()}-{n}", "nano": 24 * 10**9},
            )
        for hour in _HOURS:
            yield (
                metering.USAGE,
                whose | {"window": hour, "meter": "servers", "day": _DAYS[-1], "nano": 10**9, "recorded_at": hour},
            )
    for c, count in servers.items():
        whose = {"project_id": f"project-{c:05}", "company_id": f"company-{c:05}"}
        for day in _DAYS:
            yield metering.PROJECT_DAYS, whose | {"day": day, "plan_id": plan.id, "nano": 24 * 10**9 * count}
        yield metering.MONTHS, whose | {"month": "2027-03", "count": count * 348}


def _invoices(size: Size, plan: Plan, price_id: str) -> Rows:
    month_of = max(1, size.invoices // len(_MONTHS))
    for n in range(size.invoices):
        c, month = size.owner(n, size.invoices, size.big_invoices), _MONTHS[min(len(_MONTHS) - 1, n // month_of)]
        company, invoice, net = f"company-{c:05}", f"invoice-{n:07}", 1000 + n % 9000
        tax, at, number = net * 19 // 100, f"{month}-28T06:00:00.{n % 1_000_000:06}Z", f"{month[:4]}-{n:06}"
        buyer = Buyer(company, 10001 + c, f"{_word(c)} {c} GmbH", "Lange Reihe 12", "20099", "Hamburg", "DE", "")
        unpaid = n % 40 == 0
        common = {
            "company_id": company, "company_name": buyer.name, "currency": "EUR", "buyer": buyer, "seller": _SELLER, "net_minor": net,
            "tax_minor": tax, "total_minor": net + tax, "taxes": [Tax("S", "DE", "19", net, tax, "")], "words": f"{number} {buyer.name} {10001 + c}".lower(),
        }  # fmt: skip
        yield invoicing.INVOICES, common | {
            "id": invoice, "number": number, "state": "issued", "month": month, "paid_minor": 0 if unpaid else net + tax,
            "open_minor": net + tax if unpaid else 0, "created_at": at, "issued_at": at, "issued_on": f"{month}-28", "due_on": f"{month}-28",
            "run_id": f"run-{month}", "unpaid_due_on": f"{month}-28" if unpaid else None,
        }  # fmt: skip
        line = {
            "company_id": company, "project_id": f"project-{c:05}", "project_name": "Web shop", "month": month, "plan_id": plan.id,
            "price_id": price_id, "product_names": {"en": "Server", "de": "Server"}, "plan_name": "S", "net_minor": net, "tax_category": "S",
            "tax_country": "DE", "tax_percent": "19",
        }  # fmt: skip
        yield invoicing.LINES, line | {
            "id": f"line-{n:07}", "invoice_id": invoice, "position": 1, "quantity": "744", "unit": "server-hour", "begins_at": at, "ends_at": at,
            "discount_percent": "0", "exact": "1", "steps": [Step("{quantity} × {price}", {"quantity": "744", "price": "0.0119"})],
        }  # fmt: skip
        for use in range(3 if n else 300):
            yield invoicing.LINE_USES, {
                "id": f"use-{n}-{use}", "line_id": f"line-{n:07}", "resource_id": f"server-{use}", "resource_name": f"web-{use}",
                "nano": 744 * 10**9,
            }  # fmt: skip
        if n % 100 == 0:
            note = f"note-{n:06}"
            yield invoicing.CREDIT_NOTES, common | {
                "id": note, "number": f"C{number}", "invoice_id": invoice, "invoice_number": number, "reason": "Outage", "issued_at": at,
                "issued_on": f"{month}-28",
            }  # fmt: skip
            yield invoicing.CREDIT_LINES, line | {
                "id": f"{note}-1", "credit_note_id": note, "line_id": f"line-{n:07}", "position": 1
            }  # fmt: skip
    for number, month in enumerate(_MONTHS):
        at = f"{month}-28T06:00:00.000000Z"
        yield invoicing.RUNS, {
            "id": f"run-{month}", "month": month, "issues": 1, "created_at": at, "ended_at": at, "invoices": month_of, "currency": "EUR",
            "net_minor": number,
        }  # fmt: skip


def _paid(size: Size) -> Rows:
    """An invoice's posting, and for most of them a payment's."""
    for n in range(size.invoices):
        c, net = size.owner(n, size.invoices, size.big_invoices), 1000 + n % 9000
        company, invoice, tax = f"company-{c:05}", f"invoice-{n:07}", net * 19 // 100
        at = f"{_MONTHS[n * len(_MONTHS) // size.invoices]}-28T07:00:00.{n % 1_000_000:06}Z"
        legs = [(f"receivable:{company}", company, net + tax), ("revenue", None, -net), ("vat:DE:19", None, -tax)]
        yield from _posting(2 * n + 1, "invoice", invoice, company, at, legs)
        if n % 40 == 0:
            continue
        payment = f"payment-{n:07}"
        legs = [("bank", None, net + tax), (f"receivable:{company}", company, -net - tax)]
        yield from _posting(2 * n + 2, "payment", payment, company, at, legs)
        yield payments.PAYMENTS, {
            "id": payment, "driver": "manual", "reference": f"R{n}", "company_id": company, "company_name": f"{_word(c)} {c} GmbH",
            "currency": "EUR", "minor": net + tax, "waiting_minor": 100 if n % 200 == 1 else 0, "paid_on": at[:10], "payer": f"{_word(c)} {c} GmbH",
            "account": "DE02120300000000202051", "text": invoice, "words": f"r{n} {_word(c)} {c} gmbh".lower(), "created_at": at,
        }  # fmt: skip
        yield payments.PUTS, {
            "id": f"put-{n}", "payment_id": payment, "company_id": company, "invoice_id": invoice, "minor": net + tax, "at": at
        }  # fmt: skip


def _posting(
    number: int, kind: str, document: str, company: str, at: str, legs: Iterable[tuple[str, str | None, int]]
) -> Rows:
    key = f"transaction-{number:07}"
    said = {"at": at, "kind": kind, "text": document, "document_id": document}
    yield (
        ledger.TRANSACTIONS,
        said
        | {
            "id": key,
            "number": number,
            "key": f"{kind}:{document}",
            "company_id": company,
            "words": f"{kind} {document}",
        },
    )
    for leg, (account, whose, minor) in enumerate(legs):
        yield ledger.ENTRIES, said | {
            "id": f"entry-{number:07}-{leg}", "transaction_id": key, "account": account, "company_id": whose, "currency": "EUR", "minor": minor
        }  # fmt: skip


def _tickets(size: Size) -> Rows:
    count = size.companies * 10
    for n in range(count):
        c, at = size.owner(n, count, size.big_few), f"2026-0{1 + n % 9}-12T10:00:00.{n:06}Z"
        name, subject, ticket = f"{_word(c)} {c} GmbH", f"Question {n}", f"ticket-{n:05}"
        yield support.TICKETS, {
            "id": ticket, "number": n + 1, "company_id": f"company-{c:05}", "company_name": name, "person_id": f"person-{c:05}", "person_name": "Kim",
            "subject": subject, "state": "open" if n % 20 == 0 else "closed", "priority": "normal", "words": f"#{n + 1} {subject} {name}".lower(),
            "events": 4, "due_at": at if n % 20 == 0 else None, "created_at": at, "changed_at": at, "about": None,
        }  # fmt: skip
        for event in range(1, 5):
            yield support.EVENTS, {
                "ticket_id": ticket, "number": event, "at": at, "person_id": f"person-{c:05}", "person_name": "Kim",
                "side": "customer" if event % 2 else "provider", "kind": "message", "text": "It does not answer any more. " * 5,
            }  # fmt: skip


def _mails(count: int) -> Rows:
    for n in range(count):
        at = f"2026-0{1 + n % 9}-12T10:00:00.{n % 1_000_000:06}Z"
        yield MAILS, {
            "id": f"mail-{n:07}", "recipient": f"person-{n % 997:05}@mail.example", "subject": f"Invoice {n}", "created_at": at, "due_at": at,
            "attempts": 1, "sent_at": at if n % 1000 else None, "gave_up_at": None if n % 1000 else at,
        }  # fmt: skip


def _house() -> Rows:
    for n in range(5):
        yield customers.PEOPLE, _person(f"staff-{n + 1}", f"Robin {n}") | {"staff": ["support"]}


def _log(size: Size, last: audit.Entry) -> Rows:
    previous, count = last.digest, size.invoices * 2
    for number in range(last.number + 1, last.number + 1 + count):
        entry = audit.Entry(
            number=number, at=f"2026-11-12T10:00:00.{number % 1_000_000:06}Z", person_id=OWNER if number % 3 else STAFF, acting_for=None,
            company_id=f"company-{size.owner(number, count, size.big_invoices):05}", action="servers.restart", object_id=f"server-{number % 9973:06}",
            details={}, address="192.0.2.1", previous=previous, digest="",
        )  # fmt: skip
        previous = audit.digest(entry)
        yield audit.ENTRIES, msgspec.structs.asdict(entry) | {"digest": previous}
