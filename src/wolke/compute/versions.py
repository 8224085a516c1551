"""The history of Compute's API, newest behaviour undone version by version.

Nova's numbers, 2.1 to 2.100. Changes that only concern what this cloud does not offer (shares) are not in the
table: their routes are not there at any version. The few things that a row cannot say (a status code, a field that
went away for good) are named instants in ``Since``, asked with ``request.version >= Since.…``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.core.microversion import Change, Item, Version, Versions
from wolke.core.schema import array, one_of, record, string


class Since:
    """When a behaviour began that is more than a field more or less."""

    KEY_PAIR_STATUSES: Version = (2, 2)  # create 201, delete 204; before 200 and 202
    IP6_FILTER: Version = (2, 5)
    NO_PASSWORD_OF_EVACUATED: Version = (2, 14)
    EVACUATED_SERVERS_STAY_OFF: Version = (2, 95)
    KEY_PAIR_OWNERS: Version = (2, 10)
    ACTIONS_OF_DELETED: Version = (2, 21)
    TAG_FILTERS: Version = (2, 26)
    PAGED_HYPERVISORS: Version = (2, 33)
    PAGED_KEY_PAIRS: Version = (2, 35)
    STATUS_FILTER_CHECKED: Version = (2, 38)
    PAGED_USAGE: Version = (2, 40)
    IMAGE_ID_IN_BODY: Version = (2, 45)
    EMBEDDED_FLAVOR: Version = (2, 47)
    ONE_FORM_OF_DIAGNOSTICS: Version = (2, 48)
    EVENTS_FOR_ALL: Version = (2, 51)
    UUIDS_FOR_HOSTS: Version = (2, 53)
    PAGED_ACTIONS: Version = (2, 58)
    PAGED_MIGRATIONS: Version = (2, 59)
    OWNERS_OF_MIGRATIONS: Version = (2, 80)
    SHARED_VOLUMES: Version = (2, 60)
    CHANGES_BEFORE: Version = (2, 66)
    LOCKED_FILTER: Version = (2, 73)
    EVENT_HOSTS: Version = (2, 62)
    EVENT_DETAILS: Version = (2, 84)
    STRICT_QUERIES: Version = (2, 75)
    FILTERS_FOR_ALL: Version = (2, 83)
    UPDATES_OF_VOLUME_ATTACHMENTS: Version = (2, 85)
    RESCUE_OF_ROOT_VOLUMES: Version = (2, 87)
    HYPERVISORS_WITHOUT_RESOURCES: Version = (2, 88)
    REBUILD_OF_ROOT_VOLUMES: Version = (2, 93)


_SHOWN = ("server", "server_updated", "server_rebuilt")


def _shown(*fields: str) -> dict[str, tuple[str, ...]]:
    """A field of a server, wherever one is shown."""
    return dict.fromkeys(_SHOWN, fields)


def _inner(schema: Item, name: str) -> Any:
    return schema["properties"][name]


# ---------------------------------------------------------------------------------------------------- views going down


def _image_properties(server: Item) -> None:
    if server.get("image"):
        server["image"].pop("properties", None)


def _hostname_for_admins(server: Item) -> None:
    if "OS-EXT-SRV-ATTR:host" not in server:
        server.pop("OS-EXT-SRV-ATTR:hostname", None)


def _volumes_without_termination(server: Item) -> None:
    for volume in server.get("os-extended-volumes:volumes_attached", ()):
        volume.pop("delete_on_termination", None)


def _plain_addresses(server: Item) -> None:
    for listed in server["addresses"].values():
        for one in listed:
            for name in ("OS-EXT-IPS:type", "OS-EXT-IPS-MAC:mac_addr"):
                one.pop(name, None)


def _id_of_attachment(attachment: Item) -> None:
    attachment["id"] = attachment["volumeId"]


def _empty_swap(flavor: Item) -> None:
    if "swap" in flavor:  # it is not, in lists without details
        flavor["swap"] = flavor["swap"] or ""


def _policies(group: Item) -> None:
    group["policies"] = [group.pop("policy")]
    group["metadata"] = {}
    group.pop("rules", None)


def _cpu_info_text(hypervisor: Item) -> None:
    if "cpu_info" in hypervisor:
        hypervisor["cpu_info"] = msgspec.json.encode(hypervisor["cpu_info"]).decode()


def _personality_limits(limits: Item) -> None:
    limits["absolute"] |= {"maxPersonality": 5, "maxPersonalitySize": 10240}


def _image_metadata_limit(limits: Item) -> None:
    limits["absolute"]["maxImageMeta"] = limits["absolute"]["maxServerMeta"]


def _network_limits(limits: Item) -> None:
    limits["absolute"] |= {
        "maxTotalFloatingIps": -1,
        "maxSecurityGroups": -1,
        "maxSecurityGroupRules": -1,
        "totalFloatingIpsUsed": 0,
        "totalSecurityGroupsUsed": 0,
    }


_INJECTED = {"injected_files": 5, "injected_file_content_bytes": 10240, "injected_file_path_bytes": 255}
_NETWORK_QUOTAS = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")


def _injected_quotas(quotas: Item) -> None:
    detailed = isinstance(quotas.get("cores"), dict)
    for name, limit in _INJECTED.items():
        quotas[name] = {"limit": limit, "in_use": 0, "reserved": 0} if detailed else limit


def _network_quotas(quotas: Item) -> None:
    detailed = isinstance(quotas.get("cores"), dict)
    for name in _NETWORK_QUOTAS:
        quotas[name] = {"limit": -1, "in_use": 0, "reserved": 0} if detailed else -1


def _class_quotas_before_groups(quotas: Item) -> None:
    _network_quotas(quotas)
    quotas.pop("server_groups", None)
    quotas.pop("server_group_members", None)


# -------------------------------------------------------------------------------------- schemas as they were, bodies up


def _optional_public_key(schema: Item) -> Item:
    keypair = _inner(schema, "keypair")
    keypair["required"] = ["name"]
    keypair["properties"]["name"] = string(least=1, most=255, pattern=r"^[a-zA-Z0-9 _-]+$")
    return schema


def _personality(noun: str) -> Any:
    def narrow(schema: Item) -> Item:
        file = record({"path": string(most=255), "contents": string(most=1 << 20)}, required=())
        _inner(schema, noun)["properties"]["personality"] = array(file, most=5)
        if noun == "rebuild":
            _inner(schema, noun)["properties"].pop("user_data", None)
        return schema

    return narrow


def _optional_networks(schema: Item) -> Item:
    server = _inner(schema, "server")
    server["required"] = [name for name in server["required"] if name != "networks"]
    networks = next(one for one in server["properties"]["networks"]["anyOf"] if one.get("type") == "array")
    for name in ("uuid", "port"):
        networks["items"]["properties"][name] = {"type": ["string", "null"], "maxLength": 255}
    server["properties"]["networks"] = networks
    return schema


def _networks_left_open(body: Item) -> Item:
    server = body["server"] if "networks" in body["server"] else {**body["server"], "networks": "any"}
    return {**body, "server": server}


def _without_network_tags(schema: Item) -> Item:
    networks = _inner(schema, "server")["properties"]["networks"]
    for one in networks.get("anyOf", [networks]):
        if one.get("type") == "array":
            one["items"]["properties"].pop("tag", None)
    return schema


def _without_volume_types(schema: Item) -> Item:
    _inner(schema, "server")["properties"]["block_device_mapping_v2"]["items"]["properties"].pop("volume_type", None)
    return schema


def _short_hostname(noun: str) -> Any:
    def narrow(schema: Item) -> Item:
        properties = _inner(schema, noun)["properties"]
        if "hostname" in properties:
            properties["hostname"] = string(least=2, most=63, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$")
        return schema

    return narrow


def _list_of_policies(schema: Item) -> Item:
    group = _inner(schema, "server_group")
    policy = group["properties"].pop("policy")
    group["properties"].pop("rules", None)
    group["properties"]["policies"] = {"type": "array", "items": policy, "minItems": 1, "maxItems": 1}
    group["required"] = ["name", "policies"]
    return schema


def _one_policy(body: Item) -> Item:
    group = dict(body["server_group"])
    if "policies" in group:
        group["policy"] = group.pop("policies")[0]
    return {**body, "server_group": group}


def _hard_policies(schema: Item) -> Item:
    _inner(schema, "server_group")["properties"]["policies"]["items"] = one_of("affinity", "anti-affinity")
    return schema


def _more_quotas(*names: str) -> Any:
    def narrow(schema: Item) -> Item:
        inner = next(iter(schema["properties"].values()))["properties"]
        for name in names:
            inner[name] = inner["cores"]
        return schema

    return narrow


def _less_quotas(*names: str) -> Any:
    """Quotas of what is no more are accepted and forgotten."""

    def up(body: Item) -> Item:
        return {noun: {k: v for k, v in quotas.items() if k not in names} for noun, quotas in body.items()}

    return up


def _anything_in(noun: str) -> Any:
    def narrow(schema: Item) -> Item:
        schema["properties"][noun] = {}
        return schema

    return narrow


_BOOLEAN = one_of(True, False, "true", "false", "True", "False", "1", "0", 1, 0)


def _with_force(schema: Item) -> Item:
    _inner(schema, "evacuate")["properties"]["force"] = _BOOLEAN
    return schema


def _without_force(schema: Item) -> Item:
    _inner(schema, "evacuate")["properties"].pop("force")
    return schema


def _on_shared_storage(schema: Item) -> Item:
    _inner(schema, "evacuate")["properties"]["onSharedStorage"] = _BOOLEAN
    _inner(schema, "evacuate")["required"] = ["onSharedStorage"]
    return schema


def _live_with_overcommit(schema: Item) -> Item:
    inner = _inner(schema, "os-migrateLive")
    inner["properties"] |= {"disk_over_commit": _BOOLEAN, "block_migration": _BOOLEAN}
    inner["required"] = ["block_migration", "disk_over_commit", "host"]
    return schema


def _live_with_force(schema: Item) -> Item:
    _inner(schema, "os-migrateLive")["properties"]["force"] = _BOOLEAN
    return schema


def _live_without_force(schema: Item) -> Item:
    _inner(schema, "os-migrateLive")["properties"].pop("force")
    return schema


def _zone_only(schema: Item) -> Item:
    inner = _inner(schema, "unshelve")
    inner["properties"] = {"availability_zone": string(least=1)}
    inner["required"] = ["availability_zone"]
    return schema


def _no_place(body: Item) -> Item:
    return {"unshelve": None}


def _no_host(body: Item) -> Item:
    return {"migrate": None}


def _no_reason(body: Item) -> Item:
    return {"lock": None}


_LATER_IN_UPDATES = (
    "OS-EXT-AZ:availability_zone", "OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:hypervisor_hostname",
    "OS-EXT-SRV-ATTR:instance_name", "OS-EXT-SRV-ATTR:hostname", "OS-EXT-SRV-ATTR:kernel_id",
    "OS-EXT-SRV-ATTR:launch_index", "OS-EXT-SRV-ATTR:ramdisk_id", "OS-EXT-SRV-ATTR:reservation_id",
    "OS-EXT-SRV-ATTR:root_device_name", "OS-EXT-SRV-ATTR:user_data", "OS-EXT-STS:power_state", "OS-EXT-STS:task_state",
    "OS-EXT-STS:vm_state", "OS-SRV-USG:launched_at", "OS-SRV-USG:terminated_at", "config_drive", "host_status",
    "os-extended-volumes:volumes_attached", "security_groups",
)  # fmt: skip

CHANGES: tuple[Change, ...] = (
    Change((2, 2), "key pairs have a type", {"keypair": ("type",)}, {"keypair_create": ("type",)}),
    Change(
        (2, 3),
        "more attributes of servers for admins",
        _shown(
            "OS-EXT-SRV-ATTR:reservation_id",
            "OS-EXT-SRV-ATTR:launch_index",
            "OS-EXT-SRV-ATTR:ramdisk_id",
            "OS-EXT-SRV-ATTR:kernel_id",
            "OS-EXT-SRV-ATTR:hostname",
            "OS-EXT-SRV-ATTR:root_device_name",
            "OS-EXT-SRV-ATTR:user_data",
        ),
        down=dict.fromkeys(_SHOWN, _volumes_without_termination),
    ),
    Change((2, 9), "locked", _shown("locked")),
    Change((2, 10), "key pairs of other users", adds_body={"keypair_create": ("user_id",)}),
    Change((2, 11), "services can be forced down", {"service": ("forced_down",)}),
    Change((2, 13), "whose a server group is", {"server_group": ("project_id", "user_id")}),
    Change((2, 14), "evacuation finds out itself what storage there is", narrows={"evacuate": _on_shared_storage}),
    Change((2, 15), "soft policies of server groups", narrows={"server_group_create": _hard_policies}),
    Change((2, 16), "host_status", _shown("host_status")),
    Change(
        (2, 19),
        "descriptions of servers",
        _shown("description"),
        dict.fromkeys(("server_create", "server_update", "rebuild"), ("description",)),
    ),
    Change((2, 23), "more of migrations", {"migration": ("migration_type", "links")}),
    Change((2, 25), "live migration finds out itself what to copy", narrows={"migrate_live": _live_with_overcommit}),
    Change((2, 26), "tags", _shown("tags")),
    Change((2, 28), "cpu_info is an object", down={"hypervisor": _cpu_info_text}),
    Change((2, 29), "evacuation past the scheduler", narrows={"evacuate": _without_force}),
    Change((2, 30), "live migration past the scheduler", narrows={"migrate_live": _live_without_force}),
    Change((2, 32), "tags of network cards", narrows={"server_create": _without_network_tags}),
    Change(
        (2, 36),
        "network's limits and quotas are Network's",
        down={"limits": _network_limits, "quota_set": _network_quotas},
        narrows={"quota_update": _more_quotas("fixed_ips", "floating_ips", "security_groups", "security_group_rules")},
        up={"quota_update": _less_quotas(*_NETWORK_QUOTAS)},
    ),
    Change(
        (2, 37),
        "networks must be said: auto, none or a list",
        narrows={"server_create": _optional_networks},
        up={"server_create": _networks_left_open},
    ),
    Change((2, 39), "no limit of image metadata", down={"limits": _image_metadata_limit}),
    Change((2, 41), "aggregates have a uuid", {"aggregate": ("uuid",)}),
    Change((2, 49), "tags of what is attached", adds_body={"interface_create": ("tag",), "volume_attach": ("tag",)}),
    Change(
        (2, 50),
        "quota classes know server groups and not networks",
        down={"quota_class_set": _class_quotas_before_groups},
        narrows={"quota_class_update": _more_quotas(*_NETWORK_QUOTAS)},
        up={"quota_class_update": _less_quotas(*_NETWORK_QUOTAS)},
    ),
    Change((2, 52), "tags when a server is created", adds_body={"server_create": ("tags",)}),
    Change((2, 54), "a new key when rebuilding", {"server_rebuilt": ("key_name",)}, {"rebuild": ("key_name",)}),
    Change((2, 55), "descriptions of flavors", {"flavor": ("description",)}, {"flavor_create": ("description",)}),
    Change((2, 56), "a host to migrate to", narrows={"migrate": _anything_in("migrate")}, up={"migrate": _no_host}),
    Change(
        (2, 57),
        "no injected files",
        {"server_rebuilt": ("user_data",)},
        down={
            "limits": _personality_limits,
            "quota_set": _injected_quotas,
            "quota_class_set": _injected_quotas,
        },
        narrows={
            "server_create": _personality("server"),
            "rebuild": _personality("rebuild"),
            "quota_update": _more_quotas(*_INJECTED),
            "quota_class_update": _more_quotas(*_INJECTED),
        },
        up={"quota_update": _less_quotas(*_INJECTED), "quota_class_update": _less_quotas(*_INJECTED)},
    ),
    Change((2, 58), "when an action was last heard of", {"instanceAction": ("updated_at",)}),
    Change((2, 59), "migrations have a uuid", {"migration": ("uuid",), "server_migration": ("uuid",)}),
    Change((2, 61), "extra specs with flavors", {"flavor": ("extra_specs",)}),
    Change(
        (2, 63),
        "trusted image certificates",
        _shown("trusted_image_certificates"),
        dict.fromkeys(("server_create", "rebuild"), ("trusted_image_certificates",)),
    ),
    Change(
        (2, 64),
        "a server group has one policy, with rules",
        down={"server_group": _policies},
        narrows={"server_group_create": _list_of_policies},
        up={"server_group_create": _one_policy},
    ),
    Change((2, 67), "volume types of block devices", narrows={"server_create": _without_volume_types}),
    Change(
        (2, 68),
        "nothing is evacuated past the scheduler",
        narrows={"evacuate": _with_force, "migrate_live": _live_with_force},
    ),
    Change((2, 70), "tags in lists of interfaces", {"interfaceAttachment": ("tag",), "volumeAttachment": ("tag",)}),
    Change((2, 71), "server groups with a server", _shown("server_groups")),
    Change(
        (2, 73),
        "why a server is locked",
        _shown("locked_reason"),
        narrows={"lock": _anything_in("lock")},
        up={"lock": _no_reason},
    ),
    Change((2, 74), "a host may be asked for", adds_body={"server_create": ("host", "hypervisor_hostname")}),
    Change(
        (2, 75),
        "updates and rebuilds show a server as others do",
        {"server_updated": (*_LATER_IN_UPDATES, "key_name"), "server_rebuilt": _LATER_IN_UPDATES},
        down={"flavor": _empty_swap, "server_updated": _plain_addresses, "server_rebuilt": _plain_addresses},
    ),
    Change(
        (2, 77),
        "a zone to unshelve to",
        narrows={"unshelve": _anything_in("unshelve")},
        up={"unshelve": _no_place},
    ),
    Change(
        (2, 79),
        "volumes that go with their server",
        {"volumeAttachment": ("delete_on_termination",)},
        {"volume_attach": ("delete_on_termination",)},
    ),
    Change(
        (2, 80),
        "whose a migration is",
        {"migration": ("user_id", "project_id"), "server_migration": ("user_id", "project_id")},
    ),
    Change(
        (2, 85),
        "what of a volume's attachment can be changed",
        adds_body={
            "volume_update": (
                "device",
                "tag",
                "delete_on_termination",
                "id",
                "serverId",
                "attachment_id",
                "bdm_uuid",
            )
        },
    ),
    Change(
        (2, 89),
        "ids of volumes' attachments",
        {"volumeAttachment": ("attachment_id", "bdm_uuid")},
        down={"volumeAttachment": _id_of_attachment},
    ),
    Change(
        (2, 90),
        "hostnames",
        adds_body=dict.fromkeys(("server_create", "server_update", "rebuild"), ("hostname",)),
        down=dict.fromkeys(_SHOWN, _hostname_for_admins),
    ),
    Change((2, 91), "a host to unshelve to", narrows={"unshelve": _zone_only}),
    Change((2, 92), "key pairs are imported only", narrows={"keypair_create": _optional_public_key}),
    Change(
        (2, 94),
        "hostnames with dots",
        narrows={
            "server_create": _short_hostname("server"),
            "server_update": _short_hostname("server"),
            "rebuild": _short_hostname("rebuild"),
        },
    ),
    Change((2, 96), "the zone a server is pinned to", _shown("pinned_availability_zone")),
    Change((2, 98), "properties of a server's image", down=dict.fromkeys(_SHOWN, _image_properties)),
    Change((2, 100), "scheduler hints of a server", _shown("scheduler_hints")),
)

VERSIONS = Versions("compute", CHANGES, minimum=(2, 1), maximum=(2, 100), legacy_header="X-OpenStack-Nova-API-Version")
