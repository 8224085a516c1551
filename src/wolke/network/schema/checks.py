"""What values may be. Each check returns the value as it is kept, or raises ``ValueError`` with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from wolke.core import ids

Check = Callable[[Any], Any]
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LABEL = re.compile(r"(?!-)[a-zA-Z0-9-]{1,63}(?<!-)")
_BIGGEST = 2**31 - 1
_SHOWN = 80


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def text(most: int = 255, *, least: int = 0) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is not a valid string")
        if len(value) > most:
            raise ValueError(f"{shown(value)} exceeds maximum length of {most}")
        if len(value) < least:
            raise ValueError(f"{shown(value)} is shorter than {least}")
        return value

    return check


def optional(check: Check, *, empty: Any = None) -> Check:
    """None is kept as ``empty``."""
    return lambda value: empty if value is None else check(value)


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        word = str(value).lower()
        if word in ("true", "1"):
            return True
        if word in ("false", "0"):
            return False
    raise ValueError(f"{shown(value)} cannot be converted to boolean")


def integer(least: int = 0, most: int = _BIGGEST) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"{shown(value)} is not an integer")
        if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise ValueError(f"{shown(value)} is not an integer")
        number = int(value)
        if not least <= number <= most:
            raise ValueError(f"{shown(value)} is not in the range {least} to {most}")
        return number

    return check


def one_of(*values: Any) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, list | dict) or value not in values:
            raise ValueError(f"{shown(value)} is not in {list(values)}")
        return value

    return check


def identifier(value: Any) -> str:
    if not isinstance(value, str) or not ids.is_uuid(value):
        raise ValueError(f"{shown(value)} is not a valid UUID")
    return value


def address(value: Any) -> str:
    """An address in its shortest form."""
    if not isinstance(value, str) or "%" in value:
        raise ValueError(f"{shown(value)} is not a valid IP address")
    try:
        found = ip_address(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a valid IP address") from None
    return str(found)


def cidr(value: Any, *, strict: bool = False) -> str:
    """A network; the host's bits are cleared."""
    return str(network(value, strict=strict))


def network(value: Any, *, strict: bool = False) -> IPv4Network | IPv6Network:
    if not isinstance(value, str) or "%" in value:
        raise ValueError(f"{shown(value)} is not a valid IP subnet")
    try:
        return ip_network(value, strict=strict)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a valid IP subnet") from None


def whole_cidr(value: Any) -> str:
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(f"{shown(value)} isn't a recognized IP subnet cidr")
    return cidr(value)


def address_or_cidr(value: Any) -> str:
    if isinstance(value, str) and "/" in value:
        return cidr(value)
    return address(value)


def mac(value: Any) -> str:
    if isinstance(value, str):
        lower = value.lower().replace("-", ":")
        if _MAC.fullmatch(lower) and lower != "00:00:00:00:00:00" and not int(lower[:2], 16) & 1:
            return lower
    raise ValueError(f"{shown(value)} is not a valid MAC address")


def dns_label(value: Any) -> str:
    if value in ("", None):
        return ""
    if not isinstance(value, str) or len(value) > 255 or not all(map(_LABEL.fullmatch, value.rstrip(".").split("."))):
        raise ValueError(f"{shown(value)} is not a valid DNS name")
    return value


def listing(check: Check, *, most: int = 1000, unique: bool = False) -> Check:
    def every(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueError(f"{shown(value)} is not a list")
        if len(value) > most:
            raise ValueError(f"there are more than {most} items")
        found = [check(item) for item in value]
        if unique and any(item in found[:at] for at, item in enumerate(found)):
            raise ValueError(f"duplicate items in the list: {shown(value)}")
        return found

    return every


def mapping(fields: dict[str, Check], *, required: Iterable[str] = ()) -> Check:
    """An object with these keys and no others."""
    needed = frozenset(required)

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"{shown(value)} is not a dictionary")
        if unknown := sorted(set(value) - set(fields)):
            raise ValueError(f"unexpected keys supplied: {', '.join(unknown)[:200]}")
        if missing := sorted(needed - set(value)):
            raise ValueError(f"required keys are missing: {', '.join(missing)}")
        return {key: fields[key](item) for key, item in value.items()}

    return check


def anything(most: int = 4096) -> Check:
    """A free object (a binding profile) of bounded size."""

    def check(value: Any) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ValueError(f"{shown(value)} is not a dictionary")
        if len(repr(value)) > most:
            raise ValueError(f"it is larger than {most} characters")
        return value

    return check


Address = IPv4Address | IPv6Address
