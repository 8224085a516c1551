"""Bodies and queries checked at the door against JSON Schema, with messages that name the field.

``validator(schema)`` is compiled once per schema and version. Formats that OpenStack's schemas use and JSON Schema lacks are
patterns here, so that a table of properties reads like the API reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema_rs

from wolke.core.errors import BadRequest

JsonSchema = dict[str, Any]

_SHOWN = 200  # characters of a wrong value that are repeated back
_SECRET = frozenset({"password", "original_password", "adminPass", "admin_pass", "secret", "blob"})
_NAMES_ONLY = frozenset({"Required", "AdditionalProperties"})  # errors whose message holds names and no value


def compile_schema(schema: JsonSchema) -> Callable[[Any], None]:
    """A function that raises ``BadRequest`` in Nova's words for the first thing wrong."""
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)

    def check(value: Any) -> None:
        if validator.is_valid(value):
            return
        raise BadRequest(explain(next(iter(validator.iter_errors(value)))))

    return check


def explain(error: Any) -> str:
    """What is wrong and where; values near a password or a secret are not repeated."""
    path = [str(part) for part in error.instance_path]
    if (_SECRET & set(path)) or _holds_secret(error.instance):
        about = error.message if type(error.kind).__name__ in _NAMES_ONLY else "It is not as it must be."
        return f"Invalid input for field/attribute {path[-1] if path else 'body'}. {about[:_SHOWN]}"
    reason = error.message if len(error.message) <= _SHOWN * 2 else error.message[: _SHOWN * 2] + "…"
    if not path:
        return f"Invalid input: {reason}"
    value = repr(error.instance)
    shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    return f"Invalid input for field/attribute {path[-1]}. Value: {shown}. {reason}"


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return not _SECRET.isdisjoint(value) or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def body(name: str, properties: JsonSchema, *, required: tuple[str, ...] = (), additional: bool = False) -> JsonSchema:
    """``{name: {…}}``, the envelope that most OpenStack bodies come in."""
    return {
        "type": "object",
        "properties": {name: record(properties, required=required, additional=additional)},
        "required": [name],
        "additionalProperties": False,
    }


def record(properties: JsonSchema, *, required: tuple[str, ...] = (), additional: bool = False) -> JsonSchema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": additional,
    }


def nullable(schema: JsonSchema) -> JsonSchema:
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(*values: Any) -> JsonSchema:
    return {"enum": list(values)}


def array(items: JsonSchema, *, most: int = 1000, unique: bool = False) -> JsonSchema:
    return {"type": "array", "items": items, "maxItems": most, "uniqueItems": unique}


def string(*, least: int = 0, most: int = 255, pattern: str | None = None) -> JsonSchema:
    schema: JsonSchema = {"type": "string", "minLength": least, "maxLength": most}
    return schema | {"pattern": pattern} if pattern else schema


def integer(least: int = 0, most: int = 2**31 - 1) -> JsonSchema:
    """A number, or its digits in quotes, as many clients send them: read it with ``int()``."""
    return {
        "anyOf": [
            {"type": "integer", "minimum": least, "maximum": most},
            {"type": "string", "pattern": r"^-?[0-9]{1,10}$"},
        ]
    }


NAME = string(least=1, pattern=r"^[^\x00-\x1f\x7f]*$")
DESCRIPTION = nullable(string(most=65535, pattern=r"^[^\x00]*$"))
BOOLEAN: JsonSchema = {"enum": [True, False, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t",
                                "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f"]}  # fmt: skip
UUID = string(pattern=r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$")
METADATA = {
    "type": "object",
    "maxProperties": 1024,  # how many there may be is a matter of quota
    "patternProperties": {r"^[^\x00]{1,255}$": string(pattern=r"^[^\x00]*$")},
    "additionalProperties": False,
}

_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
_FALSE = frozenset({"0", "f", "false", "off", "n", "no"})


def boolean(value: Any, name: str = "value") -> bool:
    """What ``BOOLEAN`` admits, as a bool; also for query strings. ``BadRequest`` for anything else."""
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadRequest(f"Invalid input for {name}: {str(value)[:_SHOWN]!r} is not a boolean.")
