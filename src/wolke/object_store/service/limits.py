"""How long a name and how much metadata may be. The numbers are what ``/info`` shows."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.object_store.errors import BadMetadata, BadName

ACCOUNT_NAME_BYTES = 256
CONTAINER_NAME_BYTES = 256
OBJECT_NAME_BYTES = 1024
META_NAME_BYTES = 128
META_VALUE_BYTES = 256
META_COUNT = 90
META_BYTES = 4096
HEADER_BYTES = 8192
OBJECT_BYTES = 5 * (1 << 30) + 2
LISTING = 10_000


def check_container_name(name: str) -> None:
    _check(name, CONTAINER_NAME_BYTES, "Container")
    if "/" in name:
        raise BadName("Container name cannot contain slashes")


def check_object_name(name: str) -> None:
    _check(name, OBJECT_NAME_BYTES, "Object")


def _check(name: str, limit_bytes: int, noun: str) -> None:
    try:
        size = len(name) if name.isascii() else len(name.encode())
    except UnicodeEncodeError:
        raise BadName("Invalid UTF8 or contains NULL") from None
    if not name or "\0" in name:
        raise BadName("Invalid UTF8 or contains NULL")
    if size > limit_bytes:
        raise BadName(f"{noun} name length of {size} longer than {limit_bytes}")


def check_metadata(noun: str, metadata: Mapping[str, str]) -> None:
    """All the metadata that a resource would then have: names without their prefix (``X-Object-Meta-``), and values."""
    total = 0
    for name, value in metadata.items():
        name_bytes, value_bytes = len(name.encode()), len(value.encode())
        total += name_bytes + value_bytes
        if not name:
            raise BadMetadata("Metadata name cannot be empty")
        if name_bytes > META_NAME_BYTES:
            raise BadMetadata(f"Metadata name too long: X-{noun}-Meta-{name[:META_NAME_BYTES]}")
        if value_bytes > META_VALUE_BYTES:
            raise BadMetadata(f"Metadata value longer than {META_VALUE_BYTES}: X-{noun}-Meta-{name}")
    if len(metadata) > META_COUNT:
        raise BadMetadata(f"Too many metadata items; max {META_COUNT}")
    if total > META_BYTES:
        raise BadMetadata(f"Total metadata too large; max {META_BYTES}")
