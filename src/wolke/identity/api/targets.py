"""What the policy is asked about, spelt as Keystone's rules spell it. None stands for what is not there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from wolke.core.errors import NotFound
from wolke.core.http import Request
from wolke.identity.model import Credential, Group, Project, Role, User

T = TypeVar("T")
Target = dict[str, Any]


def user(one: User) -> Target:
    return {"target.user.id": one.id, "target.user.domain_id": one.domain_id}


def group(one: Group) -> Target:
    return {"target.group.id": one.id, "target.group.domain_id": one.domain_id}


def project(one: Project) -> Target:
    return {"target.project.id": one.id, "target.project.domain_id": one.domain_id or one.id}


def domain(one: Project) -> Target:
    return {"target.domain.id": one.id}


def role(one: Role) -> Target:
    return {"target.role.id": one.id, "target.role.name": one.name}


def credential(one: Credential) -> Target:
    return {"target.credential.user_id": one.user_id, "target.credential.project_id": one.project_id}


async def allowed(request: Request, rule: str, look: Callable[[], Awaitable[T]], target: Callable[[T], Target]) -> T:
    """What ``look`` finds, if the caller may; who may not see everything learns nothing of what is missing (403)."""
    try:
        found = await look()
    except NotFound:
        request.enforce(rule, {})
        raise
    request.enforce(rule, target(found))
    return found
