"""Bodies of what can be done to a server: one object, its only name the action's."""

from __future__ import annotations

from wolke.compute.schema.servers import (
    CERTIFICATES,
    DISK_CONFIG,
    FQDN,
    IPV4_OR_EMPTY,
    IPV6_OR_EMPTY,
    KEY_NAME,
    PASSWORD,
    SERVER_NAME,
    TEXT,
    USER_DATA,
)
from wolke.core.schema import METADATA, UUID, JsonSchema, body, integer, nullable, one_of, string

ANY: JsonSchema = {"type": "object", "minProperties": 1, "maxProperties": 8}


def bare(name: str) -> JsonSchema:
    """``{name: null}``; what stands there is not looked at, as ever."""
    return {"type": "object", "properties": {name: {}}, "required": [name], "additionalProperties": False}


REBOOT = body("reboot", {"type": one_of("SOFT", "Soft", "soft", "HARD", "Hard", "hard")}, required=("type",))
LOCK: JsonSchema = {
    "type": "object",
    "properties": {
        "lock": {
            "type": ["object", "null"],
            "properties": {"locked_reason": string(least=1)},
            "additionalProperties": False,
        }
    },
    "required": ["lock"],
    "additionalProperties": False,
}
CREATE_IMAGE = body("createImage", {"name": string(least=1), "metadata": METADATA}, required=("name",))
REBUILD = body(
    "rebuild",
    {
        "imageRef": UUID,
        "name": SERVER_NAME,
        "adminPass": PASSWORD,
        "metadata": METADATA,
        "preserve_ephemeral": one_of(True, False, "true", "false", "True", "False", "0", "1"),
        "OS-DCF:diskConfig": DISK_CONFIG,
        "accessIPv4": IPV4_OR_EMPTY,
        "accessIPv6": IPV6_OR_EMPTY,
        "description": TEXT,
        "key_name": nullable(KEY_NAME),
        "user_data": USER_DATA,
        "trusted_image_certificates": CERTIFICATES,
        "hostname": FQDN,
    },
    required=("imageRef",),
)
CONSOLE_OUTPUT = body("os-getConsoleOutput", {"length": nullable({"anyOf": [integer(-1), {"enum": ["-1"]}]})})
VNC_CONSOLE = body("os-getVNCConsole", {"type": one_of("novnc", "xvpvnc")}, required=("type",))
SERIAL_CONSOLE = body("os-getSerialConsole", {"type": one_of("serial")}, required=("type",))
RESET_STATE = body("os-resetState", {"state": one_of("active", "error")}, required=("state",))
CHANGE_PASSWORD = body("changePassword", {"adminPass": PASSWORD}, required=("adminPass",))
ADD_FIXED_IP = body("addFixedIp", {"networkId": string(least=1, most=255)}, required=("networkId",))
REMOVE_FIXED_IP = body("removeFixedIp", {"address": {"type": "string", "format": "ipv4"}}, required=("address",))
ADD_GROUP = body("addSecurityGroup", {"name": string(least=1)}, required=("name",))
REMOVE_GROUP = body("removeSecurityGroup", {"name": string(least=1)}, required=("name",))
RESIZE = body(
    "resize", {"flavorRef": string(least=1, most=1000), "OS-DCF:diskConfig": DISK_CONFIG}, required=("flavorRef",)
)
HOST = string(least=1, most=255, pattern=r"^[a-zA-Z0-9._-]+$")
MIGRATE: JsonSchema = {
    "type": "object",
    "properties": {
        "migrate": {"type": ["object", "null"], "properties": {"host": nullable(HOST)}, "additionalProperties": False}
    },
    "required": ["migrate"],
    "additionalProperties": False,
}
RESCUE: JsonSchema = {
    "type": "object",
    "properties": {
        "rescue": {
            "type": ["object", "null"],
            "properties": {"adminPass": PASSWORD, "rescue_image_ref": UUID},
            "additionalProperties": False,
        }
    },
    "required": ["rescue"],
    "additionalProperties": False,
}
CREATE_BACKUP = body(
    "createBackup",
    {
        "name": string(least=1),
        "backup_type": string(least=1),
        "rotation": {"anyOf": [integer(0), {"type": "string", "pattern": "^[0-9]{1,9}$"}]},
        "metadata": METADATA,
    },
    required=("name", "backup_type", "rotation"),
)
UNSHELVE: JsonSchema = {
    "type": "object",
    "properties": {
        "unshelve": {
            "type": ["object", "null"],
            "properties": {"availability_zone": nullable(string(least=1)), "host": HOST},
            "additionalProperties": False,
            "minProperties": 1,
        }
    },
    "required": ["unshelve"],
    "additionalProperties": False,
}
EVACUATE = body("evacuate", {"host": HOST, "adminPass": PASSWORD})
BOOLEAN = one_of(
    True, False, "true", "false", "True", "False", "TRUE", "FALSE", "1", "0", "on", "off", "yes", "no", 1, 0
)
MIGRATE_LIVE = body(
    "os-migrateLive",
    {"host": nullable(HOST), "block_migration": {"anyOf": [BOOLEAN, one_of("auto")]}},
    required=("host", "block_migration"),
)
