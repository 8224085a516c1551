"""What is done within one project, with the credentials of its technical user."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.openstack import reading, shapes
from wolke.business.openstack.line import Line
from wolke.business.openstack.objects import Objects
from wolke.core.clock import Instant

_EMBEDDED_SIZE = "2.47"
_NETWORK, _RANGE, _RESOLVERS = "private", "10.0.0.0/24", ("9.9.9.9", "1.1.1.1")
_FIREWALL = "default"


class NewServer(msgspec.Struct, frozen=True):
    name: str
    label: str
    size_name: str
    image_id: str
    key_name: str
    network_id: str
    first_words: str  # what it is told at its first start (cloud-init)


class ProjectSide:
    def __init__(self, line: Line, cloud_project_id: str) -> None:
        self._line, self._project = line, cloud_project_id
        self.objects = Objects(line)

    # -- the ground it stands on

    def ensure_network(self) -> str:
        """The project's own network and its way out; made unless they are there."""
        network = self._own("networks", _NETWORK)
        if network is None:
            network = self._line.json("POST", "network", "/networks", {"network": {"name": _NETWORK}})["network"]
        subnets = self._line.json("GET", "network", "/subnets", query={"network_id": network["id"]})["subnets"]
        if not subnets:
            body = {
                "network_id": network["id"],
                "ip_version": 4,
                "cidr": _RANGE,
                "name": _NETWORK,
                "dns_nameservers": _RESOLVERS,
            }
            subnets = [self._line.json("POST", "network", "/subnets", {"subnet": body})["subnet"]]
        self._ensure_way_out(subnets[0]["id"])
        return str(network["id"])

    def _ensure_way_out(self, subnet_id: str) -> None:
        outside = self.outside()
        if not outside:
            return
        router = self._own("routers", _NETWORK)
        if router is None:
            body = {"name": _NETWORK, "external_gateway_info": {"network_id": outside}}
            router = self._line.json("POST", "network", "/routers", {"router": body})["router"]
        doors = self._line.json("GET", "network", "/ports", query={"device_id": router["id"]})["ports"]
        if not any(ip["subnet_id"] == subnet_id for door in doors for ip in door["fixed_ips"]):
            path = f"/routers/{router['id']}/add_router_interface"
            self._line.ask("PUT", "network", path, {"subnet_id": subnet_id})

    def outside(self) -> str:
        """The id of the network that leads out of the cloud; "" if there is none."""
        found = self._line.json("GET", "network", "/networks", query={"router:external": "true"})["networks"]
        return str(found[0]["id"]) if found else ""

    def _own(self, kind: str, name: str) -> dict[str, Any] | None:
        found = self._line.json("GET", "network", f"/{kind}", query={"name": name, "project_id": self._project})[kind]
        return found[0] if found else None

    # -- servers

    def server(self, server_id: str) -> shapes.Server:
        raw = self._line.json("GET", "compute", f"/servers/{server_id}", version=_EMBEDDED_SIZE)["server"]
        return reading.server(raw)

    def find_server(self, label: str, since: Instant) -> shapes.Server | None:
        """What an order with this label has made, also if it is gone again. ``since``: a while before the order."""
        query = {"changes-since": since}
        for raw in self._line.list("compute", "/servers/detail", "servers", query, _EMBEDDED_SIZE):
            if raw.get("metadata", {}).get(reading.LABEL) == label:
                return reading.server(raw)
        return None

    def make_server(self, wanted: NewServer) -> str:
        sizes = {raw["name"]: raw["id"] for raw in self._line.list("compute", "/flavors", "flavors")}
        if wanted.size_name not in sizes:
            raise Invalid("The provider does not have this size any more. Choose another one.")
        body: dict[str, Any] = {
            "name": wanted.name, "flavorRef": sizes[wanted.size_name], "imageRef": wanted.image_id, "networks": [{"uuid": wanted.network_id}],
            "metadata": {reading.LABEL: wanted.label}, "min_count": 1, "max_count": 1,
        }  # fmt: skip
        if wanted.key_name:
            body["key_name"] = wanted.key_name
        if wanted.first_words:
            body["user_data"] = base64.b64encode(wanted.first_words.encode()).decode()
        return str(self._line.json("POST", "compute", "/servers", {"server": body})["server"]["id"])

    def rename_server(self, server_id: str, name: str) -> None:
        self._line.ask("PUT", "compute", f"/servers/{server_id}", {"server": {"name": name}})

    def start(self, server_id: str) -> None:
        self._act(server_id, {"os-start": None})

    def stop(self, server_id: str) -> None:
        self._act(server_id, {"os-stop": None})

    def restart(self, server_id: str, *, hard: bool) -> None:
        self._act(server_id, {"reboot": {"type": "HARD" if hard else "SOFT"}})

    def resize(self, server_id: str, size_name: str) -> None:
        sizes = {raw["name"]: raw["id"] for raw in self._line.list("compute", "/flavors", "flavors")}
        if size_name not in sizes:
            raise Invalid("The provider does not have this size any more. Choose another one.")
        self._act(server_id, {"resize": {"flavorRef": sizes[size_name]}})

    def waits_for_confirmation(self, server_id: str) -> bool:
        """After a change of its size."""
        return bool(self._line.json("GET", "compute", f"/servers/{server_id}")["server"]["status"] == "VERIFY_RESIZE")

    def confirm_resize(self, server_id: str) -> None:
        self._act(server_id, {"confirmResize": None})

    def snapshot(self, server_id: str, name: str, label: str) -> None:
        self._act(server_id, {"createImage": {"name": name, "metadata": {reading.LABEL: label}}})

    def delete_server(self, server_id: str) -> None:
        self._line.ask("DELETE", "compute", f"/servers/{server_id}")

    def _act(self, server_id: str, body: dict[str, Any]) -> None:
        self._line.ask("POST", "compute", f"/servers/{server_id}/action", body)

    def console(self, server_id: str) -> str:
        """The address of a page with its screen, good for a few minutes."""
        body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
        found = self._line.json("POST", "compute", f"/servers/{server_id}/remote-consoles", body, version="2.6")
        return str(found["remote_console"]["url"])

    def events(self, server_id: str) -> list[shapes.Event]:
        found = self._line.json("GET", "compute", f"/servers/{server_id}/os-instance-actions")["instanceActions"]
        return [reading.event(raw) for raw in found]

    # -- keys: who may sign in at servers

    def ensure_key(self, name: str, public_key: str) -> None:
        try:
            self._line.ask("GET", "compute", f"/os-keypairs/{name}")
        except NotThere:
            self._line.ask("POST", "compute", "/os-keypairs", {"keypair": {"name": name, "public_key": public_key}})

    def remove_key(self, name: str) -> None:
        self._gone("compute", f"/os-keypairs/{name}")

    # -- snapshots

    def find_snapshot(self, label: str) -> shapes.Image | None:
        query = {reading.LABEL: label, "owner": self._project}
        return next(map(reading.image, self._line.list("image", "/images", "images", query)), None)

    def delete_snapshot(self, image_id: str) -> None:
        self._gone("image", f"/images/{image_id}")

    # -- disks

    def find_disk(self, label: str) -> shapes.Disk | None:
        for raw in self._line.list("volume", "/volumes/detail", "volumes"):
            if (raw.get("metadata") or {}).get(reading.LABEL) == label:
                return reading.disk(raw)
        return None

    def disk(self, disk_id: str) -> shapes.Disk:
        return reading.disk(self._line.json("GET", "volume", f"/volumes/{disk_id}")["volume"])

    def make_disk(self, name: str, label: str, size_gib: int, kind: str) -> str:
        body = {"name": name, "size": size_gib, "metadata": {reading.LABEL: label}} | (
            {"volume_type": kind} if kind else {}
        )
        return str(self._line.json("POST", "volume", "/volumes", {"volume": body})["volume"]["id"])

    def grow_disk(self, disk_id: str, size_gib: int) -> None:
        """Also while a server uses it."""
        body = {"os-extend": {"new_size": size_gib}}
        self._line.ask("POST", "volume", f"/volumes/{disk_id}/action", body, version="3.42")

    def delete_disk(self, disk_id: str) -> None:
        self._gone("volume", f"/volumes/{disk_id}")

    def attach(self, server_id: str, disk_id: str) -> None:
        body = {"volumeAttachment": {"volumeId": disk_id}}
        self._line.ask("POST", "compute", f"/servers/{server_id}/os-volume_attachments", body)

    def detach(self, server_id: str, disk_id: str) -> None:
        self._gone("compute", f"/servers/{server_id}/os-volume_attachments/{disk_id}")

    # -- addresses

    def find_address(self, label: str) -> shapes.Address | None:
        found = self._line.list("network", "/floatingips", "floatingips", {"project_id": self._project})
        return next((reading.address(raw) for raw in found if raw.get("description") == label), None)

    def make_address(self, label: str) -> shapes.Address:
        outside = self.outside()
        if not outside:
            raise NotNow("This cloud has no public addresses.")
        body = {"floating_network_id": outside, "description": label}
        return reading.address(self._line.json("POST", "network", "/floatingips", {"floatingip": body})["floatingip"])

    def address(self, address_id: str) -> shapes.Address:
        return reading.address(self._line.json("GET", "network", f"/floatingips/{address_id}")["floatingip"])

    def assign(self, address_id: str, server_id: str) -> None:
        """To a server's first door; "" takes it away from any."""
        door = None
        if server_id:
            doors = self._line.json("GET", "network", "/ports", query={"device_id": server_id})["ports"]
            if not doors:
                raise NotNow("The server is in no network yet. Wait a moment and try again.")
            door = doors[0]["id"]
        self._line.ask("PUT", "network", f"/floatingips/{address_id}", {"floatingip": {"port_id": door}})

    def door_of(self, address_id: str) -> str:
        """The id of the server that an address leads to; "" if none."""
        door = self.address(address_id).door_id
        return str(self._line.json("GET", "network", f"/ports/{door}")["port"]["device_id"]) if door else ""

    def delete_address(self, address_id: str) -> None:
        self._gone("network", f"/floatingips/{address_id}")

    # -- the firewall: one for all of the project's servers

    def rules(self) -> tuple[str, list[shapes.Rule]]:
        """Its id, and what it lets in from outside; what it lets out, and between the project's servers, is everything."""
        group = self._firewall()
        inward = [
            raw
            for raw in group["security_group_rules"]
            if raw["direction"] == "ingress" and not raw.get("remote_group_id")
        ]
        return str(group["id"]), [reading.rule(raw) for raw in inward]

    def _firewall(self) -> dict[str, Any]:
        query = {"name": _FIREWALL, "project_id": self._project}
        found = self._line.json("GET", "network", "/security-groups", query=query)["security_groups"]
        if not found:
            raise NotNow("This project has no firewall yet.")
        return dict(found[0])

    def add_rule(self, rule: shapes.Rule) -> None:
        body = {
            "security_group_id": rule.firewall_id, "direction": "ingress", "ethertype": f"IPv{rule.version}", "protocol": rule.protocol or None,
            "port_range_min": rule.first_port, "port_range_max": rule.last_port, "remote_ip_prefix": rule.source or None,
        }  # fmt: skip
        self._line.ask("POST", "network", "/security-group-rules", {"security_group_rule": body})

    def remove_rule(self, rule_id: str) -> None:
        self._gone("network", f"/security-group-rules/{rule_id}")

    def _gone(self, service: str, path: str) -> None:
        try:
            self._line.ask("DELETE", service, path)
        except NotThere:
            return
