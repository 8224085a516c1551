"""``application/openstack-images-v2.1-json-patch`` (and v2.0's older spelling): operations turned into changes of a record.

Pure: ``changes(image, operations)`` says what the record's columns would become, or refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wolke.core.errors import BadRequest
from wolke.core.schema import compile_schema
from wolke.image import errors
from wolke.image.model import Image
from wolke.image.schema.images import COLUMNS, PROPERTY, READ_ONLY, RESERVED, RESERVED_PREFIX, WRITABLE

MEDIA_TYPE = "application/openstack-images-v2.1-json-patch"
OLD_MEDIA_TYPE = "application/openstack-images-v2.0-json-patch"
_VERBS = ("add", "replace", "remove")
_NAME_MAX = 255


@dataclass(frozen=True, slots=True)
class Operation:
    verb: str
    name: str
    value: Any = None


def operations(body: Iterable[Mapping[str, Any]], *, old: bool = False) -> list[Operation]:
    return [_old(one) if old else _new(one) for one in body]


def _new(one: Mapping[str, Any]) -> Operation:
    verb = one.get("op")
    if verb not in _VERBS:
        raise BadRequest(f"Operations must be choosen from {', '.join(_VERBS)}: {str(verb)[:64]!r} is none of them.")
    return _operation(str(verb), one.get("path"), one)


def _old(one: Mapping[str, Any]) -> Operation:
    verbs = [verb for verb in _VERBS if verb in one]
    if len(verbs) != 1:
        raise BadRequest("Operation objects must contain only one member named add, remove, or replace.")
    return _operation(verbs[0], one[verbs[0]], one)


def _operation(verb: str, path: Any, one: Mapping[str, Any]) -> Operation:
    if not isinstance(path, str) or not path.startswith("/"):
        raise BadRequest(f"Pointer {str(path)[:64]!r} does not start with '/'.")
    name = path[1:]
    if not name or "/" in name or "~" in name.replace("~0", "").replace("~1", ""):
        if name.partition("/")[0] in (*RESERVED, *READ_ONLY):
            raise errors.Reserved(name.partition("/")[0])
        raise BadRequest(f"Invalid JSON pointer for this resource: {path[:64]!r}")
    if verb != "remove" and "value" not in one:
        raise BadRequest(f"Operation {verb!r} requires a member named 'value'.")
    name = name.replace("~1", "/").replace("~0", "~")
    if len(name) > _NAME_MAX:
        raise BadRequest(f"Property name {name[:64]!r}… is longer than {_NAME_MAX} characters.")
    return Operation(verb, name, one.get("value"))


_CHECKS: dict[str, Callable[[Any], None]] = {
    name: compile_schema({"type": "object", "properties": {name: shape}}) for name, shape in WRITABLE.items()
}
_CHECK_PROPERTY = compile_schema({"type": "object", "additionalProperties": PROPERTY})


def changes(image: Image, wanted: Iterable[Operation]) -> dict[str, Any]:
    """By column. Custom properties and tags come back whole, and only if they changed."""
    columns: dict[str, Any] = {}
    properties = dict(image.properties)
    for one in wanted:
        refuse_unwritable(one.name)
        if one.name in WRITABLE:
            if one.verb == "remove":
                raise errors.CannotRemove(one.name)
            _CHECKS[one.name]({one.name: one.value})
            columns[COLUMNS[one.name]] = list(dict.fromkeys(one.value)) if one.name == "tags" else one.value
        else:
            _change_property(properties, one)
    if properties != image.properties:
        columns["properties"] = properties
    return {name: value for name, value in columns.items() if value != getattr(image, name)}


def _change_property(properties: dict[str, str | None], one: Operation) -> None:
    if one.verb != "add" and one.name not in properties:
        raise errors.NoSuchProperty(one.name)
    if one.verb == "remove":
        del properties[one.name]
        return
    _CHECK_PROPERTY({one.name: one.value})
    properties[one.name] = one.value


def refuse_unwritable(name: str) -> None:
    if name == "id" or name in READ_ONLY:
        raise errors.ReadOnly(name)
    if name in RESERVED or name.startswith(RESERVED_PREFIX):
        raise errors.Reserved(name)
