"""Where a client begins: which versions there are, and what was an extension once."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Response, Route
from wolke.core.microversion import text

Json = dict[str, Any]
_MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}]


def _version(request: Request) -> Json:
    versions = request.api.versions
    assert versions is not None
    return {
        "id": "v3.0",
        "status": "CURRENT",
        "version": text(versions.maximum),
        "min_version": text(versions.minimum),
        "updated": "2023-08-31T00:00:00Z",
        "links": [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{request.base_url}/v3/"},
        ],
        "media-types": _MEDIA,
    }


async def index(service: Any, ctx: Context, request: Request) -> Response:
    return Response(300, {"versions": [_version(request)]})


async def show(service: Any, ctx: Context, request: Request) -> Json:
    return {"versions": [_version(request)]}


_EXTENSIONS = {
    "os-volume-manage": "VolumeManage", "os-snapshot-manage": "SnapshotManage", "os-volume-transfer": "VolumeTransfer",
    "os-quota-sets": "Quotas", "os-quota-class-sets": "QuotaClasses", "os-services": "Services", "os-hosts": "Hosts",
    "os-availability-zone": "AvailabilityZones", "os-types-manage": "TypesManage",
    "os-types-extra-specs": "TypesExtraSpecs", "os-volume-type-access": "VolumeTypeAccess",
    "encryption": "VolumeTypeEncryption", "os-volume-encryption-metadata": "VolumeEncryptionMetadata",
    "qos-specs": "Qos_specs_manage", "backups": "Backups", "capabilities": "Capabilities",
    "scheduler-stats": "Scheduler_stats", "os-admin-actions": "AdminActions", "os-volume-actions": "VolumeActions",
    "os-snapshot-actions": "SnapshotActions", "os-snapshot-unmanage": "SnapshotUnmanage",
    "os-volume-unmanage": "VolumeUnmanage", "os-used-limits": "UsedLimits", "os-vol-host-attr": "VolumeHostAttribute",
    "os-vol-tenant-attr": "VolumeTenantAttribute", "os-vol-mig-status-attr": "VolumeMigStatusAttribute",
    "os-vol-image-meta": "VolumeImageMetadata", "os-extended-snapshot-attributes": "ExtendedSnapshotAttributes",
    "OS-SCH-HNT": "SchedulerHints",
}  # fmt: skip


def _extension(alias: str, name: str) -> Json:
    return {"alias": alias, "name": name, "description": name, "updated": "2013-04-18T00:00:00Z", "links": []}


async def extensions(service: Any, ctx: Context, request: Request) -> Json:
    return {"extensions": [_extension(alias, name) for alias, name in _EXTENSIONS.items()]}


OPEN_ROUTES = (Route("GET", "/", index, auth=False), Route("GET", "/v3", show, auth=False))
ROUTES = (Route("GET", "/extensions", extensions, "volume_extension:extensions"),)
