"""What of an answer a caller may see: rule → the fields that are shown to whom it allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wolke.core.http import Request

_X = "volume_extension"
VOLUME: Mapping[str, tuple[str, ...]] = {
    f"{_X}:volume_host_attribute": ("os-vol-host-attr:host",),
    f"{_X}:volume_tenant_attribute": ("os-vol-tenant-attr:tenant_id",),
    f"{_X}:volume_mig_status_attribute": ("os-vol-mig-status-attr:migstat", "os-vol-mig-status-attr:name_id"),
    f"{_X}:volume_image_metadata:show": ("volume_image_metadata",),
}
SNAPSHOT: Mapping[str, tuple[str, ...]] = {
    f"{_X}:extended_snapshot_attributes": (
        "os-extended-snapshot-attributes:progress",
        "os-extended-snapshot-attributes:project_id",
    ),
}
TYPE: Mapping[str, tuple[str, ...]] = {
    f"{_X}:access_types_extra_specs": ("extra_specs",),
    f"{_X}:access_types_qos_specs_id": ("qos_specs_id",),
    f"{_X}:volume_type_access": ("os-volume-type-access:is_public",),
}


def less(request: Request, rules: Mapping[str, tuple[str, ...]], items: Iterable[dict[str, Any]]) -> None:
    """Take from each item what the caller may not see."""
    hidden = [name for rule, names in rules.items() if not request.allows(rule) for name in names]
    for item in items:
        for name in hidden:
            item.pop(name, None)
