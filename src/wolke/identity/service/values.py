"""Bodies of create and update: the fields a record knows, and the rest, which Keystone keeps and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wolke.identity.errors import Immutable, Invalid

MOST_EXTRA_BYTES = 65_536
NEVER_KEPT = frozenset({"id", "links", "password", "original_password", "password_expires_at"})

Values = Mapping[str, Any]


def split(
    values: Values, known: frozenset[str], old_extra: Values | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """``(known fields, extra)``; extra is merged over the old. 400 if it grows too large."""
    fields = {name: value for name, value in values.items() if name in known}
    more = {name: value for name, value in values.items() if name not in known and name not in NEVER_KEPT}
    extra = {**(old_extra or {}), **more}
    try:
        size = len(msgspec.json.encode(extra))
    except (msgspec.MsgspecError, OverflowError, UnicodeEncodeError):
        raise Invalid("An extra attribute holds a value that cannot be kept.") from None
    if size > MOST_EXTRA_BYTES:
        raise Invalid(f"Extra attributes may take at most {MOST_EXTRA_BYTES} bytes.")
    return fields, extra


def options(old: Values, given: Values | None) -> dict[str, Any]:
    """Options changed one by one; null takes one away."""
    return {name: value for name, value in {**old, **(given or {})}.items() if value is not None}


def check_same_id(values: Values, identifier: str, noun: str) -> None:
    if values.get("id", identifier) != identifier:
        raise Invalid(f"Cannot change {noun} ID")


def check_mutable(noun: str, record: Any, verb: str, values: Values | None = None) -> None:
    """An immutable record takes one change only: that it is immutable no more."""
    if not record.options.get("immutable"):
        return
    if values is not None and set(values) == {"options"} and not (values["options"] or {}).get("immutable", True):
        return
    raise Immutable(noun, record.id, verb)
