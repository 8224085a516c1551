"""Which servers a list shows: conditions for the database, and tests for what it cannot say.

``where`` only narrows; ``tests`` decide. Names and addresses are matched by regular expressions, as Nova does, on an engine
whose time is linear in the text: no client's pattern can stop the cloud.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
import msgspec

from wolke.compute.model import ShownServer
from wolke.compute.states import KNOWN_STATUSES, POWER_STATES, VM_STATES, columns_of, status_of, task_state_of
from wolke.core.clock import instant, moment
from wolke.core.context import Context
from wolke.core.db import Where
from wolke.core.errors import BadRequest, Forbidden
from wolke.core.schema import boolean

_MOST_PATTERN = 255
_REGEX_BYTES = 1 << 20
Match = Callable[[str], bool]

#: Names on the wire that are plain columns.
_COLUMNS = {
    "reservation_id": "reservation_id", "image": "image_id", "host": "host", "key_name": "key_name", "user_id": "user_id",
    "hostname": "hostname", "launch_index": "launch_index", "uuid": "id", "description": "description",
    "root_device_name": "root_device_name", "access_ip_v4": "access_ip_v4", "access_ip_v6": "access_ip_v6",
    "node": "host",
}  # fmt: skip

#: What somebody who is no admin may filter by; the rest is quietly ignored, as ever.
FOR_ALL = frozenset(
    {
        "reservation_id", "name", "status", "image", "flavor", "ip", "ip6", "changes-since", "changes-before",
        "all_tenants", "locked", "tags", "tags-any", "not-tags", "not-tags-any",
    }
)  # fmt: skip
FOR_ALL_LATER = frozenset(
    {
        "availability_zone", "config_drive", "key_name", "created_at", "launched_at", "terminated_at", "power_state",
        "task_state", "vm_state", "progress", "user_id",
    }
)  # fmt: skip
FOR_ADMINS = frozenset(
    {
        "host", "hostname", "node", "project_id", "tenant_id", "deleted", "soft_deleted", "kernel_id", "ramdisk_id", "uuid",
        "launch_index", "description", "root_device_name", "access_ip_v4", "access_ip_v6", "auto_disk_config", "disk_config",
        "hidden",
    }
)  # fmt: skip
KNOWN = FOR_ALL | FOR_ALL_LATER | FOR_ADMINS


@dataclass(slots=True)
class Filter:
    """``addresses`` are matched against the fixed addresses of a server's ports, by IP version."""

    where: list[Where] = field(default_factory=list)
    tests: list[Callable[[ShownServer], bool]] = field(default_factory=list)
    addresses: list[tuple[int, Match]] = field(default_factory=list)
    nothing: bool = False

    @property
    def exact(self) -> bool:
        """The database alone can answer."""
        return not self.tests and not self.addresses


def build(ctx: Context, asked: dict[str, list[str]], *, everywhere: bool) -> Filter:
    """``asked``: wire name → values. ``everywhere``: the servers of all projects, if the caller may."""
    found = Filter()
    _whose(found, ctx, asked, everywhere=everywhere)
    _when(found, ctx, asked)
    for name, values in asked.items():
        if not values:
            continue
        value = values[-1]
        if name in _COLUMNS:
            found.where.append(_equal(_COLUMNS[name], value))
        elif name in _SPECIAL:
            _SPECIAL[name](found, value)
        elif name == "status":
            _statuses(found, ctx, values)
    return found


def _equal(column: str, value: str) -> Where:
    if column != "launch_index":
        return Where(column, "eq", value)
    if not value.isdecimal() or len(value) > 9:
        raise BadRequest(f"Invalid input for query parameters launch_index. Value: {value[:64]}")
    return Where(column, "eq", int(value))


def _whose(found: Filter, ctx: Context, asked: dict[str, list[str]], *, everywhere: bool) -> None:
    if not everywhere:
        found.where.append(Where("project_id", "eq", ctx.project_id or ""))
        return
    for project in (asked.get("project_id") or asked.get("tenant_id") or [])[-1:]:
        found.where.append(Where("project_id", "eq", project))


def _when(found: Filter, ctx: Context, asked: dict[str, list[str]]) -> None:
    since, before = _instant(asked, "changes-since"), _instant(asked, "changes-before")
    if since and before and since > before:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    if since:
        found.where.append(Where("updated_at", "ge", since))
    if before:
        found.where.append(Where("updated_at", "le", before))
    deleted = asked.get("deleted")
    if deleted and ctx.is_admin:
        gone = boolean(deleted[-1], "deleted")
        found.where.append(Where("deleted_at", "isnull", not gone))
    elif "DELETED" in (one.upper() for one in asked.get("status", ())) or any(
        one == "deleted" for one in asked.get("vm_state", ())
    ):
        if not ctx.is_admin:
            raise Forbidden("Only administrators may list deleted instances")
        found.where.append(Where("deleted_at", "isnull", False))
    elif not since:
        found.where.append(Where("deleted_at", "isnull", True))
    if not deleted and not _asks_for_soft_deleted(asked):
        found.where.append(Where("status", "ne", "SOFT_DELETED"))


def _asks_for_soft_deleted(asked: dict[str, list[str]]) -> bool:
    words = [*asked.get("status", ()), *asked.get("vm_state", ())]
    soft = asked.get("soft_deleted")
    return any(word.upper() in ("SOFT_DELETED", "SOFT-DELETE") for word in words) or bool(
        soft and boolean(soft[-1], "soft_deleted")
    )


def _instant(asked: dict[str, list[str]], name: str) -> str | None:
    values = asked.get(name)
    if not values:
        return None
    try:
        return instant(moment(values[-1].replace(" ", "+", 1) if "T" in values[-1] else values[-1]))
    except (ValueError, OverflowError):
        raise BadRequest(f"Invalid input for query parameters {name}. Value: {values[-1][:64]}") from None


def _statuses(found: Filter, ctx: Context, values: Sequence[str]) -> None:
    wanted = {value.upper() for value in values}
    if unknown := wanted - KNOWN_STATUSES:
        found.nothing = True
        raise UnknownStatus(sorted(unknown)[0])
    found.tests.append(lambda server: status_of(server.status, server.task) in wanted)
    columns = columns_of(wanted)
    if columns:
        found.where.append(Where("status", "in", columns))


class UnknownStatus(BadRequest):
    def __init__(self, status: str) -> None:
        super().__init__(f"Invalid status value: {status[:64]}")


def pattern(name: str, text: str) -> Match:
    """Whether a text holds something that the regular expression matches, whatever its case."""
    if len(text) > _MOST_PATTERN:
        raise BadRequest(f"Invalid regex in {name} filter: it is longer than {_MOST_PATTERN} characters.")
    try:
        validator = jsonschema_rs.validator_for(
            {"pattern": f"(?i){text}"}, pattern_options=jsonschema_rs.RegexOptions(size_limit=_REGEX_BYTES)
        )
    except (jsonschema_rs.ValidationError, ValueError):
        raise BadRequest(f"Invalid filters {name} are specified: invalid regular expression.") from None
    matches: Match = validator.is_valid
    return matches


def _name(found: Filter, value: str) -> None:
    matches = pattern("name", value)
    found.tests.append(lambda server: matches(server.name))


def _ip(found: Filter, value: str) -> None:
    found.addresses.append((4, pattern("ip", value)))


def _ip6(found: Filter, value: str) -> None:
    found.addresses.append((6, pattern("ip6", value)))


def _flavor(found: Filter, value: str) -> None:
    found.tests.append(lambda server: server.flavor.id == value)


def _zone(found: Filter, value: str) -> None:
    found.tests.append(lambda server: (server.availability_zone or "").partition(":")[0] == value)


def _config_drive(found: Filter, value: str) -> None:
    found.where.append(Where("config_drive", "eq", boolean(value, "config_drive") if value else False))


def _locked(found: Filter, value: str) -> None:
    found.where.append(Where("locked", "eq", boolean(value, "locked")))


def _vm_state(found: Filter, value: str) -> None:
    found.tests.append(lambda server: VM_STATES[server.status] == value)


def _task_state(found: Filter, value: str) -> None:
    found.tests.append(lambda server: (task_state_of(server.task) or "") == value)


def _power_state(found: Filter, value: str) -> None:
    found.tests.append(lambda server: str(POWER_STATES.get(server.power, 0)) == value)


def _disk_config(found: Filter, value: str) -> None:
    word = {"true": "AUTO", "1": "AUTO", "false": "MANUAL", "0": "MANUAL"}.get(value.lower(), value)
    found.where.append(Where("disk_config", "eq", word))


def _moment(column: str) -> Callable[[Filter, str], None]:
    def narrow(found: Filter, value: str) -> None:
        found.tests.append(
            lambda server: (
                (getattr(server, column) or "")[: len(value)] == value.rstrip("Z")
                or (getattr(server, column) or "")[:19] == value[:19]
            )
        )

    return narrow


def _nothing(found: Filter, value: str) -> None:
    """Of what there is none of here (kernels, hidden servers, …): only an empty value finds anything."""
    if value not in ("", "0", "false", "False"):
        found.nothing = True


def _tags(every: bool, wanted: bool) -> Callable[[Filter, str], None]:
    def narrow(found: Filter, value: str) -> None:
        tags = {tag for tag in value.split(",") if tag}
        found.tests.append(lambda server: _has(tags, msgspec.json.decode(server.tags), every=every) == wanted)

    return narrow


def _has(tags: set[str], among: list[str], *, every: bool) -> bool:
    return tags <= set(among) if every else not tags.isdisjoint(among)


_SPECIAL: dict[str, Callable[[Filter, str], None]] = {
    "name": _name,
    "ip": _ip,
    "ip6": _ip6,
    "flavor": _flavor,
    "availability_zone": _zone,
    "config_drive": _config_drive,
    "locked": _locked,
    "vm_state": _vm_state,
    "task_state": _task_state,
    "power_state": _power_state,
    "auto_disk_config": _disk_config,
    "disk_config": _disk_config,
    "created_at": _moment("created_at"),
    "launched_at": _moment("launched_at"),
    "terminated_at": _moment("deleted_at"),
    "kernel_id": _nothing,
    "ramdisk_id": _nothing,
    "hidden": _nothing,
    "progress": _nothing,
    "tags": _tags(every=True, wanted=True),
    "tags-any": _tags(every=False, wanted=True),
    "not-tags": _tags(every=True, wanted=False),
    "not-tags-any": _tags(every=False, wanted=False),
}


def sort_columns() -> dict[str, Any]:
    """``sort_key`` on the wire → column."""
    return {
        "access_ip_v4": "access_ip_v4", "access_ip_v6": "access_ip_v6", "auto_disk_config": "disk_config",
        "availability_zone": "availability_zone", "config_drive": "config_drive", "created_at": "created_at",
        "display_description": "description", "display_name": "name", "host": "host", "hostname": "hostname",
        "image_ref": "image_id", "instance_type_id": "vcpus", "key_name": "key_name", "launch_index": "launch_index",
        "launched_at": "launched_at", "locked": "locked", "node": "host", "power_state": "power", "project_id": "project_id",
        "root_device_name": "root_device_name", "task_state": "task", "terminated_at": "deleted_at",
        "updated_at": "updated_at", "user_id": "user_id", "uuid": "id", "vm_state": "status",
    }  # fmt: skip
