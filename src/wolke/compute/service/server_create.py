"""Making servers: look at everything that is asked for, then write rows, quota and the first task in one transaction."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.compute import errors
from wolke.compute.model import MOST_INJECTED, Flavor, FlavorCopy, KeyPair, Server, ServerGroup, Status
from wolke.compute.service.block_devices import NewDevice
from wolke.compute.service.boot_disks import BootDisks, Disks
from wolke.compute.service.flavors import Flavors
from wolke.compute.service.hosts import Hosts
from wolke.compute.service.instance_actions import action_of
from wolke.compute.service.keypairs import KeyPairs
from wolke.compute.service.needs import Needs
from wolke.compute.service.quotas import Quotas
from wolke.compute.states import SERVER
from wolke.compute.store import SERVER_ACTIONS, SERVER_GROUPS, SERVERS
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Transaction
from wolke.core.errors import BadRequest, Forbidden, NotFound
from wolke.image.model import Image

MOST_USER_DATA = 65535  # bytes of base64
_MIB_PER_GIB = 1024
_BYTES_PER_GIB = 1 << 30


class NewServer(msgspec.Struct, kw_only=True):
    """What is asked for. ``networks``: "auto", "none", "any" (as "auto", but none will do too) or a list of
    {network_id, port_id, fixed_ip, tag}. ``availability_zone``: ``zone``, or ``zone:host`` to force a host."""

    name: str
    flavor_id: str
    image_id: str | None
    networks: Any = "any"
    hostname: str | None = None
    description: str | None = None
    key_name: str | None = None
    user_data: str | None = None
    metadata: dict[str, str] = {}
    tags: list[str] = []
    security_groups: list[str] = []
    availability_zone: str | None = None
    host: str | None = None
    config_drive: bool = False
    block_devices: list[NewDevice] = []
    hints: dict[str, Any] = {}
    personality: list[dict[str, str]] = []
    trusted_image_certificates: list[str] | None = None
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    disk_config: str = "MANUAL"
    least: int = 1
    most: int = 1
    zero_disk_allowed: bool = False
    shared_volumes_allowed: bool = True


class Making:
    """The one verb ``create``, with what it looks at first."""

    def __init__(
        self, needs: Needs, flavors: Flavors, keypairs: KeyPairs, quotas: Quotas, hosts: Hosts, disks: BootDisks
    ) -> None:
        self._needs = needs
        self.disks = disks
        self._flavors = flavors
        self._keypairs = keypairs
        self._quotas = quotas
        self._hosts = hosts

    async def create(self, ctx: Context, asked: NewServer) -> list[Server]:
        flavor = await self._flavor(ctx, asked.flavor_id)
        disks = await self._boot(ctx, asked, flavor)
        key = await self.key(ctx, asked.key_name)
        check_user_data(asked.user_data)
        check_personality(asked.personality)
        group_id = _group_hint(asked.hints)
        zone = await self._zone(asked)
        networks = await self.networks(ctx, asked.networks, count=asked.most)
        await self._check_security_groups(ctx, asked.security_groups)
        limits = await self._quotas.limits(ctx.project_id or "", ctx.user_id)
        check_metadata(asked.metadata, limits)
        template = self._template(ctx, asked, flavor, disks, key)
        template = msgspec.structs.replace(
            template, availability_zone=zone, networks=networks, server_group_id=group_id
        )
        async with self._needs.db.transaction() as tx:
            one = {"instances": 1, "cores": flavor.vcpus, "ram": flavor.ram_mib}
            count = await self._quotas.take(tx, ctx, one, asked.least, asked.most)
            if group_id is not None:
                await self._join(tx, ctx, group_id, count, limits["server_group_members"])
            servers = [_numbered(template, asked, index, count) for index in range(count)]
            for server in servers:
                await tx.insert(SERVERS, server)
                await self.disks.write(tx, ctx, server, disks)
                await tx.insert(SERVER_ACTIONS, action_of(ctx, server, "create", self._needs.clock.now()))
            tx.wake("compute.servers")
        return servers

    # -- what must be there

    async def _flavor(self, ctx: Context, flavor_id: str) -> Flavor:
        try:
            flavor = await self._flavors.show(ctx, flavor_id)
        except errors.FlavorNotFound as error:
            raise BadRequest(error.message) from None
        if flavor.disabled:
            raise errors.FlavorNotFound(flavor_id)
        return flavor

    async def _boot(self, ctx: Context, asked: NewServer, flavor: Flavor) -> Disks:
        """Its disks, if they and the flavor go together."""
        image, devices = await self.disks.of_image(ctx, asked.image_id or None, asked.block_devices)
        if image is not None and devices[0].target == "local":
            _check_image(image, flavor, zero_disk_allowed=asked.zero_disk_allowed)
        disks = await self.disks.plan(ctx, image, devices, flavor_copy(flavor), asked.most)
        if not asked.shared_volumes_allowed:
            await self.disks.refuse_shared(disks)
        return disks

    async def image(
        self, ctx: Context, image_id: str, flavor: Flavor | FlavorCopy, *, zero_disk_allowed: bool = True
    ) -> Image:
        """An image that a server of this flavor can be made of, or 400 in Nova's words."""
        image = await self.disks.image(ctx, image_id, "Invalid imageRef provided.", "Can not find requested image")
        _check_image(image, flavor, zero_disk_allowed=zero_disk_allowed)
        return image

    async def key(self, ctx: Context, name: str | None) -> KeyPair | None:
        if name is None:
            return None
        try:
            return await self._keypairs.show(ctx, ctx.user_id, name)
        except errors.KeyPairNotFound:
            raise BadRequest("Invalid key_name provided.") from None

    async def _zone(self, asked: NewServer) -> str | None:
        zone, host = asked.availability_zone, asked.host
        forced = ""
        if zone is not None and ":" in zone:
            zone, _, rest = zone.partition(":")
            host, _, node = rest.partition(":")
            forced = host or node
            if not forced:
                raise BadRequest("Unable to parse availability_zone")
        host = forced or host
        if host is not None and await self._hosts.named(host) is None:
            raise BadRequest(f"Compute host {host} could not be found.")
        if zone and zone not in {one.name for one in await self._hosts.zones()}:
            raise BadRequest("The requested availability zone is not available")
        return f"{zone or ''}:{host}" if host is not None else zone or None

    async def networks(self, ctx: Context, wanted: Any, *, count: int = 1) -> Any:
        network = self._needs.network
        if isinstance(wanted, list) and count > 1 and any(one.get("port_id") or one.get("fixed_ip") for one in wanted):
            raise BadRequest("Invalid min_count or max_count: a port or a fixed address can only go to one server.")
        if network is None:
            return "none"
        try:
            await network.validate_request(ctx, wanted)
        except NotFound as error:
            raise BadRequest(error.message) from None
        return wanted

    async def _check_security_groups(self, ctx: Context, names: Sequence[str]) -> None:
        if self._needs.network is None or not names:
            return
        try:
            await self._needs.network.check_security_groups(ctx.project_id or "", names)
        except NotFound as error:
            raise BadRequest(error.message) from None

    async def _join(self, tx: Transaction, ctx: Context, group_id: str, count: int, most: int) -> None:
        group: ServerGroup | None = await tx.get(SERVER_GROUPS, id=group_id)
        if group is None or (group.project_id != ctx.project_id and not ctx.is_admin):
            raise BadRequest(f"Instance group {group_id} could not be found.")
        await tx.lock(f"compute:server_group:{group_id}")
        if 0 <= most < count + await tx.count(SERVERS, server_group_id=group_id, deleted_at=None):
            raise Forbidden("Quota exceeded, too many servers in group")

    # -- the row

    def _template(self, ctx: Context, asked: NewServer, flavor: Flavor, disks: Disks, key: KeyPair | None) -> Server:
        now = self._needs.clock.now()
        return Server(
            id="",
            project_id=ctx.project_id or "",
            user_id=ctx.user_id or "",
            name=asked.name,
            hostname=asked.hostname or "",
            description=asked.description,
            status=Status.BUILD,
            verb="create",
            task=SERVER.rows["create"].tasks[0],
            generation=1,
            deadline_at=self._needs.clock.after(self._needs.config.build_deadline_s),
            arguments={},
            power="nostate",
            fault=None,
            host=None,
            availability_zone=None,
            flavor=flavor_copy(flavor),
            image_id=disks.image_id,
            image=disks.image,
            key_name=key.name if key else None,
            key=key_copy(key),
            metadata=asked.metadata,
            tags=sorted(set(asked.tags)),
            user_data=asked.user_data,
            config_drive=asked.config_drive,
            networks=None,
            security_groups=asked.security_groups or ["default"],
            scheduler_hints=asked.hints,
            server_group_id=None,
            personality=asked.personality,
            block_devices=disks.asked,
            trusted_image_certificates=asked.trusted_image_certificates,
            access_ip_v4=asked.access_ip_v4,
            access_ip_v6=asked.access_ip_v6,
            disk_config=asked.disk_config,
            locked=False,
            locked_reason=None,
            locked_by=None,
            reservation_id="r-" + ids.hex_id()[:8],
            launch_index=0,
            root_device_name=disks.root_name,
            counted=True,
            vcpus=flavor.vcpus,
            ram_mib=flavor.ram_mib,
            created_at=now,
            updated_at=now,
            launched_at=None,
            deleted_at=None,
        )


def _numbered(template: Server, asked: NewServer, index: int, count: int) -> Server:
    server_id = ids.uuid()
    number = f"-{index + 1}" if asked.most > 1 else ""
    hostname = f"{asked.hostname}{number}" if asked.hostname else hostname_of(template.name + number, server_id)
    return msgspec.structs.replace(
        template, id=server_id, name=template.name + number, hostname=hostname, launch_index=index
    )


def flavor_copy(flavor: Flavor) -> FlavorCopy:
    return FlavorCopy(
        flavor.id,
        flavor.name,
        flavor.vcpus,
        flavor.ram_mib,
        flavor.disk_gib,
        flavor.ephemeral_gib,
        flavor.swap_mib,
        flavor.extra_specs,
    )


def key_copy(key: KeyPair | None) -> dict[str, str] | None:
    return {"name": key.name, "type": key.type, "public_key": key.public_key} if key else None


def hostname_of(name: str, server_id: str) -> str:
    """A host's name made of a server's: ASCII letters, digits and hyphens; ``Server-<id>`` if nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^\w-]", "", re.sub(r"[ _.]", "-", plain)).lower().strip("-")[:63].rstrip("-")
    return plain or f"Server-{server_id}"


def _check_image(image: Image, flavor: Flavor | FlavorCopy, *, zero_disk_allowed: bool) -> None:
    check_fit(image, flavor)
    if flavor.disk_gib == 0 and not zero_disk_allowed:
        raise Forbidden("Only volume-backed servers are allowed for flavors with zero disk.")


def check_fit(image: Image, flavor: Flavor | FlavorCopy) -> None:
    if image.status != "active":
        raise BadRequest(f"Image {image.id} is not active.")
    if image.min_ram and flavor.ram_mib < image.min_ram:
        raise BadRequest("Flavor's memory is too small for requested image.")
    if flavor.disk_gib == 0:
        return
    if image.min_disk and flavor.disk_gib < image.min_disk:
        raise BadRequest(
            f"Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is "
            f"{flavor.disk_gib * _BYTES_PER_GIB} bytes, minimum size is {image.min_disk * _BYTES_PER_GIB} bytes."
        )
    size = max(image.virtual_size or 0, (image.size or 0) if image.disk_format in ("raw", "qcow2") else 0)
    if size > flavor.disk_gib * _BYTES_PER_GIB:
        raise BadRequest(
            f"Flavor's disk is too small for requested image. Flavor disk is {flavor.disk_gib * _BYTES_PER_GIB} bytes, "
            f"image is {size} bytes."
        )


def check_fit_copy(image: Mapping[str, Any], flavor: FlavorCopy) -> None:
    """As ``check_fit``, for what a server keeps of its image."""
    if flavor.ram_mib < int(image.get("min_ram") or 0):
        raise BadRequest("Flavor's memory is too small for requested image.")


def check_user_data(user_data: str | None) -> None:
    if user_data is None:
        return
    if len(user_data) > MOST_USER_DATA:
        raise BadRequest(
            f"User data too large. User data must be no larger than {MOST_USER_DATA} bytes once base64 encoded. "
            f"Your data is {len(user_data)} bytes"
        )
    try:
        base64.b64decode("".join(user_data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("User data needs to be valid base 64.") from None


def check_personality(files: Sequence[Mapping[str, str]]) -> None:
    if len(files) > MOST_INJECTED["injected_files"]:
        raise Forbidden("Personality file limit exceeded")
    for file in files:
        if len(file["path"].encode()) > MOST_INJECTED["injected_file_path_bytes"]:
            raise Forbidden("Personality file path exceeds maximum " + str(MOST_INJECTED["injected_file_path_bytes"]))
        try:
            content = base64.b64decode("".join(file["contents"].split()), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(f"Personality content for {file['path'][:255]} cannot be decoded") from None
        if len(content) > MOST_INJECTED["injected_file_content_bytes"]:
            raise Forbidden(
                "Personality file content exceeds maximum " + str(MOST_INJECTED["injected_file_content_bytes"])
            )


def check_metadata(metadata: Mapping[str, str], limits: Mapping[str, int]) -> None:
    if 0 <= limits["metadata_items"] < len(metadata):
        raise Forbidden("Quota exceeded, too many metadata items: at most " + str(limits["metadata_items"]))


def _group_hint(hints: Mapping[str, Any]) -> str | None:
    group = hints.get("group")
    if isinstance(group, list):
        group = group[0] if group else None
    if group is None:
        return None
    if not ids.is_uuid(str(group)):
        raise BadRequest(f"Invalid input for field/attribute group. Value: {str(group)[:64]}. It is not a UUID.")
    return str(group)
