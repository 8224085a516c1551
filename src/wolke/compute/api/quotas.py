"""/os-quota-sets, /os-quota-class-sets, /limits and /os-simple-tenant-usage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from wolke.compute.schema import operations as schema
from wolke.compute.service import Compute
from wolke.compute.service.quotas import DEFAULT_CLASS
from wolke.compute.versions import Since
from wolke.compute.views import quotas as views
from wolke.compute.views.links import following
from wolke.core.clock import moment
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.paging import parse_limit
from wolke.core.schema import boolean

_SETS = "os_compute_api:os-quota-sets"
_CLASSES = "os_compute_api:os-quota-class-sets"
_USAGE = "os_compute_api:os-simple-tenant-usage"
_USAGE_DEFAULT = timedelta(days=28)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
Json = dict[str, Any]


def _target(request: Request) -> str:
    """The project in the path; another's only for admins."""
    return request.params["project_id"]


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    project_id = _target(request)
    request.enforce(f"{_SETS}:show", {"project_id": project_id})
    limits = await service.quotas.limits(project_id, request.query.get("user_id"))
    return {"quota_set": views.quota_set(project_id, limits)}


async def detail(service: Compute, ctx: Context, request: Request) -> Json:
    project_id, user_id = _target(request), request.query.get("user_id")
    request.enforce(f"{_SETS}:detail", {"project_id": project_id})
    limits = await service.quotas.limits(project_id, user_id)
    return {"quota_set": views.detailed(project_id, limits, await service.quotas.used(project_id, user_id))}


async def defaults(service: Compute, ctx: Context, request: Request) -> Json:
    project_id = _target(request)
    request.enforce(f"{_SETS}:defaults", {"project_id": project_id})
    return {"quota_set": views.quota_set(project_id, await service.quotas.defaults())}


async def update(service: Compute, ctx: Context, request: Request) -> Json:
    project_id, asked = _target(request), dict(request.body["quota_set"])
    request.enforce(f"{_SETS}:update", {"project_id": project_id})
    force = boolean(asked.pop("force", False))
    limits = {name: int(amount) for name, amount in asked.items()}
    found = await service.quotas.update(ctx, project_id, request.query.get("user_id"), limits, force=force)
    shown = views.quota_set(project_id, found)
    del shown["id"]
    return {"quota_set": shown}


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    project_id = _target(request)
    request.enforce(f"{_SETS}:delete", {"project_id": project_id})
    await service.quotas.delete(ctx, project_id, request.query.get("user_id"))


# -- classes: there is one, which everybody is in


async def show_class(service: Compute, ctx: Context, request: Request) -> Json:
    return {"quota_class_set": views.quota_set(request.params["name"], await service.quotas.defaults())}


async def update_class(service: Compute, ctx: Context, request: Request) -> Json:
    if request.params["name"] != "default":
        raise BadRequest("There is only the quota class 'default'.")
    limits = {name: int(amount) for name, amount in request.body["quota_class_set"].items()}
    await service.quotas.update(ctx, DEFAULT_CLASS, None, limits, force=True)
    shown = views.quota_set("default", await service.quotas.defaults())
    del shown["id"]
    return {"quota_class_set": shown}


# -- limits


async def limits(service: Compute, ctx: Context, request: Request) -> Json:
    project_id = ctx.project_id or ""
    other = request.query.get("tenant_id")
    if other and other != project_id:
        request.enforce("os_compute_api:limits:other_project", {"project_id": other})
        project_id = other
    limit, used = await service.quotas.limits(project_id), await service.quotas.used(project_id)
    return {"limits": views.limits(limit, used)}


# -- usage


async def usage(service: Compute, ctx: Context, request: Request) -> Json:
    found, last = await _usage(service, request, None)
    detailed = request.query.get("detailed") == "1"
    if not detailed:
        for one in found.values():
            del one["server_usages"]
    answer: Json = {"tenant_usages": list(found.values())}
    return _more(answer, "tenant_usages_links", "os-simple-tenant-usage", request, last)


async def usage_of_project(service: Compute, ctx: Context, request: Request) -> Json:
    project_id = request.params["project_id"]
    request.enforce(f"{_USAGE}:show", {"project_id": project_id})
    found, last = await _usage(service, request, project_id)
    answer: Json = {"tenant_usage": found.get(project_id, {})}
    return _more(answer, "tenant_usage_links", f"os-simple-tenant-usage/{project_id}", request, last)


async def _usage(service: Compute, request: Request, project_id: str | None) -> tuple[dict[str, Json], str | None]:
    now = moment(service.clock.now())
    end = _moment(request, "end", now)
    start = _moment(request, "start", end - min(_USAGE_DEFAULT, end - _FIRST))
    if start >= end:
        raise BadRequest("Invalid start time. The start time cannot occur after the end time.")
    paged = request.version >= Since.PAGED_USAGE
    most = service.config.max_servers_per_page
    limit = parse_limit(request.query.get("limit") if paged else None, most=most, default=most)
    marker = request.query.get("marker") if paged else None
    if marker:
        await _check_marker(service, marker)
    found, last = await service.usage.of(start, end, project_id=project_id, limit=limit or most, marker=marker)
    return found, last if paged else None


async def _check_marker(service: Compute, marker: str) -> None:
    if not await service.usage.knows(marker):
        raise BadRequest(f"marker [{marker[:64]}] not found")


def _more(answer: Json, name: str, path: str, request: Request, last: str | None) -> Json:
    if last is not None:
        answer[name] = following(request.base_url, path, request.query, last, None)
    return answer


def _moment(request: Request, name: str, default: datetime) -> datetime:
    text = request.query.get(name)
    if not text:
        return default
    try:
        return moment(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest(f"Datetime is in invalid format: {text[:64]}") from None


_Q = "/v2.1/os-quota-sets/{project_id}"
_C = "/v2.1/os-quota-class-sets/{name}"
_U = "/v2.1/os-simple-tenant-usage"
_USER, _TIMES = ("user_id",), ("start", "end", "limit", "marker")
ROUTES = (
    Route("GET", _Q, show, view="quota_set", query=_USER, strict="2.75"),
    Route("GET", f"{_Q}/detail", detail, view="quota_set", query=_USER, strict="2.75"),
    Route("GET", f"{_Q}/defaults", defaults, view="quota_set"),
    Route("PUT", _Q, update, body=schema.QUOTA_SET, noun="quota_update", view="quota_set", query=_USER, strict="2.75"),
    Route("DELETE", _Q, delete, status=202, query=_USER, strict="2.75"),
    Route("GET", _C, show_class, f"{_CLASSES}:show", view="quota_class_set"),
    Route("PUT", _C, update_class, f"{_CLASSES}:update", body=schema.QUOTA_CLASS_SET, noun="quota_class_update",
          view="quota_class_set"),
    Route("GET", "/v2.1/limits", limits, "os_compute_api:limits", view="limits", query=("tenant_id",), strict="2.75"),
    Route("GET", _U, usage, f"{_USAGE}:list", query=("detailed", *_TIMES), strict="2.75"),
    Route("GET", f"{_U}/{{project_id}}", usage_of_project, query=_TIMES, strict="2.75"),
)  # fmt: skip
