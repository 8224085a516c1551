"""The history of Compute's API, newest behaviour undone version by version.

Nova's numbers, 2.1 to 2.104. Changes that only concern what this cloud does not offer (shares, ``/os-volumes_boot``) are not
in the table: their routes are not there at any version. Which parameters a query may have, and since when others are refused,
is said by the rows of ``api``. The few things that a row cannot say (a status code, a field that
went away for good) are named instants in ``Since``, asked with ``request.version >= Since.…``.
"""

from __future__ import annotations

from wolke.compute.model import MOST_INJECTED
from wolke.compute.versions import answers, bodies
from wolke.core.microversion import Change, Version, Versions


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
    FILTERS_FOR_ALL: Version = (2, 83)
    UPDATES_OF_VOLUME_ATTACHMENTS: Version = (2, 85)
    RESCUE_OF_ROOT_VOLUMES: Version = (2, 87)
    HYPERVISORS_WITHOUT_RESOURCES: Version = (2, 88)
    REBUILD_OF_ROOT_VOLUMES: Version = (2, 93)
    NO_WORD_OF_ATTACHED_VOLUMES: Version = (2, 101)
    FLAVORS_WITHOUT_FACTORS: Version = (2, 102)


_SHOWN = ("server", "server_updated", "server_rebuilt")


def _shown(*fields: str) -> dict[str, tuple[str, ...]]:
    """A field of a server, wherever one is shown."""
    return dict.fromkeys(_SHOWN, fields)


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
        down=dict.fromkeys(_SHOWN, answers.volumes_without_termination),
    ),
    Change((2, 9), "locked", _shown("locked")),
    Change((2, 10), "key pairs of other users", adds_body={"keypair_create": ("user_id",)}),
    Change((2, 11), "services can be forced down", {"service": ("forced_down",)}),
    Change((2, 13), "whose a server group is", {"server_group": ("project_id", "user_id")}),
    Change(
        (2, 14), "evacuation finds out itself what storage there is", narrows={"evacuate": bodies.on_shared_storage}
    ),
    Change((2, 15), "soft policies of server groups", narrows={"server_group_create": bodies.hard_policies}),
    Change((2, 16), "host_status", _shown("host_status")),
    Change(
        (2, 19),
        "descriptions of servers",
        _shown("description"),
        dict.fromkeys(("server_create", "server_update", "rebuild"), ("description",)),
    ),
    Change((2, 23), "more of migrations", {"migration": ("migration_type", "links")}),
    Change(
        (2, 25), "live migration finds out itself what to copy", narrows={"migrate_live": bodies.live_with_overcommit}
    ),
    Change((2, 26), "tags", _shown("tags")),
    Change((2, 28), "cpu_info is an object", down={"hypervisor": answers.cpu_info_text}),
    Change((2, 29), "evacuation past the scheduler", narrows={"evacuate": bodies.without_force}),
    Change((2, 30), "live migration past the scheduler", narrows={"migrate_live": bodies.live_without_force}),
    Change((2, 32), "tags of network cards", narrows={"server_create": bodies.without_network_tags}),
    Change(
        (2, 36),
        "network's limits and quotas are Network's",
        down={"limits": answers.network_limits, "quota_set": answers.network_quotas},
        narrows={
            "quota_update": bodies.more_quotas("fixed_ips", "floating_ips", "security_groups", "security_group_rules")
        },
        up={"quota_update": bodies.less_quotas(*answers.NETWORK_QUOTAS)},
    ),
    Change(
        (2, 37),
        "networks must be said: auto, none or a list",
        narrows={"server_create": bodies.optional_networks},
        up={"server_create": bodies.networks_left_open},
    ),
    Change((2, 39), "no limit of image metadata", down={"limits": answers.image_metadata_limit}),
    Change((2, 41), "aggregates have a uuid", {"aggregate": ("uuid",)}),
    Change((2, 49), "tags of what is attached", adds_body={"interface_create": ("tag",), "volume_attach": ("tag",)}),
    Change(
        (2, 50),
        "quota classes know server groups and not networks",
        down={"quota_class_set": answers.class_quotas_before_groups},
        narrows={"quota_class_update": bodies.more_quotas(*answers.NETWORK_QUOTAS)},
        up={"quota_class_update": bodies.less_quotas(*answers.NETWORK_QUOTAS)},
    ),
    Change((2, 52), "tags when a server is created", adds_body={"server_create": ("tags",)}),
    Change((2, 54), "a new key when rebuilding", {"server_rebuilt": ("key_name",)}, {"rebuild": ("key_name",)}),
    Change((2, 55), "descriptions of flavors", {"flavor": ("description",)}, {"flavor_create": ("description",)}),
    Change(
        (2, 56),
        "a host to migrate to",
        narrows={"migrate": bodies.anything_in("migrate")},
        up={"migrate": bodies.no_host},
    ),
    Change(
        (2, 57),
        "no injected files",
        {"server_rebuilt": ("user_data",)},
        down={
            "limits": answers.personality_limits,
            "quota_set": answers.injected_quotas,
            "quota_class_set": answers.injected_quotas,
        },
        narrows={
            "server_create": bodies.personality("server"),
            "rebuild": bodies.personality("rebuild"),
            "quota_update": bodies.more_quotas(*MOST_INJECTED),
            "quota_class_update": bodies.more_quotas(*MOST_INJECTED),
        },
        up={
            "quota_update": bodies.less_quotas(*MOST_INJECTED),
            "quota_class_update": bodies.less_quotas(*MOST_INJECTED),
        },
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
        down={"server_group": answers.policies},
        narrows={"server_group_create": bodies.list_of_policies},
        up={"server_group_create": bodies.one_policy},
    ),
    Change((2, 67), "volume types of block devices", narrows={"server_create": bodies.without_volume_types}),
    Change(
        (2, 68),
        "nothing is evacuated past the scheduler",
        narrows={"evacuate": bodies.with_force, "migrate_live": bodies.live_with_force},
    ),
    Change((2, 70), "tags in lists of interfaces", {"interfaceAttachment": ("tag",), "volumeAttachment": ("tag",)}),
    Change((2, 71), "server groups with a server", _shown("server_groups")),
    Change(
        (2, 73),
        "why a server is locked",
        _shown("locked_reason"),
        narrows={"lock": bodies.anything_in("lock")},
        up={"lock": bodies.no_reason},
    ),
    Change((2, 74), "a host may be asked for", adds_body={"server_create": ("host", "hypervisor_hostname")}),
    Change(
        (2, 75),
        "updates and rebuilds show a server as others do",
        {"server_updated": (*_LATER_IN_UPDATES, "key_name"), "server_rebuilt": _LATER_IN_UPDATES},
        down={
            "flavor": answers.empty_swap,
            "server_updated": answers.plain_addresses,
            "server_rebuilt": answers.plain_addresses,
        },
    ),
    Change(
        (2, 77),
        "a zone to unshelve to",
        narrows={"unshelve": bodies.anything_in("unshelve")},
        up={"unshelve": bodies.no_place},
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
        down={"volumeAttachment": answers.id_of_attachment},
    ),
    Change(
        (2, 90),
        "hostnames",
        adds_body=dict.fromkeys(("server_create", "server_update", "rebuild"), ("hostname",)),
        down=dict.fromkeys(_SHOWN, answers.hostname_for_admins),
    ),
    Change((2, 91), "a host to unshelve to", narrows={"unshelve": bodies.zone_only}),
    Change((2, 92), "key pairs are imported only", narrows={"keypair_create": bodies.optional_public_key}),
    Change(
        (2, 94),
        "hostnames with dots",
        narrows={
            "server_create": bodies.short_hostname("server"),
            "server_update": bodies.short_hostname("server"),
            "rebuild": bodies.short_hostname("rebuild"),
        },
    ),
    Change((2, 96), "the zone a server is pinned to", _shown("pinned_availability_zone")),
    Change((2, 98), "properties of a server's image", down=dict.fromkeys(_SHOWN, answers.image_properties)),
    Change((2, 100), "scheduler hints of a server", _shown("scheduler_hints")),
    Change((2, 101), "a volume that is to be attached is answered with 202 and no body"),
    Change(
        (2, 102),
        "flavors by name, and without rxtx_factor and disabled; no query has a parameter that is not known",
        narrows={"flavor_create": bodies.with_factor},
    ),
    Change(
        (2, 104),
        "servers are let go of their zone, and pinned to it again",
        adds_body={"server_update": ("pinned_availability_zone",)},
    ),
)

VERSIONS = Versions("compute", CHANGES, minimum=(2, 1), maximum=(2, 104), legacy_header="X-OpenStack-Nova-API-Version")
