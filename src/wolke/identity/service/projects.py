"""Projects and domains, which are one tree: a domain is a root, and everything below it belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Transaction, Where
from wolke.identity.errors import Invalid, Missing, NotAllowed
from wolke.identity.model import DOMAIN, NO_DOMAIN, PROJECT, Project
from wolke.identity.service.ground import PROJECTS_WAKE, Ground
from wolke.identity.service.listing import Found, Wanted, listed
from wolke.identity.service.standing import Standing
from wolke.identity.service.values import Values, check_mutable, check_same_id, options, split
from wolke.identity.store import (
    APPLICATION_CREDENTIALS,
    ASSIGNMENTS,
    CREDENTIALS,
    END_PROJECT_TOKENS,
    GROUPS,
    IMPLICATIONS,
    MEMBERSHIPS,
    PASSWORDS,
    PROJECTS,
    ROLES,
    USERS,
)

_KNOWN = frozenset({"name", "domain_id", "parent_id", "is_domain", "enabled", "description", "tags", "options"})
_TREE = "identity:projects"


class Projects:
    def __init__(self, ground: Ground, standing: Standing) -> None:
        self._ground = ground
        self._db = ground.db
        self._standing = standing

    async def show(self, project_id: str) -> Project:
        """A project or a domain."""
        found = await self._db.get(PROJECTS, id=project_id)
        if found is None:
            raise Missing("project", project_id)
        return found

    async def show_domain(self, domain_id: str) -> Project:
        found = await self._db.get(PROJECTS, id=domain_id)
        if found is None or not found.is_domain:
            raise Missing("domain", domain_id)
        return found

    async def page(self, wanted: Wanted, *, where: Sequence[Where] = ()) -> Found[Project]:
        return await listed(self._ground, PROJECTS, wanted, where=where)

    async def find(self, project_ids: Sequence[str]) -> list[Project]:
        return await self._db.find(PROJECTS, where=[Where("id", "in", project_ids)]) if project_ids else []

    # -- create

    async def create(self, ctx: Context, values: Values) -> Project:
        fields, extra = split(values, _KNOWN)
        if fields.get("is_domain"):
            return await self.create_domain(ctx, values)
        async with self._ground.writing("project") as tx:
            await tx.lock(_TREE)
            parent = await self._parent(tx, ctx, fields)
            project = Project(
                id=ids.hex_id(),
                name=fields["name"].strip(),
                domain_id=parent.domain_id or parent.id,
                parent_id=parent.id,
                is_domain=False,
                enabled=fields.get("enabled", True),
                description=fields.get("description") or "",
                generation=0,
                tags=sorted(set(fields.get("tags") or ())),
                options=options({}, fields.get("options")),
                extra=extra,
            )
            await tx.insert(PROJECTS, project)
        return project

    async def _parent(self, tx: Transaction, ctx: Context, fields: dict[str, Any]) -> Project:
        """Where a new project goes: under the parent, or the domain, or the caller's domain."""
        domain_id = fields.get("domain_id")
        parent_id = fields.get("parent_id") or domain_id or home_domain(ctx)
        parent = await tx.get(PROJECTS, id=parent_id)
        if parent is None:
            raise Missing("project" if fields.get("parent_id") else "domain", parent_id)
        if not fields.get("parent_id") and not parent.is_domain:
            raise Missing("domain", parent_id)
        if domain_id is not None and domain_id != (parent.domain_id or parent.id):
            raise Invalid("Cannot create project: its parent belongs to another domain.")
        branch = [parent, *await self._standing.ancestors(parent, tx)]
        if not all(one.enabled for one in branch):
            raise NotAllowed("Cannot create project in a branch that contains a disabled project.")
        if len(branch) >= self._ground.config.max_project_depth:
            raise NotAllowed(f"Max hierarchy depth reached for branch {parent.id}.")
        return parent

    async def create_domain(self, ctx: Context, values: Values, *, domain_id: str | None = None) -> Project:
        fields, extra = split(values, _KNOWN)
        if fields.get("parent_id") or fields.get("domain_id"):
            raise Invalid("A domain has no parent and belongs to no domain.")
        domain = Project(
            id=domain_id or ids.hex_id(),
            name=fields["name"].strip(),
            domain_id=NO_DOMAIN,
            parent_id=None,
            is_domain=True,
            enabled=fields.get("enabled", True),
            description=fields.get("description") or "",
            generation=0,
            tags=sorted(set(fields.get("tags") or ())),
            options=options({}, fields.get("options")),
            extra=extra,
        )
        async with self._ground.writing("domain") as tx:
            await tx.insert(PROJECTS, domain)
        return domain

    # -- update

    async def update(self, ctx: Context, project_id: str, values: Values) -> Project:
        """Of a project or a domain. Disabling ends the tokens."""
        async with self._ground.writing("project", tokens=True) as tx:
            await tx.lock(_TREE)
            old = await tx.get(PROJECTS, id=project_id)
            if old is None:
                raise Missing("project", project_id)
            check_mutable("domain" if old.is_domain else "project", old, "update", values)
            changes = _changes(old, values)
            if changes.get("enabled", old.enabled) != old.enabled:
                await self._may_switch(tx, old, to=changes["enabled"])
                if old.enabled:
                    await tx.run(END_PROJECT_TOKENS, which=old.id)
            if changes:
                await tx.update(PROJECTS, changes, id=project_id)
        return msgspec.structs.replace(old, **changes)

    async def _may_switch(self, tx: Transaction, old: Project, *, to: bool) -> None:
        if old.is_domain:
            return
        if to and not all(a.enabled for a in await self._standing.ancestors(old, tx)):
            raise NotAllowed(f"Cannot enable project {old.id} since it has disabled parents.")
        if not to and any(p.enabled for p in await self._standing.below(PROJECT, old.id, tx)):
            raise NotAllowed(f"Cannot disable project {old.id} since its subtree contains enabled projects.")

    async def set_tags(self, ctx: Context, project_id: str, tags: Sequence[str]) -> list[str]:
        whole = sorted(set(tags))
        async with self._ground.writing("project") as tx:
            if not await tx.update(PROJECTS, {"tags": whole}, id=project_id):
                raise Missing("project", project_id)
        return whole

    # -- delete

    async def delete(self, ctx: Context, project_id: str) -> None:
        async with self._ground.writing("project", tokens=True) as tx:
            await tx.lock(_TREE)
            old = await tx.get(PROJECTS, id=project_id)
            if old is None:
                raise Missing("project", project_id)
            check_mutable("domain" if old.is_domain else "project", old, "delete")
            if old.is_domain:
                await self._delete_domain(tx, old)
            elif await tx.count(PROJECTS, parent_id=project_id):
                raise NotAllowed(f"Cannot delete the project {project_id} since it is not a leaf in the hierarchy.")
            await self._forget(tx, [project_id])
            tx.wake(PROJECTS_WAKE)

    async def _delete_domain(self, tx: Transaction, domain: Project) -> None:
        if domain.enabled:
            raise NotAllowed("Cannot delete a domain that is enabled, please disable it first.")
        projects = [p.id for p in await self._standing.below(DOMAIN, domain.id, tx)]
        users = [u.id for u in await tx.find(USERS, domain_id=domain.id)]
        groups = [g.id for g in await tx.find(GROUPS, domain_id=domain.id)]
        roles = [r.id for r in await tx.find(ROLES, domain_id=domain.id)]
        await self._forget(tx, projects)
        for some in _batches(users):
            await forget_users(tx, some)
        for some in _batches(groups):
            await forget_groups(tx, some)
        for some in _batches(roles):
            await forget_roles(tx, some)

    async def _forget(self, tx: Transaction, project_ids: Sequence[str]) -> None:
        for some in _batches(project_ids):
            await tx.delete(ASSIGNMENTS, where=[Where("target_id", "in", some)])
            await tx.delete(APPLICATION_CREDENTIALS, where=[Where("project_id", "in", some)])
            await tx.delete(CREDENTIALS, where=[Where("project_id", "in", some)])
            await tx.update(USERS, {"default_project_id": None}, where=[Where("default_project_id", "in", some)])
            await tx.delete(PROJECTS, where=[Where("id", "in", some)])


async def forget_users(tx: Transaction, user_ids: Sequence[str]) -> None:
    theirs = [Where("user_id", "in", user_ids)]
    await tx.delete(MEMBERSHIPS, where=theirs)
    await tx.delete(PASSWORDS, where=theirs)
    await tx.delete(APPLICATION_CREDENTIALS, where=theirs)
    await tx.delete(CREDENTIALS, where=theirs)
    await tx.delete(ASSIGNMENTS, where=[Where("actor_id", "in", user_ids)])
    await tx.delete(USERS, where=[Where("id", "in", user_ids)])


async def forget_groups(tx: Transaction, group_ids: Sequence[str]) -> None:
    await tx.delete(MEMBERSHIPS, where=[Where("group_id", "in", group_ids)])
    await tx.delete(ASSIGNMENTS, where=[Where("actor_id", "in", group_ids)])
    await tx.delete(GROUPS, where=[Where("id", "in", group_ids)])


async def forget_roles(tx: Transaction, role_ids: Sequence[str]) -> None:
    await tx.delete(ASSIGNMENTS, where=[Where("role_id", "in", role_ids)])
    await tx.delete(IMPLICATIONS, where=[Where("prior_role_id", "in", role_ids)])
    await tx.delete(IMPLICATIONS, where=[Where("implied_role_id", "in", role_ids)])
    await tx.delete(ROLES, where=[Where("id", "in", role_ids)])


def _batches(identifiers: Sequence[str], size: int = 512) -> list[Sequence[str]]:
    return [identifiers[at : at + size] for at in range(0, len(identifiers), size)]


def _changes(old: Project, values: Values) -> dict[str, Any]:
    """What an update changes; 400 for what cannot change."""
    noun = "domain" if old.is_domain else "project"
    check_same_id(values, old.id, noun)
    fields, extra = split(values, _KNOWN, old.extra)
    for name, fixed in (("domain_id", old.domain_id or None), ("is_domain", old.is_domain)):
        if fields.pop(name, fixed) != fixed:
            raise Invalid(f"Update of `{name}` is not allowed.")
    if fields.pop("parent_id", old.parent_id) != old.parent_id:
        raise NotAllowed("Update of `parent_id` is not allowed.")
    if "name" in fields:
        fields["name"] = fields["name"].strip()
    if "description" in fields:
        fields["description"] = fields["description"] or ""
    if "tags" in fields:
        fields["tags"] = sorted(set(fields["tags"]))
    if "options" in fields:
        fields["options"] = options(old.options, fields["options"])
    if extra != old.extra:
        fields["extra"] = extra
    return fields


def home_domain(ctx: Context) -> str:
    """Where something new goes if its request does not say."""
    home = ctx.domain_id or ctx.project_domain_id
    if home is None:
        raise Invalid("The domain of the new resource must be given, for the token has none.")
    return home
