"""Companies, their people and projects."""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.core.clock import Instant

#: What a company may be. Suspended: it may look and pay, and buys nothing new.
OPEN, SUSPENDED = "open", "suspended"
#: What a project may be, until it is closed.
PREPARING, READY, FAILED, CLOSED = "preparing", "ready", "failed", "closed"


class Company(msgspec.Struct, frozen=True):
    """Whoever buys. ``state``: open or suspended (``reason``). ``discount_percent``: a decimal as text."""

    id: str
    number: int  # the customer's number, as people say it
    name: str
    street: str
    postcode: str
    city: str
    country: str  # ISO 3166
    vat_id: str
    vat_checked_at: Instant | None  # when staff has found the VAT id to be right; without it there is no reverse charge
    currency: str
    discount_percent: str
    state: str
    reason: str | None
    words: str  # what it is found by, in lower case
    created_at: Instant


class Person(msgspec.Struct, frozen=True):
    """``email`` in lower case, confirmed. ``staff``: roles at the provider. ``totp``: sealed; ``totp_offered`` until its first code has come."""

    id: str
    email: str
    name: str
    password: str  # argon2id
    staff: list[str]
    locale: str
    confirmed_at: Instant
    totp: str | None
    totp_offered: str | None
    totp_last: int  # the last counter taken, so that a code is good once
    words: str  # name and address in lower case
    created_at: Instant


class RecoveryCode(msgspec.Struct, frozen=True):
    """Instead of a TOTP code, once. ``digest``: of the code."""

    person_id: str
    digest: str
    used_at: Instant | None


class Attempts(msgspec.Struct, frozen=True):
    """Wrong passwords in a row for an address, whether somebody has it or not. ``id``: a hash of the address."""

    id: str
    failures: int
    locked_until: Instant | None
    at: Instant


class Member(msgspec.Struct, frozen=True):
    """A person in a company. ``projects`` None: all of the company's."""

    id: str
    company_id: str
    person_id: str
    roles: list[str]
    projects: list[str] | None
    created_at: Instant


class Project(msgspec.Struct, frozen=True):
    """What is bought, used and billed together. ``cloud_project_id``: of the project in Identity, once it is there; ``cloud_user_id`` and
    ``cloud_password`` (sealed) sign in there, and nobody sees them. ``state``: preparing, ready, failed (``reason``) or closed.
    ``budget_minor`` None: no budget; a month's, before tax."""

    id: str
    company_id: str
    name: str
    state: str
    reason: str | None
    cloud_project_id: str | None
    cloud_user_id: str | None
    cloud_password: str | None
    budget_minor: int | None
    warned_month: str | None  # 2026-11: of which month people were warned last
    words: str  # the name in lower case
    created_at: Instant
    closed_at: Instant | None


class Session(msgspec.Struct, frozen=True):
    """``id`` is a hash of what the browser has. ``acting_for``: the member of staff, at work for a customer's company. ``awaits_code``: the password
    was right, the second step is still to come. ``begun_at`` stays when a session gets a new token; ``created_at`` is the token's."""

    id: str
    person_id: str
    company_id: str | None
    acting_for: str | None
    awaits_code: bool
    csrf: str
    address: str
    begun_at: Instant
    created_at: Instant
    seen_at: Instant
    ended_at: Instant | None


class ApiKey(msgspec.Struct, frozen=True):
    """For programs. ``id`` is a hash of the key; it may what the person may in that company. ``begins``: what the key begins with, to know it by."""

    id: str
    person_id: str
    company_id: str
    name: str
    begins: str
    created_at: Instant
    used_at: Instant | None
    ended_at: Instant | None


class Link(msgspec.Struct, frozen=True):
    """A link in a mail to ``email``. ``id`` is a hash of what stands in the link; good once. ``kind``: one of ``links.PATHS``."""

    id: str
    kind: str
    email: str
    person_id: str | None
    company_id: str | None
    data: dict[str, Any]
    created_at: Instant
    expires_at: Instant
    used_at: Instant | None
