"""/os-quota-sets, /os-quota-class-sets and /limits."""

from __future__ import annotations

from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.schema import others as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.quotas import DEFAULT_CLASS
from wolke.core.context import Context
from wolke.core.http import Request, Response, Route
from wolke.core.quota import UNLIMITED
from wolke.core.schema import boolean

Json = dict[str, Any]
_NOT_LIMITS = ("force", "id", "class_name", "tenant_id", "project_id")


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    project_id = _visible(ctx, request)
    limits = await service.quotas.full(await service.quotas.limits(project_id))
    if not boolean(request.query.get("usage") or "false", "usage"):
        return {"quota_set": {"id": project_id, **limits}}
    used = await service.quotas.used(project_id)
    items = {
        name: {"limit": amount, "in_use": used.get(name, 0), "reserved": 0, "allocated": 0}
        for name, amount in limits.items()
    }
    return {"quota_set": {"id": project_id, **items}}


def _visible(ctx: Context, request: Request) -> str:
    """Another project's is for administrators."""
    project_id = request.params["of_project_id"]
    request.enforce("volume_extension:quotas:show", {"project_id": project_id})
    return project_id


async def defaults(service: BlockStorage, ctx: Context, request: Request) -> Json:
    project_id = _visible(ctx, request)
    return {"quota_set": {"id": project_id, **await service.quotas.full(await service.quotas.defaults())}}


async def update(service: BlockStorage, ctx: Context, request: Request) -> Json:
    project_id, asked = request.params["of_project_id"], request.body["quota_set"]
    await service.quotas.update(ctx, project_id, _amounts(asked), check=not _skip(request))
    return {"quota_set": await service.quotas.full(await service.quotas.limits(project_id))}


def _skip(request: Request) -> bool:
    """Whether limits may go below what is used, as they always could unless it was asked for."""
    return boolean(request.query.get("skip_validation") or "true", "skip_validation")


def _amounts(asked: Json) -> dict[str, int]:
    found = {}
    for name, value in asked.items():
        if name in _NOT_LIMITS or value is None:
            continue
        try:
            found[name] = int(value)
        except ValueError:
            raise errors.Invalid("input received", f"'{str(value)[:40]}' is not a limit for {name[:64]}.") from None
    return found


async def delete(service: BlockStorage, ctx: Context, request: Request) -> Response:
    await service.quotas.delete(ctx, request.params["of_project_id"])
    return Response(200)


# -- the defaults of all projects


async def show_class(service: BlockStorage, ctx: Context, request: Request) -> Json:
    limits = await service.quotas.full(await service.quotas.defaults())
    return {"quota_class_set": {"id": request.params["class_name"], **limits}}


async def update_class(service: BlockStorage, ctx: Context, request: Request) -> Json:
    if request.params["class_name"] != "default":
        raise errors.Invalid("input received", "There is one quota class only: default.")
    await service.quotas.update(ctx, DEFAULT_CLASS, _amounts(request.body["quota_class_set"]))
    return {"quota_class_set": await service.quotas.full(await service.quotas.defaults())}


# -- limits


async def limits(service: BlockStorage, ctx: Context, request: Request) -> Json:
    project_id = ctx.project_id or ""
    asked = request.query.get("project_id") or request.query.get("tenant_id")
    if asked is not None and ctx.is_admin:
        project_id = asked
    most, used = await service.quotas.limits(project_id), await service.quotas.used(project_id)
    absolute = {
        "maxTotalVolumes": "volumes", "maxTotalVolumeGigabytes": "gigabytes", "maxTotalSnapshots": "snapshots",
        "maxTotalBackups": "backups", "maxTotalBackupGigabytes": "backup_gigabytes",
    }  # fmt: skip
    taken = {
        "totalVolumesUsed": "volumes", "totalGigabytesUsed": "gigabytes", "totalSnapshotsUsed": "snapshots",
        "totalBackupsUsed": "backups", "totalBackupGigabytesUsed": "backup_gigabytes",
    }  # fmt: skip
    told = {word: most.get(name, UNLIMITED) for word, name in absolute.items()}
    if request.allows("limits_extension:used_limits", {"project_id": project_id}):
        told |= {word: used.get(name, 0) for word, name in taken.items()}
    return {"limits": {"rate": [], "absolute": told}}


_Q, _C, _X = "/os-quota-sets/{of_project_id}", "/os-quota-class-sets/{class_name}", "volume_extension"
ROUTES = (
    Route("GET", _Q, show),
    Route("GET", f"{_Q}/defaults", defaults),
    Route("PUT", _Q, update, f"{_X}:quotas:update", body=schema.QUOTA),
    Route("DELETE", _Q, delete, f"{_X}:quotas:delete"),
    Route("GET", _C, show_class, f"{_X}:quota_classes:get"),
    Route("PUT", _C, update_class, f"{_X}:quota_classes:update", body=schema.QUOTA_CLASS),
    Route("GET", "/limits", limits),
)
