"""Which rows a list shows: conditions for the database from what a query string says.

Since 3.31 whoever is no administrator is refused a filter that is not offered; before, it was quietly ignored. ``name~`` (since
3.34) finds what contains a text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.states import behind
from wolke.core.clock import instant, moment
from wolke.core.context import Context
from wolke.core.db import Where
from wolke.core.paging import operator
from wolke.core.schema import boolean

Build = Callable[[str], list[Where]]

#: What everybody may filter by, as ``GET /resource_filters`` tells.
OFFERED: Mapping[str, tuple[str, ...]] = {
    "volume": (
        "name", "status", "metadata", "bootable", "migration_status", "availability_zone", "group_id", "size",
        "created_at", "updated_at", "consumes_quota", "glance_metadata",
    ),
    "backup": ("name", "status", "volume_id"),
    "snapshot": ("name", "status", "volume_id", "metadata", "availability_zone", "consumes_quota"),
    "group": (),
    "group_snapshot": ("status", "group_id"),
    "attachment": ("volume_id", "status", "instance_id", "attach_status"),
    "message": ("resource_uuid", "resource_type", "event_id", "request_id", "message_level"),
    "pool": ("name", "volume_type"),
    "volume_type": ("is_public", "extra_specs"),
    "transfer": (),
}  # fmt: skip

#: In every query string, and no filters.
_OTHERS = frozenset(
    {
        "limit", "offset", "marker", "sort", "sort_key", "sort_dir", "all_tenants", "with_count", "fields", "project_id",
        "tenant_id", "host",
    }
)  # fmt: skip
_NOTHING = [Where("id", "eq", "")]


def text(column: str) -> Build:
    return lambda value: [Where(column, "eq", value)]


def _flag(column: str, name: str) -> Build:
    return lambda value: [Where(column, "eq", boolean(value, name))]


def _number(column: str) -> Build:
    def build(value: str) -> list[Where]:
        return [Where(column, "eq", int(value))] if value.isdecimal() and len(value) < 10 else _NOTHING

    return build


def _shown(kind: str) -> Build:
    """By the word that is shown, which may be that of a task."""

    def build(value: str) -> list[Where]:
        tasks, hiding = behind(kind, value)
        settled = Where("", "any", [[Where("task", "isnull", True)], [Where("task", "notin", hiding)]])
        if not tasks:
            return [Where("status", "eq", value), settled]
        return [Where("", "any", [[Where("task", "in", tasks)], [Where("status", "eq", value), settled]])]

    return build


def _items(column: str) -> Build:
    """Metadata that must be there: ``{'key': 'value'}``, as JSON or as Python writes it."""

    def build(value: str) -> list[Where]:
        wanted = _mapping(value)
        return [
            Where(column, "contains", f"{msgspec.json.encode(key).decode()}:{msgspec.json.encode(item).decode()}")
            for key, item in wanted.items()
        ]

    return build


def _mapping(value: str) -> dict[str, str]:
    found: Any = None
    try:
        found = msgspec.json.decode(value) if value[:1] == "{" else None
    except msgspec.DecodeError:
        try:
            found = ast.literal_eval(value) if len(value) < 4096 else None
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found = None
    if not isinstance(found, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in found.items()):
        raise errors.Invalid("input received", f"Invalid value for a filter of metadata: {value[:128]!r}")
    return found


def _time(column: str) -> Build:
    """``gt:2026-01-01T00:00:00,lt:…``, or the moment alone."""

    def build(value: str) -> list[Where]:
        found = []
        for part in value.split(","):
            try:
                op, at = operator(part, lambda said: instant(moment(said)))
            except (ValueError, OverflowError):
                raise errors.Invalid("input received", f"Invalid value for {column}: {part[:64]!r}") from None
            if op == "in":
                raise errors.Invalid("input received", f"Invalid operator for {column}: in")
            found.append(Where(column, op, at))
        return found

    return build


def _event(value: str) -> list[Where]:
    """``VOLUME_<resource>_<action>_<detail>``."""
    words = value.removeprefix("VOLUME_").rsplit("_", 2)
    if not value.startswith("VOLUME_") or len(words) != 3:
        return _NOTHING
    return [
        Where(column, "eq", word)
        for column, word in zip(("resource_type", "action_id", "detail_id"), words, strict=True)
    ]


_COMMON: Mapping[str, Build] = {
    "id": text("id"), "name": text("name"), "display_name": text("name"), "description": text("description"),
    "user_id": text("user_id"), "created_at": _time("created_at"), "updated_at": _time("updated_at"),
}  # fmt: skip

_BUILD: Mapping[str, Mapping[str, Build]] = {
    "volume": {
        **_COMMON, "status": _shown("volume"), "metadata": _items("metadata"), "glance_metadata": _items("image_metadata"),
        "bootable": _flag("bootable", "bootable"), "migration_status": text("migration_status"),
        "availability_zone": text("availability_zone"), "group_id": text("group_id"), "size": _number("size_gib"),
        "consumes_quota": _flag("counted", "consumes_quota"), "multiattach": _flag("multiattach", "multiattach"),
        "snapshot_id": text("snapshot_id"), "source_volid": text("source_volume_id"), "volume_type_id": text("type_id"),
        "encryption_key_id": text("secret_id"),
    },
    "snapshot": {
        **_COMMON, "status": _shown("snapshot"), "metadata": _items("metadata"), "volume_id": text("volume_id"),
        "size": _number("size_gib"), "volume_size": _number("size_gib"), "consumes_quota": _flag("counted", "consumes_quota"),
        "group_snapshot_id": text("group_snapshot_id"), "availability_zone": lambda value: [],
    },
    "backup": {
        **_COMMON, "status": _shown("backup"), "volume_id": text("volume_id"), "snapshot_id": text("snapshot_id"),
        "container": text("container"), "size": _number("size_gib"), "availability_zone": text("availability_zone"),
    },
    "group": {**_COMMON, "status": _shown("group"), "group_type": text("group_type_id")},
    "group_snapshot": {**_COMMON, "status": _shown("group_snapshot"), "group_id": text("group_id")},
    "attachment": {
        "id": text("id"), "volume_id": text("volume_id"), "status": text("status"), "attach_status": text("status"),
        "instance_id": text("server_id"), "instance_uuid": text("server_id"), "attached_host": text("instance_host"),
    },
    "message": {
        "id": text("id"), "resource_uuid": text("resource_id"), "resource_type": text("resource_type"),
        "event_id": _event, "request_id": text("request_id"), "message_level": text("level"),
    },
    "transfer": {"id": text("id"), "name": text("name"), "volume_id": text("volume_id")},
}  # fmt: skip

_LIKE: Mapping[str, str] = {"name": "name", "description": "description", "display_name": "name"}


def where(
    ctx: Context, resource: str, asked: Mapping[str, list[str]], *, everybody: bool, strict: bool, like: bool
) -> list[Where]:
    """``everybody``: the rows of all projects, if the caller is an administrator who asked for them. ``strict``: refuse what is
    not offered. ``like``: ``name~`` is known."""
    found = _whose(ctx, resource, asked, everybody=everybody)
    refused = []
    for name, values in asked.items():
        if name in _OTHERS or not values:
            continue
        plain = name.removesuffix("~") if like else name
        if not ctx.is_admin and plain not in OFFERED[resource] and (strict or plain not in _BUILD[resource]):
            refused.append(name)
            continue
        found += _one(resource, name, plain, values[-1])
    if refused and strict:
        raise errors.Invalid(
            "input received", f"Invalid filters {', '.join(refused)[:255]} are found in query options."
        )
    return found


def _one(resource: str, name: str, plain: str, value: str) -> list[Where]:
    if name != plain:
        return [Where(_LIKE[plain], "contains", value)] if plain in _LIKE else _NOTHING
    build = _BUILD[resource].get(plain)
    return _NOTHING if build is None else build(value)


def _whose(ctx: Context, resource: str, asked: Mapping[str, list[str]], *, everybody: bool) -> list[Where]:
    if not (everybody and ctx.is_admin):
        return [Where("project_id", "eq", ctx.project_id or "")]
    found = [Where("project_id", "eq", asked[name][-1]) for name in ("project_id", "tenant_id") if asked.get(name)][:1]
    if asked.get("host") and resource in ("volume", "snapshot", "backup"):
        column = "backend" if "@" in asked["host"][-1] and resource != "backup" else "host"
        found.append(Where(column, "eq", asked["host"][-1]))
    return found
