"""The tables of customers."""

from __future__ import annotations

from wolke.business.customers.model import (
    ApiKey,
    Attempts,
    Company,
    Link,
    Member,
    Person,
    Project,
    RecoveryCode,
    Session,
)
from wolke.core.db import Table

COMPANIES = Table(
    "business_companies",
    Company,
    indexes=(("name", "id"), ("created_at", "id"), ("state", "id")),
    unique=(("number",),),
)
PEOPLE = Table("business_people", Person, indexes=(("name", "id"), ("staff", "id")), unique=(("email",),))
RECOVERY_CODES = Table("business_recovery_codes", RecoveryCode, key=("person_id", "digest"))
ATTEMPTS = Table("business_attempts", Attempts, indexes=(("at",),))
MEMBERS = Table(
    "business_members", Member, indexes=(("person_id", "created_at"),), unique=(("company_id", "person_id"),)
)
PROJECTS = Table(
    "business_projects", Project, indexes=(("company_id", "words"), ("state", "id")), sparse=(("cloud_project_id",),)
)
SESSIONS = Table(
    "business_sessions", Session, indexes=(("person_id", "created_at"), ("seen_at",)), sparse=(("ended_at",),)
)
KEYS = Table("business_keys", ApiKey, indexes=(("company_id", "created_at"), ("person_id", "created_at")))
LINKS = Table("business_links", Link, indexes=(("email", "kind"), ("company_id", "kind"), ("expires_at",)))
