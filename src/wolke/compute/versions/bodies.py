"""Bodies as they were before a microversion: their schemas made of the newest, and what was sent lifted to the newest."""

from __future__ import annotations

from typing import Any

from wolke.core.microversion import Item
from wolke.core.schema import array, one_of, record, string


def _inner(schema: Item, name: str) -> Any:
    return schema["properties"][name]


def optional_public_key(schema: Item) -> Item:
    keypair = _inner(schema, "keypair")
    keypair["required"] = ["name"]
    keypair["properties"]["name"] = string(least=1, most=255, pattern=r"^[a-zA-Z0-9 _-]+$")
    return schema


def with_factor(schema: Item) -> Item:
    """Of network bandwidth, which no guest ever felt."""
    number = {"type": "number", "exclusiveMinimum": 0, "maximum": 3.4e38}
    quoted = string(most=19, pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$")
    _inner(schema, "flavor")["properties"]["rxtx_factor"] = {"anyOf": [number, quoted]}
    return schema


def personality(noun: str) -> Any:
    def narrow(schema: Item) -> Item:
        file = record({"path": string(most=4096), "contents": string(most=1 << 20)}, required=("path", "contents"))
        _inner(schema, noun)["properties"]["personality"] = array(file, most=1000)
        if noun == "rebuild":
            _inner(schema, noun)["properties"].pop("user_data", None)
        return schema

    return narrow


def optional_networks(schema: Item) -> Item:
    server = _inner(schema, "server")
    server["required"] = [name for name in server["required"] if name != "networks"]
    networks = next(one for one in server["properties"]["networks"]["anyOf"] if one.get("type") == "array")
    for name in ("uuid", "port"):
        networks["items"]["properties"][name] = {"type": ["string", "null"], "maxLength": 255}
    server["properties"]["networks"] = networks
    return schema


def networks_left_open(body: Item) -> Item:
    server = body["server"] if "networks" in body["server"] else {**body["server"], "networks": "any"}
    return {**body, "server": server}


def without_network_tags(schema: Item) -> Item:
    networks = _inner(schema, "server")["properties"]["networks"]
    for one in networks.get("anyOf", [networks]):
        if one.get("type") == "array":
            one["items"]["properties"].pop("tag", None)
    return schema


def without_volume_types(schema: Item) -> Item:
    _inner(schema, "server")["properties"]["block_device_mapping_v2"]["items"]["properties"].pop("volume_type", None)
    return schema


def short_hostname(noun: str) -> Any:
    def narrow(schema: Item) -> Item:
        properties = _inner(schema, noun)["properties"]
        if "hostname" in properties:
            properties["hostname"] = string(least=2, most=63, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$")
        return schema

    return narrow


def list_of_policies(schema: Item) -> Item:
    group = _inner(schema, "server_group")
    policy = group["properties"].pop("policy")
    group["properties"].pop("rules", None)
    group["properties"]["policies"] = {"type": "array", "items": policy, "minItems": 1, "maxItems": 1}
    group["required"] = ["name", "policies"]
    return schema


def one_policy(body: Item) -> Item:
    group = dict(body["server_group"])
    if "policies" in group:
        group["policy"] = group.pop("policies")[0]
    return {**body, "server_group": group}


def hard_policies(schema: Item) -> Item:
    _inner(schema, "server_group")["properties"]["policies"]["items"] = one_of("affinity", "anti-affinity")
    return schema


def more_quotas(*names: str) -> Any:
    def narrow(schema: Item) -> Item:
        inner = next(iter(schema["properties"].values()))["properties"]
        for name in names:
            inner[name] = inner["cores"]
        return schema

    return narrow


def less_quotas(*names: str) -> Any:
    """Quotas of what is no more are accepted and forgotten."""

    def up(body: Item) -> Item:
        return {noun: {k: v for k, v in quotas.items() if k not in names} for noun, quotas in body.items()}

    return up


def anything_in(noun: str) -> Any:
    def narrow(schema: Item) -> Item:
        schema["properties"][noun] = {}
        return schema

    return narrow


_BOOLEAN = one_of(True, False, "true", "false", "True", "False", "1", "0", 1, 0)


def with_force(schema: Item) -> Item:
    _inner(schema, "evacuate")["properties"]["force"] = _BOOLEAN
    return schema


def without_force(schema: Item) -> Item:
    _inner(schema, "evacuate")["properties"].pop("force")
    return schema


def on_shared_storage(schema: Item) -> Item:
    _inner(schema, "evacuate")["properties"]["onSharedStorage"] = _BOOLEAN
    _inner(schema, "evacuate")["required"] = ["onSharedStorage"]
    return schema


def live_with_overcommit(schema: Item) -> Item:
    inner = _inner(schema, "os-migrateLive")
    inner["properties"] |= {"disk_over_commit": _BOOLEAN, "block_migration": _BOOLEAN}
    inner["required"] = ["block_migration", "disk_over_commit", "host"]
    return schema


def live_with_force(schema: Item) -> Item:
    _inner(schema, "os-migrateLive")["properties"]["force"] = _BOOLEAN
    return schema


def live_without_force(schema: Item) -> Item:
    _inner(schema, "os-migrateLive")["properties"].pop("force")
    return schema


def zone_only(schema: Item) -> Item:
    inner = _inner(schema, "unshelve")
    inner["properties"] = {"availability_zone": string(least=1)}
    inner["required"] = ["availability_zone"]
    return schema


def no_place(body: Item) -> Item:
    return {"unshelve": None}


def no_host(body: Item) -> Item:
    return {"migrate": None}


def no_reason(body: Item) -> Item:
    return {"lock": None}
