"""Identity's records. A domain is a project with ``is_domain``; ``domain_id`` is "" where the wire says null (domains, and
roles that belong to no domain), because NULLs are never duplicates of each other.

``generation`` counts what must end the tokens that were issued before: a new password, a disabling. A token carries the
sum of the generations it stands on, and is good for as long as that sum is unchanged (no clocks to disagree).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

DEFAULT_DOMAIN = "default"
NO_DOMAIN = ""

USER, GROUP = "user", "group"
PROJECT, DOMAIN, SYSTEM = "project", "domain", "system"
WHOLE_SYSTEM = "all"


class Project(msgspec.Struct, frozen=True):
    """``parent_id`` of a project at the top is its domain; a domain has none. ``tags`` are sorted."""

    id: str
    name: str
    domain_id: str
    parent_id: str | None
    is_domain: bool
    enabled: bool
    description: str
    generation: int
    tags: list[str]
    options: dict[str, Any]
    extra: dict[str, Any]


class User(msgspec.Struct, frozen=True):
    id: str
    name: str
    domain_id: str
    enabled: bool
    default_project_id: str | None
    generation: int
    created_at: str
    options: dict[str, Any]
    extra: dict[str, Any]


class Password(msgspec.Struct, frozen=True):
    user_id: str
    hash: str
    created_at: str

    def __repr__(self) -> str:
        return f"Password(user_id={self.user_id!r})"


class Group(msgspec.Struct, frozen=True):
    id: str
    name: str
    domain_id: str
    description: str
    extra: dict[str, Any]


class Membership(msgspec.Struct, frozen=True):
    group_id: str
    user_id: str


class Role(msgspec.Struct, frozen=True):
    id: str
    name: str
    domain_id: str
    description: str | None
    options: dict[str, Any]
    extra: dict[str, Any]


class Implication(msgspec.Struct, frozen=True):
    """Who has the prior role has the implied one too."""

    prior_role_id: str
    implied_role_id: str


class Assignment(msgspec.Struct, frozen=True):
    """``actor``: a user or a group; ``target``: a project, a domain or the system. ``inherited``: it holds for the
    projects below the target and not for the target itself."""

    role_id: str
    actor_kind: str
    actor_id: str
    target_kind: str
    target_id: str
    inherited: bool


class Region(msgspec.Struct, frozen=True):
    id: str
    description: str
    parent_region_id: str | None
    extra: dict[str, Any]


class Service(msgspec.Struct, frozen=True):
    id: str
    type: str
    name: str
    enabled: bool
    extra: dict[str, Any]


class Endpoint(msgspec.Struct, frozen=True):
    """``url`` may hold ``$(public_url)s``, ``$(project_id)s`` and their like, filled in when a catalog is shown."""

    id: str
    service_id: str
    interface: str
    region_id: str | None
    url: str
    enabled: bool
    extra: dict[str, Any]


class ApplicationCredential(msgspec.Struct, frozen=True):
    id: str
    name: str
    user_id: str
    project_id: str
    description: str | None
    secret_hash: str
    unrestricted: bool
    expires_at: str | None
    created_at: str
    role_ids: list[str]

    def __repr__(self) -> str:
        return f"ApplicationCredential(id={self.id!r}, user_id={self.user_id!r})"


class Credential(msgspec.Struct, frozen=True):
    """``sealed``: the blob, encrypted. ``digest`` finds EC2's by their access key."""

    id: str
    type: str
    user_id: str
    project_id: str | None
    sealed: str
    extra: dict[str, Any]

    def __repr__(self) -> str:
        return f"Credential(id={self.id!r}, type={self.type!r}, user_id={self.user_id!r})"


class PolicyBlob(msgspec.Struct, frozen=True):
    """A document that other programs keep here; Keystone itself never reads it."""

    id: str
    type: str
    blob: str
    extra: dict[str, Any]


class Revocation(msgspec.Struct, frozen=True):
    """One token that was ended before its time; kept until the token would have ended anyway."""

    audit_id: str
    expires_at: str


class Epoch(msgspec.Struct, frozen=True):
    """Counts the commits that may change what a token means."""

    name: str
    value: int


class Scope(msgspec.Struct, frozen=True):
    """Where a token acts: all empty for an unscoped one."""

    project_id: str | None = None
    domain_id: str | None = None
    system: bool = False

    @property
    def target(self) -> tuple[str, str] | None:
        if self.project_id:
            return PROJECT, self.project_id
        if self.domain_id:
            return DOMAIN, self.domain_id
        return (SYSTEM, WHOLE_SYSTEM) if self.system else None


UNSCOPED = Scope()


class Token(msgspec.Struct, frozen=True):
    """A verified token and everything it stands on, as the database says now."""

    user: User
    user_domain: Project
    methods: tuple[str, ...]
    audit_ids: tuple[str, ...]
    issued_at: str
    expires_at: str
    scope: Scope
    project: Project | None
    domain: Project | None  # the scope's own, or its project's
    roles: tuple[Role, ...]
    application_credential: ApplicationCredential | None


class CatalogEntry(msgspec.Struct, frozen=True):
    """One service of the cloud as the composition root knows it: ``urls`` by interface."""

    type: str
    name: str
    urls: Mapping[str, str]
    description: str = ""
