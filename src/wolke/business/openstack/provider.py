"""What only the provider's administrator may ask: projects, everything of everybody at once, hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from wolke.business.errors import NotNow, NotThere
from wolke.business.openstack import reading, shapes
from wolke.business.openstack.line import Line
from wolke.core.clock import Instant

_EMBEDDED_SIZE = "2.47"  # servers say their size themselves from here on
_HOSTS = "2.53"  # hosts and services have ids that can be used from here on
_ROLES = ("member", "_member_", "Member")


class Limits(msgspec.Struct, frozen=True):
    """How much a project may have at most."""

    servers: int
    vcpus: int
    ram_mib: int
    disk_gib: int
    addresses: int


class ProviderSide:
    def __init__(self, line: Line) -> None:
        self._line = line

    # -- projects

    def ensure_project(self, name: str, about: str, password: str) -> tuple[str, str]:
        """The cloud's ids of a project and of its technical user, both called ``name``; made unless they are there. The user's password is
        ``password`` afterwards in any case."""
        domain = self._domain()
        project = self._named("projects", name, domain)
        if project is None:
            body = {"name": name, "domain_id": domain, "description": about, "enabled": True}
            project = self._line.json("POST", "identity", "/projects", {"project": body})["project"]
        user = self._named("users", name, domain)
        if user is None:
            body = {"name": name, "domain_id": domain, "password": password, "enabled": True, "description": about,
                    "default_project_id": project["id"]}  # fmt: skip
            user = self._line.json("POST", "identity", "/users", {"user": body})["user"]
        else:
            change = {"user": {"password": password, "enabled": True}}
            self._line.ask("PATCH", "identity", f"/users/{user['id']}", change)
        self._line.ask("PUT", "identity", f"/projects/{project['id']}/users/{user['id']}/roles/{self._role()}")
        return str(project["id"]), str(user["id"])

    def _domain(self) -> str:
        """The one in which this administrator is."""
        token = self._line.json("GET", "identity", "/auth/tokens", headers={"X-Subject-Token": self._line.token})
        return str(token["token"]["user"]["domain"]["id"])

    def _named(self, kind: str, name: str, domain: str) -> dict[str, Any] | None:
        found = self._line.json("GET", "identity", f"/{kind}", query={"name": name, "domain_id": domain})[kind]
        return found[0] if found else None

    def _role(self) -> str:
        roles = {role["name"]: role["id"] for role in self._line.json("GET", "identity", "/roles")["roles"]}
        found = next((roles[name] for name in _ROLES if name in roles), None)
        if found is None:
            raise NotNow("This cloud has no role for members of a project. The provider has to make one called member.")
        return str(found)

    def set_limits(self, cloud_project_id: str, limits: Limits) -> None:
        compute = {"instances": limits.servers, "cores": limits.vcpus, "ram": limits.ram_mib}
        self._line.ask("PUT", "compute", f"/os-quota-sets/{cloud_project_id}", {"quota_set": compute})
        network = {"floatingip": limits.addresses}
        self._line.ask("PUT", "network", f"/quotas/{cloud_project_id}", {"quota": network})
        if self._line.has("volume"):
            volume = {"gigabytes": limits.disk_gib}
            self._line.ask("PUT", "volume", f"/os-quota-sets/{cloud_project_id}", {"quota_set": volume})

    def switch_user(self, cloud_user_id: str, *, enabled: bool) -> None:
        """Whether a project's technical user may sign in."""
        self._line.ask("PATCH", "identity", f"/users/{cloud_user_id}", {"user": {"enabled": enabled}})

    # -- what everybody has

    def servers(self, since: Instant = "") -> Iterator[shapes.Server]:
        """All, or those in which anything changed ``since``, and then also those that are gone."""
        query = {"all_tenants": "1"} | ({"changes-since": since} if since else {})
        yield from map(reading.server, self._line.list("compute", "/servers/detail", "servers", query, _EMBEDDED_SIZE))

    def disks(self) -> Iterator[shapes.Disk]:
        if self._line.has("volume"):
            query = {"all_tenants": "1"}
            yield from map(reading.disk, self._line.list("volume", "/volumes/detail", "volumes", query))

    def addresses(self) -> Iterator[shapes.Address]:
        yield from map(reading.address, self._line.list("network", "/floatingips", "floatingips"))

    def doors(self) -> Iterator[shapes.Door]:
        """Of servers alone."""
        fields = {"fields": ["id", "device_id", "network_id", "fixed_ips", "device_owner"]}
        for raw in self._line.list("network", "/ports", "ports", fields):
            if raw["device_owner"].startswith("compute:"):
                yield reading.door(raw)

    def images(self, *, public: bool) -> Iterator[shapes.Image]:
        """Those that everybody may use; else those that somebody made of a server."""
        query = {"visibility": "public"} if public else {"image_type": "snapshot", "visibility": "all"}
        yield from map(reading.image, self._line.list("image", "/images", "images", query))

    def networks(self) -> Iterator[shapes.Network]:
        ranges: dict[str, list[str]] = {}
        for raw in self._line.list("network", "/subnets", "subnets"):
            ranges.setdefault(raw["network_id"], []).append(raw["cidr"])
        for raw in self._line.list("network", "/networks", "networks"):
            yield shapes.Network(
                raw["id"], raw["name"], raw["project_id"], ranges.get(raw["id"], []), raw.get("router:external", False)
            )

    def sizes(self) -> list[shapes.Size]:
        return [
            reading.size(raw) for raw in self._line.list("compute", "/flavors/detail", "flavors", {"is_public": "None"})
        ]

    def disk_kinds(self) -> list[str]:
        if not self._line.has("volume"):
            return []
        return [str(raw["name"]) for raw in self._line.json("GET", "volume", "/types")["volume_types"]]

    # -- hosts

    def hosts(self) -> list[shapes.Host]:
        return [
            reading.host(raw)
            for raw in self._line.list("compute", "/os-hypervisors/detail", "hypervisors", version=_HOSTS)
        ]

    def parts(self) -> list[shapes.CloudPart]:
        """Everything that keeps the cloud going, and whether it does."""
        compute = self._line.json("GET", "compute", "/os-services", version=_HOSTS)["services"]
        network = self._line.json("GET", "network", "/agents")["agents"]
        volume = self._line.json("GET", "volume", "/os-services")["services"] if self._line.has("volume") else []
        return [
            *map(reading.compute_part, compute), *map(reading.network_part, network), *map(reading.volume_part, volume),
        ]  # fmt: skip

    def switch_host(self, name: str, *, enabled: bool, reason: str = "") -> None:
        """Whether new servers may come to it."""
        services = self._line.json(
            "GET", "compute", "/os-services", query={"host": name, "binary": "nova-compute"}, version=_HOSTS
        )
        if not services["services"]:
            raise NotThere("There is no such host.")
        body: dict[str, Any] = (
            {"status": "enabled"} if enabled else {"status": "disabled", "disabled_reason": reason or "maintenance"}
        )
        self._line.ask("PUT", "compute", f"/os-services/{services['services'][0]['id']}", body, version=_HOSTS)

    def servers_on(self, name: str) -> list[shapes.Server]:
        query = {"all_tenants": "1", "host": name}
        return list(
            map(reading.server, self._line.list("compute", "/servers/detail", "servers", query, _EMBEDDED_SIZE))
        )

    def move_away(self, cloud_server_id: str) -> None:
        """To whichever host the cloud finds, while it runs."""
        body = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
        self._line.ask("POST", "compute", f"/servers/{cloud_server_id}/action", body, version="2.25")
