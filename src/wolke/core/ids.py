"""Identifiers: UUIDs with hyphens for most, 32 hexadecimal digits where Keystone has always used those."""

from __future__ import annotations

import os
import re

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_HEX_DIGITS = 32


def hex_id() -> str:
    """A random UUID (version 4) as 32 hexadecimal digits."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return raw.hex()


def uuid() -> str:
    """A random UUID (version 4) with hyphens."""
    return hyphenated(hex_id())


def hyphenated(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def request_id() -> str:
    return "req-" + uuid()


def is_uuid(text: str) -> bool:
    """With or without hyphens, in either case."""
    return len(text) in (_HEX_DIGITS, _HEX_DIGITS + 4) and _UUID.fullmatch(text) is not None
