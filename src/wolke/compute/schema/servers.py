"""Bodies about servers and what is written of them."""

from __future__ import annotations

from wolke.core.schema import (
    BOOLEAN,
    METADATA,
    UUID,
    JsonSchema,
    array,
    body,
    integer,
    nullable,
    one_of,
    record,
    string,
)

#: Nova's names of servers: printable, and not only blank. Leading and trailing blanks are cut by the verb's caller.
SERVER_NAME = string(least=1, most=255, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$")
TEXT = nullable(string(most=255, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"))
FQDN = string(least=2, most=255, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9.-]*[a-zA-Z0-9]+$")
TAG = string(least=1, most=60, pattern=r"^[^,/\x00]*$")
TAGS = {**array(TAG, most=50), "uniqueItems": True}
DEVICE_TAG = string(least=1, most=60, pattern=r"^[^,/\x00]*$")
IPV4_OR_EMPTY = {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "maxLength": 0}, {"type": "null"}]}
IPV6_OR_EMPTY = {"anyOf": [{"type": "string", "format": "ipv6"}, {"type": "string", "maxLength": 0}, {"type": "null"}]}
DISK_CONFIG = one_of("AUTO", "MANUAL")
PASSWORD = string(least=0, most=255)
KEY_NAME = string(least=1, most=255)
CERTIFICATES = nullable({**array(string(least=1), most=50, unique=True), "minItems": 1})
USER_DATA = nullable(string(most=1 << 19))
_UUID_OR_LIST = {"anyOf": [UUID, array(UUID, most=100)]}

_NETWORK = record(
    {
        "uuid": {**UUID},
        "port": nullable(UUID),
        "fixed_ip": {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]},
        "tag": DEVICE_TAG,
    }
)
_BLOCK_DEVICE = record(
    {
        "uuid": string(least=1),
        "source_type": one_of("volume", "image", "snapshot", "blank"),
        "destination_type": one_of("local", "volume"),
        "boot_index": {"anyOf": [{"type": ["integer", "null"]}, string(pattern=r"^-?[0-9]{1,9}$")]},
        "volume_size": nullable({"anyOf": [integer(1), string(pattern=r"^[1-9][0-9]{0,9}$")]}),
        "volume_id": string(),
        "delete_on_termination": BOOLEAN,
        "device_name": nullable(string()),
        "device_type": nullable(string()),
        "disk_bus": nullable(string()),
        "guest_format": nullable(string()),
        "no_device": {},
        "tag": DEVICE_TAG,
        "volume_type": nullable(string()),
    }
)
HINTS = {
    "type": "object",
    "properties": {
        "group": {"anyOf": [UUID, array(UUID, most=1)]},
        "different_host": _UUID_OR_LIST,
        "same_host": _UUID_OR_LIST,
        "query": {"type": ["string", "object"]},
        "target_cell": string(),
        "different_cell": {"anyOf": [string(), array(string())]},
        "build_near_host_ip": string(),
        "cidr": string(),
    },
    "maxProperties": 100,
    "additionalProperties": True,
}

CREATE: JsonSchema = {
    "type": "object",
    "properties": {
        "server": record(
            {
                "name": SERVER_NAME,
                "flavorRef": {"anyOf": [string(least=1), {"type": "integer", "minimum": 0, "maximum": 2**31}]},
                "imageRef": string(most=255),
                "adminPass": PASSWORD,
                "metadata": METADATA,
                "networks": {"anyOf": [array(_NETWORK, most=64), one_of("auto", "none")]},
                "OS-DCF:diskConfig": DISK_CONFIG,
                "accessIPv4": IPV4_OR_EMPTY,
                "accessIPv6": IPV6_OR_EMPTY,
                "availability_zone": string(least=1),
                "block_device_mapping": array({"type": "object"}, most=100),
                "block_device_mapping_v2": array(_BLOCK_DEVICE, most=100),
                "config_drive": nullable(BOOLEAN),
                "key_name": KEY_NAME,
                "min_count": integer(1),
                "max_count": integer(1),
                "return_reservation_id": BOOLEAN,
                "security_groups": array({"type": "object", "properties": {"name": string(least=1)}}, most=100),
                "user_data": USER_DATA,
                "description": TEXT,
                "tags": TAGS,
                "trusted_image_certificates": CERTIFICATES,
                "host": string(least=1),
                "hypervisor_hostname": string(least=1),
                "hostname": FQDN,
            },
            required=("name", "flavorRef", "networks"),
        ),
        "os:scheduler_hints": HINTS,
        "OS-SCH-HNT:scheduler_hints": HINTS,
    },
    "required": ["server"],
    "additionalProperties": False,
}

UPDATE = body(
    "server",
    {
        "name": SERVER_NAME,
        "OS-DCF:diskConfig": DISK_CONFIG,
        "accessIPv4": IPV4_OR_EMPTY,
        "accessIPv6": IPV6_OR_EMPTY,
        "description": TEXT,
        "hostname": FQDN,
        "pinned_availability_zone": nullable(string(least=1, most=255)),
    },
)

METADATA_ALL = {
    "type": "object",
    "properties": {"metadata": METADATA},
    "required": ["metadata"],
    "additionalProperties": False,
}
METADATA_ITEM = {
    "type": "object",
    "properties": {"meta": {**METADATA, "minProperties": 1, "maxProperties": 1}},
    "required": ["meta"],
    "additionalProperties": False,
}
TAGS_ALL = {"type": "object", "properties": {"tags": TAGS}, "required": ["tags"], "additionalProperties": False}
NOTHING: JsonSchema = {"type": ["null", "object"]}

INTERFACE = body(
    "interfaceAttachment",
    {
        "net_id": UUID,
        "port_id": UUID,
        "fixed_ips": {
            **array(
                record(
                    {
                        "ip_address": {
                            "anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]
                        }
                    },
                    required=("ip_address",),
                ),
                most=1,
            ),
            "minItems": 1,
        },
        "tag": DEVICE_TAG,
    },
)

REMOTE_CONSOLE = body(
    "remote_console",
    {
        "protocol": one_of("vnc", "spice", "rdp", "serial", "mks"),
        "type": one_of("novnc", "xvpvnc", "rdp-html5", "spice-html5", "spice-direct", "serial", "webmks"),
    },
    required=("protocol", "type"),
)
