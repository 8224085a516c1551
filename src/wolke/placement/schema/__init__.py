"""Bodies, as the newest version of each window in ``api.ROUTES`` has them."""

from __future__ import annotations

from typing import Any

from wolke.core import schema
from wolke.placement.model import MAX_INT

Schema = dict[str, Any]

_GENERATION: Schema = {"type": "integer", "minimum": -(2**31), "maximum": 2**53}
_UUID_KEY = r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"
_CLASS_KEY = r"^[A-Z0-9_]{1,255}$"
_ACCOUNT = schema.string(least=1)
_CUSTOM = schema.string(least=1, pattern=r"^CUSTOM_[A-Z0-9_]+$")

PROVIDER_CREATE = schema.record(
    {
        "name": schema.string(least=1, most=200),
        "uuid": schema.UUID,
        "parent_provider_uuid": schema.nullable(schema.UUID),
    },
    required=("name",),
)
PROVIDER_UPDATE = schema.record(
    {"name": schema.string(least=1, most=200), "parent_provider_uuid": schema.nullable(schema.UUID)}, required=("name",)
)

_INVENTORY: Schema = {
    "total": {"type": "integer", "minimum": 1, "maximum": MAX_INT},
    "reserved": {"type": "integer", "minimum": 0, "maximum": MAX_INT},
    "min_unit": {"type": "integer", "minimum": 1, "maximum": MAX_INT},
    "max_unit": {"type": "integer", "minimum": 1, "maximum": MAX_INT},
    "step_size": {"type": "integer", "minimum": 1, "maximum": MAX_INT},
    "allocation_ratio": {"type": "number", "minimum": 0, "maximum": 3.40282e38},
}
_NEEDED = ("total",)
_GENERATION_FIELD = {"resource_provider_generation": _GENERATION}
INVENTORY_CREATE = schema.record(
    {**_INVENTORY, **_GENERATION_FIELD, "resource_class": schema.string(least=1, pattern=_CLASS_KEY)},
    required=("total", "resource_class"),
)
INVENTORY_UPDATE = schema.record(
    {**_INVENTORY, **_GENERATION_FIELD}, required=("total", "resource_provider_generation")
)
_INVENTORIES: Schema = {
    "type": "object",
    "patternProperties": {_CLASS_KEY: schema.record(_INVENTORY, required=_NEEDED)},
    "additionalProperties": False,
    "maxProperties": 1000,
}
INVENTORIES = schema.record(
    {**_GENERATION_FIELD, "inventories": _INVENTORIES}, required=("resource_provider_generation", "inventories")
)

_AGGREGATE_LIST = schema.array(schema.UUID, most=1000, unique=True)
AGGREGATES_LIST: Schema = _AGGREGATE_LIST
AGGREGATES = schema.record(
    {**_GENERATION_FIELD, "aggregates": _AGGREGATE_LIST}, required=("resource_provider_generation", "aggregates")
)
TRAITS = schema.record(
    {**_GENERATION_FIELD, "traits": schema.array(schema.string(least=1), most=1000, unique=True)},
    required=("resource_provider_generation", "traits"),
)
RESOURCE_CLASS = schema.record({"name": _CUSTOM}, required=("name",))

_RESOURCES: Schema = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 100,
    "patternProperties": {_CLASS_KEY: {"type": "integer", "minimum": 1, "maximum": MAX_INT}},
    "additionalProperties": False,
}
_OWNER: Schema = {"project_id": _ACCOUNT, "user_id": _ACCOUNT}
_WHOSE = ("project_id", "user_id")


def _as_list(whose: bool) -> Schema:
    """1.0 to 1.11: a list with the provider inside."""
    one = schema.record(
        {"resource_provider": schema.record({"uuid": schema.UUID}, required=("uuid",)), "resources": _RESOURCES},
        required=("resource_provider", "resources"),
    )
    allocations = {**schema.array(one, most=1000), "minItems": 1}
    needed = ("allocations", *(_WHOSE if whose else ()))
    return schema.record({"allocations": allocations, **(_OWNER if whose else {})}, required=needed)


def _by_provider(empty: bool) -> Schema:
    one = schema.record({"resources": _RESOURCES, "generation": {"type": "integer"}}, required=("resources",))
    return {
        "type": "object",
        "minProperties": 0 if empty else 1,
        "maxProperties": 1000,
        "patternProperties": {_UUID_KEY: one},
        "additionalProperties": False,
    }


_MAPPINGS: Schema = {
    "type": "object",
    "maxProperties": 1000,
    "patternProperties": {"^[a-zA-Z0-9_-]{0,64}$": {**schema.array(schema.UUID), "minItems": 1}},
    "additionalProperties": False,
}


def _set(*, empty: bool, generation: bool = False, mappings: bool = False, kind: bool = False) -> Schema:
    fields: Schema = {"allocations": _by_provider(empty), **_OWNER}
    needed = ["allocations", *_WHOSE]
    if generation:
        fields["consumer_generation"] = schema.nullable(_GENERATION)
        needed.append("consumer_generation")
    if mappings:
        fields["mappings"] = _MAPPINGS
    if kind:
        fields["consumer_type"] = schema.string(least=1, pattern="^([A-Z0-9_]+|unknown)$")
        needed.append("consumer_type")
    return schema.record(fields, required=tuple(needed))


def _many(one: Schema) -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1000,
        "patternProperties": {_UUID_KEY: one},
        "additionalProperties": False,
    }


def _reshape(sets: Schema) -> Schema:
    one = schema.record(
        {**_GENERATION_FIELD, "inventories": _INVENTORIES}, required=("resource_provider_generation", "inventories")
    )
    inventories = {**_many(one), "minProperties": 0}
    return schema.record(
        {"inventories": inventories, "allocations": {**_many(sets), "minProperties": 0}},
        required=("inventories", "allocations"),
    )


# (first version, last version, body) of PUT /allocations/{consumer}, POST /allocations and POST /reshaper
SET_WINDOWS: tuple[tuple[str, str, Schema], ...] = (
    ("1.0", "1.7", _as_list(False)),
    ("1.8", "1.11", _as_list(True)),
    ("1.12", "1.27", _set(empty=False)),
    ("1.28", "1.33", _set(empty=True, generation=True)),
    ("1.34", "1.37", _set(empty=True, generation=True, mappings=True)),
    ("1.38", "1.999", _set(empty=True, generation=True, mappings=True, kind=True)),
)
MANY_WINDOWS: tuple[tuple[str, str, Schema], ...] = (
    ("1.13", "1.27", _many(_set(empty=True))),
    *((since, until, _many(one)) for since, until, one in SET_WINDOWS[3:]),
)
RESHAPE_WINDOWS: tuple[tuple[str, str, Schema], ...] = (
    ("1.30", "1.33", _reshape(SET_WINDOWS[3][2])),
    *((since, until, _reshape(one)) for since, until, one in SET_WINDOWS[4:]),
)
