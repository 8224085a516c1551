"""The shapes of bodies. Keystone keeps attributes that it does not know, so these are open where its own are."""

from __future__ import annotations

from wolke.core.schema import JsonSchema, array, body, nullable, one_of, record, string

_BOOLEAN: JsonSchema = {"type": "boolean"}
_ID = string(least=1, most=64, pattern=r"^[a-zA-Z0-9-]+$")
_NULL_ID = nullable(_ID)
_TEXT = nullable(string(most=65535))
_TAG = string(least=1, most=255, pattern=r"^[^,/]*$")


def _name(most: int) -> JsonSchema:
    return string(least=1, most=most, pattern=r"\S")


def _options(**known: JsonSchema) -> JsonSchema:
    return record(known | {"immutable": nullable(_BOOLEAN)}) if "lock_password" not in known else record(known)


def _open(name: str, properties: JsonSchema, required: tuple[str, ...] = ()) -> JsonSchema:
    return body(name, properties, required=required, additional=True)


TAGS = array(_TAG, most=80)
TAGS_BODY = record({"tags": TAGS}, required=("tags",))

_PROJECT = {
    "name": _name(64),
    "description": _TEXT,
    "domain_id": _NULL_ID,
    "parent_id": _NULL_ID,
    "is_domain": _BOOLEAN,
    "enabled": _BOOLEAN,
    "tags": TAGS,
    "options": _options(),
}
CREATE_PROJECT = _open("project", _PROJECT, ("name",))
UPDATE_PROJECT = _open("project", _PROJECT)

_DOMAIN = {"name": _name(64), "description": _TEXT, "enabled": _BOOLEAN, "tags": TAGS, "options": _options()}
CREATE_DOMAIN = _open("domain", _DOMAIN, ("name",))
UPDATE_DOMAIN = _open("domain", _DOMAIN)

_NULL_BOOLEAN = nullable(_BOOLEAN)
_USER = {
    "name": _name(255),
    "password": {"type": ["string", "null"]},
    "domain_id": _NULL_ID,
    "default_project_id": _NULL_ID,
    "enabled": _BOOLEAN,
    "description": _TEXT,
    "options": _options(
        lock_password=_NULL_BOOLEAN,
        ignore_change_password_upon_first_use=_NULL_BOOLEAN,
        ignore_password_expiry=_NULL_BOOLEAN,
        ignore_lockout_failure_attempts=_NULL_BOOLEAN,
        ignore_user_inactivity=_NULL_BOOLEAN,
    ),
}
CREATE_USER = _open("user", _USER, ("name",))
UPDATE_USER = _open("user", _USER)
CHANGE_PASSWORD = _open("user", {"password": {"type": "string"}, "original_password": {"type": "string"}},
                        ("password", "original_password"))  # fmt: skip

_GROUP = {"name": _name(64), "description": _TEXT, "domain_id": _NULL_ID}
CREATE_GROUP = _open("group", _GROUP, ("name",))
UPDATE_GROUP = _open("group", _GROUP)

_ROLE = {"name": _name(255), "description": _TEXT, "domain_id": _NULL_ID, "options": _options()}
CREATE_ROLE = _open("role", _ROLE, ("name",))
UPDATE_ROLE = _open("role", _ROLE)

_REGION_ID = string(most=255)
_REGION = {"description": _TEXT, "parent_region_id": nullable(_REGION_ID)}
CREATE_REGION = _open("region", _REGION | {"id": _REGION_ID})
UPDATE_REGION = _open("region", _REGION)

_SERVICE = {"type": _name(255), "name": nullable(string(most=255)), "description": _TEXT, "enabled": _BOOLEAN}
CREATE_SERVICE = _open("service", _SERVICE, ("type",))
UPDATE_SERVICE = _open("service", _SERVICE)

_ENDPOINT = {
    "interface": one_of("admin", "internal", "public"),
    "region_id": nullable(_REGION_ID),
    "region": nullable(_REGION_ID),
    "service_id": _ID,
    "url": string(least=1, most=225, pattern=r"\S"),
    "enabled": _BOOLEAN,
}
CREATE_ENDPOINT = _open("endpoint", _ENDPOINT, ("interface", "service_id", "url"))
UPDATE_ENDPOINT = _open("endpoint", _ENDPOINT)

_ROLE_REFERENCE = record({"id": _ID, "name": _name(255)}, additional=True) | {"minProperties": 1}
CREATE_APPLICATION_CREDENTIAL = body(
    "application_credential",
    {
        "name": _name(255),
        "description": _TEXT,
        "secret": nullable(string(least=1, most=4096)),
        "expires_at": nullable(string(least=1, most=64)),
        "roles": array(_ROLE_REFERENCE, most=100),
        "unrestricted": nullable(_BOOLEAN),
        "access_rules": array({"type": "object"}, most=100),
        "project_id": _NULL_ID,
        "user_id": _NULL_ID,
    },
    required=("name",),
)

_CREDENTIAL = {
    "type": _name(255),
    "user_id": _ID,
    "project_id": _NULL_ID,
    "blob": string(most=65535),
}
CREATE_CREDENTIAL = _open("credential", _CREDENTIAL, ("blob", "type"))
_POLICY = {"blob": string(most=65_536), "type": string(most=255)}
CREATE_POLICY = _open("policy", _POLICY, ("blob", "type"))
UPDATE_POLICY = _open("policy", _POLICY)
UPDATE_CREDENTIAL = _open("credential", _CREDENTIAL)
CREATE_EC2 = record({"tenant_id": _ID}, required=("tenant_id",), additional=True)

LOGIN: JsonSchema = {"type": "object"}  # read by service.authentication, whose refusals repeat no value
