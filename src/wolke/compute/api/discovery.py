"""Where a client begins: which versions there are."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Response, Route
from wolke.core.microversion import text

_MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}]


def _version(request: Request) -> dict[str, Any]:
    versions = request.api.versions
    assert versions is not None
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": text(versions.maximum),
        "min_version": text(versions.minimum),
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/v2.1/"}],
    }


def _before_microversions(request: Request) -> dict[str, Any]:
    """Clients that know of no microversions look for it; what it answers is v2.1 at its minimum."""
    return {
        "id": "v2.0",
        "status": "SUPPORTED",
        "version": "",
        "min_version": "",
        "updated": "2011-01-21T11:33:21Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/v2/"}],
    }


async def index(service: Any, ctx: Context, request: Request) -> dict[str, Any]:
    return {"versions": [_before_microversions(request), _version(request)]}


async def show(service: Any, ctx: Context, request: Request) -> dict[str, Any]:
    version = _version(request)
    described = {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"}
    return {"version": {**version, "links": [*version["links"], described], "media-types": _MEDIA}}


async def show_old(service: Any, ctx: Context, request: Request) -> dict[str, Any]:
    media = [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2"}]
    return {"version": {**_before_microversions(request), "media-types": media}}


_EXTENSIONS = (
    ("os-server-groups", "ServerGroups"), ("os-keypairs", "Keypairs"), ("os-flavor-manage", "FlavorManage"),
    ("os-flavor-access", "FlavorAccess"), ("os-flavor-extra-specs", "FlavorExtraSpecs"), ("os-hypervisors", "Hypervisors"),
    ("os-services", "Services"), ("os-aggregates", "Aggregates"), ("os-availability-zone", "AvailabilityZone"),
    ("os-quota-sets", "Quotas"), ("os-instance-actions", "InstanceActions"), ("os-attach-interfaces", "AttachInterfaces"),
    ("os-console-output", "ConsoleOutput"), ("os-consoles", "Consoles"), ("os-remote-consoles", "Consoles"),
    ("os-extended-status", "ExtendedStatus"), ("os-extended-server-attributes", "ExtendedServerAttributes"),
    ("os-extended-availability-zone", "ExtendedAvailabilityZone"), ("os-server-usage", "ServerUsage"),
    ("OS-DCF", "DiskConfig"), ("os-simple-tenant-usage", "SimpleTenantUsage"), ("os-pause-server", "PauseServer"),
    ("os-suspend-server", "SuspendServer"), ("os-lock-server", "LockServer"), ("os-scheduler-hints", "SchedulerHints"),
    ("os-security-groups", "SecurityGroups"), ("os-config-drive", "ConfigDrive"), ("os-user-data", "UserData"),
    ("os-hosts", "Hosts"), ("os-networks", "Networks"), ("os-floating-ips", "FloatingIps"), ("os-volumes", "Volumes"),
    ("os-server-diagnostics", "ServerDiagnostics"), ("os-instance-usage-audit-log", "OSInstanceUsageAuditLog"),
    ("os-admin-actions", "AdminActions"), ("os-multiple-create", "MultipleCreate"), ("os-extended-ips", "ExtendedIps"),
)  # fmt: skip


def _extension(alias: str, name: str) -> dict[str, Any]:
    return {
        "alias": alias,
        "name": name,
        "description": name,
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
        "links": [],
    }


async def extensions(service: Any, ctx: Context, request: Request) -> dict[str, Any]:
    return {"extensions": [_extension(alias, name) for alias, name in _EXTENSIONS]}


async def extension(service: Any, ctx: Context, request: Request) -> dict[str, Any] | Response:
    from wolke.core.errors import NotFound

    for alias, name in _EXTENSIONS:
        if alias == request.params["alias"]:
            return {"extension": _extension(alias, name)}
    raise NotFound(f"There is no extension {request.params['alias'][:64]}.")


ROUTES = (
    Route("GET", "/", index, auth=False),
    Route("GET", "/v2", show_old, auth=False),
    Route("GET", "/v2.1", show, auth=False),
    Route("GET", "/v2.1/extensions", extensions, rule="os_compute_api:extensions"),
    Route("GET", "/v2.1/extensions/{alias}", extension, rule="os_compute_api:extensions"),
)
