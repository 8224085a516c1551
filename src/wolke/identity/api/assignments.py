"""Grants of roles, wherever they are on the wire, and ``/v3/role_assignments``.

One grant has up to twelve paths; what differs among them is read off the names of the path's parameters.
"""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.errors import NotFound
from wolke.core.http import Request
from wolke.identity import views
from wolke.identity.api import targets
from wolke.identity.api.lists import flag
from wolke.identity.errors import Invalid, Missing
from wolke.identity.model import DOMAIN, GROUP, PROJECT, SYSTEM, USER, WHOLE_SYSTEM, Assignment, User
from wolke.identity.service import Identity
from wolke.identity.service.assignments import MOST, Asked, Grant


def _named(request: Request) -> Assignment:
    """The assignment that a path names."""
    params = request.params
    actor_kind = USER if "user_id" in params else GROUP
    kind, target_id = SYSTEM, WHOLE_SYSTEM
    if "project_id" in params:
        kind, target_id = PROJECT, params["project_id"]
    elif "domain_id" in params:
        kind, target_id = DOMAIN, params["domain_id"]
    inherited = request.path.endswith("/inherited_to_projects")
    return Assignment(params.get("role_id", ""), actor_kind, params[f"{actor_kind}_id"], kind, target_id, inherited)


async def _grant(service: Identity, request: Request, verb: str) -> Grant:
    named = _named(request)
    what = "grants" if verb == "list" else "grant"
    rule = f"identity:{verb}_{what}"
    if named.target_kind == SYSTEM:
        rule = f"identity:{verb}_system_{what}_for_{named.actor_kind}"
    try:
        grant = await service.assignments.resolve(named)
    except NotFound:
        request.enforce(rule, {})
        raise
    request.enforce(rule, _target(grant))
    return grant


def _target(grant: Grant) -> dict[str, Any]:
    target = targets.user(grant.actor) if isinstance(grant.actor, User) else targets.group(grant.actor)
    if grant.role is not None:
        target |= targets.role(grant.role)
    if grant.target is not None:
        target |= targets.domain(grant.target) if grant.target.is_domain else targets.project(grant.target)
    return target


async def index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    grant = await _grant(service, request, "list")
    roles = await service.assignments.roles_of(grant.assignment)
    links = {"self": request.origin + request.path, "previous": None, "next": None}
    return {"roles": [views.role(one, request.base_url) for one in roles], "links": links}


async def check(service: Identity, ctx: Context, request: Request) -> None:
    grant = await _grant(service, request, "check")
    if not await service.assignments.exists(grant.assignment):
        raise Missing("role assignment", f"with role: {grant.assignment.role_id}")


async def create(service: Identity, ctx: Context, request: Request) -> None:
    await service.assignments.grant(ctx, await _grant(service, request, "create"))


async def revoke(service: Identity, ctx: Context, request: Request) -> None:
    grant = await _grant(service, request, "revoke")
    await service.assignments.revoke(ctx, grant.assignment)


# -- /v3/role_assignments


def _asked(request: Request) -> Asked:
    query = request.query

    def named(name: str) -> bool:
        return name in query and flag(query.get(name) or "1")

    inherited = query.get("scope.OS-INHERIT:inherited_to")
    asked = Asked(
        user_id=query.get("user.id"),
        group_id=query.get("group.id"),
        role_id=query.get("role.id"),
        project_id=query.get("scope.project.id"),
        domain_id=query.get("scope.domain.id"),
        system=query.get("scope.system") is not None,
        inherited=None if inherited is None else inherited == "projects",
        effective=named("effective"),
        subtree=named("include_subtree"),
    )
    _refuse_contradictions(asked)
    return asked


def _refuse_contradictions(asked: Asked) -> None:
    if asked.user_id and asked.group_id:
        raise Invalid("Specify a user or group, not both")
    if sum(map(bool, (asked.project_id, asked.domain_id, asked.system))) > 1:
        raise Invalid("Specify a domain or project or system, not more than one")
    if asked.effective and asked.group_id:
        raise Invalid("Combining effective and group filter will always result in an empty list.")
    if asked.effective and asked.inherited and asked.domain_id:
        raise Invalid("Combining effective, domain and inherited filters will always result in an empty list.")
    if asked.subtree and not asked.project_id:
        raise Invalid("scope.project.id must be specified if include_subtree is also specified")


async def role_assignments(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    asked = _asked(request)
    await _may_list(service, ctx, request, asked)
    found = await service.assignments.find(asked)
    if ctx.domain_id is not None and not ctx.is_admin:
        mine = await _places_of(service, ctx.domain_id)
        found = [one for one in found if one.assignment.target_id in mine]
    names = None
    if "include_names" in request.query and flag(request.query.get("include_names") or "1"):
        names = await service.assignments.names(one.assignment for one in found)
    base, shown = request.base_url, []
    for one in found:
        wire = views.assignment(one.assignment, base, names)
        wire["links"]["assignment"] = f"{base}/v3/{views.assignment_path(one.source)}"
        if one.source.actor_kind == GROUP and one.assignment.actor_kind == USER:
            member = f"groups/{one.source.actor_id}/users/{one.assignment.actor_id}"
            wire["links"]["membership"] = f"{base}/v3/{member}"
        if one.prior_role_id is not None:
            wire["links"]["prior_role"] = f"{base}/v3/prior_role/{one.prior_role_id}/implies/{one.assignment.role_id}"
        shown.append(wire)
    body: dict[str, Any] = {"role_assignments": shown, "links": {"self": request.origin + request.path}}
    if len(shown) >= MOST:
        body["truncated"] = True
    return body


async def _may_list(service: Identity, ctx: Context, request: Request, asked: Asked) -> None:
    if not asked.subtree:
        request.enforce("identity:list_role_assignments", {"target.domain_id": ctx.domain_id})
        return
    project = await service.project(asked.project_id or "")
    target = targets.project(project) if project is not None else {}
    request.enforce("identity:list_role_assignments_for_tree", target)


async def _places_of(service: Identity, domain_id: str) -> set[str]:
    return {domain_id, *(p.id for p in await service.standing.below(DOMAIN, domain_id))}
