"""Users that are parts of the cloud: they have no password, so that a token for them comes from this process alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.core.context import system_context
from wolke.identity.errors import Duplicate, Missing
from wolke.identity.model import DEFAULT_DOMAIN, PROJECT, USER, Assignment, Project, Scope, User
from wolke.identity.store import USERS

if TYPE_CHECKING:
    from wolke.identity.service import Identity

_PROJECT = "service"
_ROLE = "member"
_METHODS = ("token",)


async def service_token(identity: Identity, name: str) -> tuple[str, str]:
    project = await identity.project_named(_PROJECT)
    if project is None:
        raise Missing("project", _PROJECT)
    user = await _user(identity, name)
    await _let_in(identity, user, project)
    sealed, _ = await identity.tokens.issue(user, Scope(project_id=project.id), _METHODS)
    return sealed, project.id


async def _user(identity: Identity, name: str) -> User:
    found = await identity.db.get(USERS, domain_id=DEFAULT_DOMAIN, name=name)
    if found is not None:
        return found
    try:
        return await identity.users.create(system_context(), {"name": name, "domain_id": DEFAULT_DOMAIN})
    except Duplicate:  # another controller was quicker
        return await _user(identity, name)


async def _let_in(identity: Identity, user: User, project: Project) -> None:
    role = await identity.roles.by_name(_ROLE)
    if role is None:
        raise Missing("role", _ROLE)
    wanted = Assignment(role.id, USER, user.id, PROJECT, project.id, False)
    if not await identity.assignments.exists(wanted):
        await identity.assignments.grant(system_context(), await identity.assignments.resolve(wanted))
