"""``/v3/projects`` with their tags, and ``/v3/domains``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Response
from wolke.identity import views
from wolke.identity.api import targets
from wolke.identity.api.lists import answer, wanted
from wolke.identity.api.targets import allowed
from wolke.identity.errors import Invalid, Missing
from wolke.identity.model import PROJECT, Project
from wolke.identity.service import Identity
from wolke.identity.service.projects import home_domain

_MOST_TAGS = 80
_MOST_TAG_CHARACTERS = 255


async def _project(service: Identity, request: Request, rule: str) -> Project:
    project_id = request.params["project_id"]
    return await allowed(request, rule, lambda: service.projects.show(project_id), targets.project)


async def index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    asked = wanted(request, ("name", "domain_id", "parent_id", "id"), ("enabled", "is_domain"))
    request.enforce("identity:list_projects", {"target.domain_id": ctx.domain_id})
    asked.equal.setdefault("is_domain", False)
    if ctx.domain_id is not None:
        asked.equal["id" if asked.equal["is_domain"] else "domain_id"] = ctx.domain_id
    asked.tests += [_tag_test(name, value) for name, value in request.query.pairs if name in _TAG_TESTS and value]
    found = await service.projects.page(asked)
    return answer(request, "projects", found, lambda one: views.project(one, request.base_url))


_TAG_TESTS: Mapping[str, Callable[[set[str], set[str]], bool]] = {
    "tags": lambda has, given: given <= has,
    "tags-any": lambda has, given: bool(given & has),
    "not-tags": lambda has, given: not given <= has,
    "not-tags-any": lambda has, given: not given & has,
}


def _tag_test(name: str, value: str) -> Callable[[Project], bool]:
    test, given = _TAG_TESTS[name], set(value.split(","))
    return lambda one: test(set(one.tags), given)


async def show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    project = await _project(service, request, "identity:get_project")
    wire = views.project(project, request.base_url)
    wire |= await _relatives(service, ctx, request, project)
    return {"project": wire}


async def _relatives(service: Identity, ctx: Context, request: Request, project: Project) -> dict[str, Any]:
    """Parents and subtree, as lists of what the caller has a role on, or as all their ids."""
    query, more = request.query, dict[str, Any]()
    for kind in ("parents", "subtree"):
        if f"{kind}_as_list" in query and f"{kind}_as_ids" in query:
            raise Invalid(f"{kind}_as_list and {kind}_as_ids cannot be asked for at once.")
    if "parents_as_list" in query or "parents_as_ids" in query:
        parents = await service.standing.ancestors(project)
        if "parents_as_list" in query:
            mine = await _visible(service, ctx, request, parents)
            more["parents"] = [{"project": views.project(one, request.base_url)} for one in mine]
        else:
            more["parents"] = _chain([one.id for one in parents])
    if "subtree_as_list" in query or "subtree_as_ids" in query:
        below = await service.standing.below(PROJECT, project.id)
        if "subtree_as_list" in query:
            mine = await _visible(service, ctx, request, below)
            more["subtree"] = [{"project": views.project(one, request.base_url)} for one in mine]
        else:
            more["subtree"] = _tree(project.id, below)
    return more


async def _visible(service: Identity, ctx: Context, request: Request, projects: list[Project]) -> list[Project]:
    mine = await service.standing.project_ids(ctx.user_id or "")
    return [one for one in projects if one.id in mine or request.allows("identity:get_project", targets.project(one))]


def _chain(identifiers: list[str]) -> dict[str, Any] | None:
    return {identifiers[0]: _chain(identifiers[1:])} if identifiers else None


def _tree(top: str, below: list[Project]) -> dict[str, Any] | None:
    children = {one.id: _tree(one.id, below) for one in below if one.parent_id == top}
    return children or None


async def create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    values = request.body["project"]
    if values.get("is_domain"):
        request.enforce("identity:create_domain")
        return {"project": views.project(await service.projects.create(ctx, values), request.base_url)}
    domain_id = values.get("domain_id")
    if domain_id is None and values.get("parent_id"):
        parent = await service.projects.find([values["parent_id"]])
        domain_id = parent[0].domain_id or parent[0].id if parent else None
    elif domain_id is None:
        domain_id = ctx.domain_id or ctx.project_domain_id
    request.enforce("identity:create_project", {"target.project.domain_id": domain_id})
    if domain_id is None and not values.get("parent_id"):
        home_domain(ctx)
    return {"project": views.project(await service.projects.create(ctx, values), request.base_url)}


async def update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    old = await _project(service, request, "identity:update_project")
    project = await service.projects.update(ctx, old.id, request.body["project"])
    return {"project": views.project(project, request.base_url)}


async def delete(service: Identity, ctx: Context, request: Request) -> None:
    old = await _project(service, request, "identity:delete_project")
    await service.projects.delete(ctx, old.id)


# -- tags


def _tag(request: Request) -> str:
    tag = request.params["tag"]
    if "," in tag or len(tag) > _MOST_TAG_CHARACTERS:
        raise Invalid("A tag holds no comma and no slash, and at most 255 characters.")
    return tag


async def tags(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    project = await _project(service, request, "identity:list_project_tags")
    return _tags(request, project.id, project.tags)


def _tags(request: Request, project_id: str, tags: list[str]) -> dict[str, Any]:
    return {"tags": tags, "links": {"self": f"{request.base_url}/v3/projects/{project_id}/tags"}}


async def check_tag(service: Identity, ctx: Context, request: Request) -> None:
    project = await _project(service, request, "identity:get_project_tag")
    if request.params["tag"] not in project.tags:
        raise Missing("project tag", request.params["tag"])


async def set_tags(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    project = await _project(service, request, "identity:update_project_tags")
    return _tags(request, project.id, await service.projects.set_tags(ctx, project.id, request.body["tags"]))


async def add_tag(service: Identity, ctx: Context, request: Request) -> Response:
    project = await _project(service, request, "identity:create_project_tag")
    whole = [*project.tags, _tag(request)]
    if len(set(whole)) > _MOST_TAGS:
        raise Invalid(f"A project has at most {_MOST_TAGS} tags.")
    await service.projects.set_tags(ctx, project.id, whole)
    location = f"{request.base_url}/v3/projects/{project.id}/tags/{request.params['tag']}"
    return Response(201, headers={"Location": location})


async def remove_tag(service: Identity, ctx: Context, request: Request) -> None:
    project = await _project(service, request, "identity:delete_project_tag")
    tag = request.params["tag"]
    if tag not in project.tags:
        raise Missing("project tag", tag)
    await service.projects.set_tags(ctx, project.id, [one for one in project.tags if one != tag])


async def remove_tags(service: Identity, ctx: Context, request: Request) -> None:
    project = await _project(service, request, "identity:delete_project_tags")
    await service.projects.set_tags(ctx, project.id, [])


# -- domains


async def _domain(service: Identity, request: Request, rule: str) -> Project:
    domain_id = request.params["domain_id"]
    return await allowed(request, rule, lambda: service.projects.show_domain(domain_id), targets.domain)


async def domain_index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    asked = wanted(request, ("name", "id"), ("enabled",))
    request.enforce("identity:list_domains", {"target.domain_id": ctx.domain_id})
    asked.equal["is_domain"] = True
    if ctx.domain_id is not None and not ctx.is_admin:
        asked.equal["id"] = ctx.domain_id
    found = await service.projects.page(asked)
    return answer(request, "domains", found, lambda one: views.domain(one, request.base_url))


async def domain_show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"domain": views.domain(await _domain(service, request, "identity:get_domain"), request.base_url)}


async def domain_create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    domain = await service.projects.create_domain(ctx, request.body["domain"])
    return {"domain": views.domain(domain, request.base_url)}


async def domain_update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    old = await _domain(service, request, "identity:update_domain")
    domain = await service.projects.update(ctx, old.id, request.body["domain"])
    return {"domain": views.domain(domain, request.base_url)}


async def domain_delete(service: Identity, ctx: Context, request: Request) -> None:
    old = await _domain(service, request, "identity:delete_domain")
    await service.projects.delete(ctx, old.id)
