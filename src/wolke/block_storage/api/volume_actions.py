"""``POST /volumes/{id}/action``."""

from __future__ import annotations

from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.api.actions import ANY_ACTION, Action, door
from wolke.block_storage.schema import volumes as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.states import VOLUME_WORDS
from wolke.block_storage.versions import Since
from wolke.block_storage.views import volumes as views
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.schema import boolean
from wolke.image.service import ImageWish

Json = dict[str, Any]
_ATTACH_STATUSES = ("attached", "detached", "attaching", "detaching", "error_attaching", "error_detaching", "reserved")
_MIGRATION_STATUSES = ("migrating", "error", "success", "completing", "none", "starting")


async def attach(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    server_id, host = said.get("instance_uuid"), said.get("host_name")
    if not server_id and not host:
        raise BadRequest("Invalid request to attach volume to an invalid target: instance_uuid or host_name is needed")
    device = said.get("mountpoint")
    await service.old_attachments.attach(ctx, volume_id, server_id, host, device, said.get("mode", "rw"))


async def detach(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json | None) -> None:
    await service.old_attachments.detach(ctx, volume_id, (said or {}).get("attachment_id"))


async def force_detach(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    await service.old_attachments.detach(ctx, volume_id, said.get("attachment_id"), force=True)


async def reserve(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Any) -> None:
    await service.old_attachments.reserve(ctx, volume_id)


async def unreserve(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Any) -> None:
    await service.old_attachments.unreserve(ctx, volume_id)


async def begin_detaching(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Any) -> None:
    await service.attachments.begin_detaching(ctx, volume_id)


async def roll_detaching(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Any) -> None:
    await service.attachments.roll_detaching(ctx, volume_id)


async def initialize(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> Json:
    connection = dict(await service.old_attachments.initialize(ctx, volume_id, said["connector"]))
    kind = connection.pop("type", "")
    connection.pop("tls_psk", None)
    return {"connection_info": {"driver_volume_type": kind, "data": connection}}


async def terminate(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    await service.old_attachments.terminate(ctx, volume_id, said["connector"])


async def extend(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    in_use = request.version >= Since.EXTEND_IN_USE and request.allows("volume:extend_attached_volume")
    await service.volume_actions.extend(ctx, volume_id, int(said["new_size"]), in_use=in_use)


async def extended(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    error = boolean(said.get("error", False), "error")
    await service.volume_actions.finish_extend(ctx, volume_id, error=error)


async def upload(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> Json:
    visibility = said.get("visibility", "private")
    if visibility == "public":
        request.enforce("volume_extension:volume_actions:upload_public")
    volume = await service.volumes.show(ctx, volume_id)
    kept = {k: v for k, v in volume.image_metadata.items() if k not in _NOT_PROPERTIES}
    wish = ImageWish(
        name=said["image_name"],
        visibility=visibility,
        disk_format=said.get("disk_format", "raw"),
        container_format=said.get("container_format", "bare"),
        min_disk=volume.size_gib,
        protected=boolean(said.get("protected", False), "protected"),
        properties=kept,
    )
    force = boolean(said.get("force", False), "force")
    told = await service.volume_actions.upload_image(ctx, volume_id, wish, force=force)
    item = views.uploading(*told)
    if request.version < Since.UPLOAD_OPTIONS:
        del item["protected"], item["visibility"]
    return {"os-volume_upload_image": item}


#: What an image has of its own, or what would be wrong of the new one.
_NOT_PROPERTIES = frozenset(
    {
        "image_id", "image_name", "checksum", "container_format", "disk_format", "min_disk", "min_ram", "size",
        "signature_verified",
    }
)  # fmt: skip


async def read_only(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    volume = await service.volumes.show(ctx, volume_id)
    if volume.status != "available" or volume.task is not None:
        why = f"Volume {volume_id} status must be available to update readonly flag, but it is {views.shown_status(volume)}"
        raise errors.Invalid("volume", why)
    await service.volumes.change(ctx, volume_id, {"read_only": boolean(said["readonly"], "readonly")})


async def bootable(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    await service.volumes.change(ctx, volume_id, {"bootable": boolean(said["bootable"], "bootable")})


async def retype(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    migrate = said.get("migration_policy", "never") == "on-demand"
    await service.volume_actions.retype(ctx, volume_id, said["new_type"], migrate=migrate)


async def migrate(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    if not said.get("host"):
        raise BadRequest("Must specify 'host'; there are no clusters here.")
    await service.volume_actions.migrate(ctx, volume_id, said["host"])


async def migrated(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    await service.volumes.show(ctx, volume_id)
    raise errors.Invalid("volume", "No migration of it waits to be completed: migrations here complete by themselves.")


async def reset(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    for name, words in (
        ("status", VOLUME_WORDS), ("attach_status", _ATTACH_STATUSES), ("migration_status", _MIGRATION_STATUSES)
    ):  # fmt: skip
        if said.get(name) is not None and said[name] not in words:
            raise BadRequest(f"Must specify a valid {name}: {said[name]!r} is not one of {', '.join(sorted(words))}.")
    await service.volume_actions.reset(ctx, volume_id, {name: v for name, v in said.items() if v is not None})


async def force_delete(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Any) -> None:
    await service.volume_actions.delete(ctx, volume_id, force=True, cascade=True)


async def unmanage(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Any) -> None:
    await service.managing.unmanage(ctx, volume_id)


async def revert(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    await service.volume_actions.revert(ctx, volume_id, said["snapshot_id"])


async def reimage(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> None:
    reserved = boolean(said.get("reimage_reserved", False), "reimage_reserved")
    if reserved:
        request.enforce("volume:reimage_reserved")
    await service.volume_actions.reimage(ctx, volume_id, said["image_id"], reserved=reserved)


async def set_image_metadata(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json) -> Json:
    items = said["metadata"]
    kept = await service.volumes.set_metadata(ctx, volume_id, items, replace=False, column="image_metadata")
    return {"metadata": kept}


async def unset_image_metadata(
    service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Json
) -> None:
    await service.volumes.delete_metadata_item(ctx, volume_id, said["key"], column="image_metadata")


async def show_image_metadata(service: BlockStorage, ctx: Context, request: Request, volume_id: str, said: Any) -> Json:
    return {"metadata": (await service.volumes.show(ctx, volume_id)).image_metadata}


_DO, _ADMIN, _IMAGE = (
    f"volume_extension:{name}" for name in ("volume_actions", "volume_admin_actions", "volume_image_metadata")
)
ACTIONS: dict[str, Action] = {
    "os-attach": Action(attach, f"{_DO}:attach", schema.ATTACH),
    "os-detach": Action(detach, f"{_DO}:detach", schema.DETACH),
    "os-force_detach": Action(force_detach, f"{_ADMIN}:force_detach", schema.FORCE_DETACH),
    "os-reserve": Action(reserve, f"{_DO}:reserve", schema.RESERVE),
    "os-unreserve": Action(unreserve, f"{_DO}:unreserve", schema.UNRESERVE),
    "os-begin_detaching": Action(begin_detaching, f"{_DO}:begin_detaching", schema.BEGIN_DETACHING),
    "os-roll_detaching": Action(roll_detaching, f"{_DO}:roll_detaching", schema.ROLL_DETACHING),
    "os-initialize_connection": Action(initialize, f"{_DO}:initialize_connection", schema.INITIALIZE, 200),
    "os-terminate_connection": Action(terminate, f"{_DO}:terminate_connection", schema.TERMINATE),
    "os-extend": Action(extend, "volume:extend", schema.EXTEND),
    "os-extend_volume_completion": Action(extended, f"{_DO}:extend_volume_completion", schema.EXTENDED, since="3.71"),
    "os-volume_upload_image": Action(upload, f"{_DO}:upload_image", schema.UPLOAD, noun="upload_image"),
    "os-update_readonly_flag": Action(read_only, "volume:update_readonly_flag", schema.READONLY),
    "os-set_bootable": Action(bootable, "volume:update", schema.BOOTABLE, 200),
    "os-retype": Action(retype, "volume:retype", schema.RETYPE),
    "os-migrate_volume": Action(migrate, f"{_ADMIN}:migrate_volume", schema.MIGRATE),
    "os-migrate_volume_completion": Action(migrated, f"{_ADMIN}:migrate_volume_completion", schema.MIGRATED),
    "os-reset_status": Action(reset, f"{_ADMIN}:reset_status", schema.RESET),
    "os-force_delete": Action(force_delete, f"{_ADMIN}:force_delete", schema.FORCE_DELETE),
    "os-unmanage": Action(unmanage, "volume_extension:volume_unmanage", schema.UNMANAGE),
    "revert": Action(revert, "volume:revert_to_snapshot", schema.REVERT, since="3.40"),
    "os-reimage": Action(reimage, "volume:reimage", schema.REIMAGE, since="3.68"),
    "os-set_image_metadata": Action(set_image_metadata, f"{_IMAGE}:set", schema.SET_IMAGE_METADATA, 200),
    "os-unset_image_metadata": Action(unset_image_metadata, f"{_IMAGE}:remove", schema.UNSET_IMAGE_METADATA, 200),
    "os-show_image_metadata": Action(show_image_metadata, f"{_IMAGE}:show", schema.SHOW_IMAGE_METADATA, 200),
}

ROUTES = (Route("POST", "/volumes/{volume_id}/action", door(ACTIONS, "volume_id"), body=ANY_ACTION),)
