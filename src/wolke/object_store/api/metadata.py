"""Headers in: what a client may set on accounts and containers, and how it takes away.

``X-Container-Meta-Colour: blue`` sets, an empty value or ``X-Remove-Container-Meta-Colour: x`` takes away. What the answer
shows is the same headers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wolke.core.errors import BadRequest
from wolke.object_store.errors import BadMetadata
from wolke.object_store.service.limits import HEADER_BYTES

OWNER_ONLY = frozenset(
    {
        "x-account-access-control",
        "x-container-read",
        "x-container-write",
        "x-container-sync-key",
        "x-container-sync-to",
        "x-account-meta-temp-url-key",
        "x-account-meta-temp-url-key-2",
        "x-container-meta-temp-url-key",
        "x-container-meta-temp-url-key-2",
    }
)
_CONTROL = frozenset(map(chr, (*range(0x20), 0x7F))) - {"\t"}


def changes(headers: Mapping[str, str], noun: str, more: Iterable[str] = ()) -> dict[str, str | None]:
    """What the request wants of ``X-{noun}-Meta-…`` and of the headers named in ``more``. None: away with it."""
    prefix = f"x-{noun}-meta-"
    removal = f"x-remove-{noun}-meta-"
    found: dict[str, str | None] = {}
    for name, value in headers.items():
        if len(value) > HEADER_BYTES:
            check_value(name, value)
        if name.startswith(prefix):
            check_value(name, value)
            if name == prefix:
                raise BadMetadata("Metadata name cannot be empty")
            found[name] = value.strip() or None
        elif name.startswith(removal):
            found.setdefault(prefix + name[len(removal) :], None)
    for name in more:
        if name in headers:
            check_value(name, headers[name])
            found[name] = headers[name].strip() or None
        elif "x-remove-" + name.removeprefix("x-") in headers:
            found[name] = None
    return found


def check_value(name: str, value: str) -> None:
    if len(value) > HEADER_BYTES:
        raise BadMetadata(f"Header value too long: {name[:64]}")
    if value.isascii() and value.isprintable():
        return
    try:
        value.encode()
        name.encode()
    except UnicodeEncodeError:
        raise BadRequest("Metadata must be valid UTF-8") from None
    if not _CONTROL.isdisjoint(value):
        raise BadRequest("Metadata may hold no control characters")


def visible(headers: Mapping[str, str], *, owner: bool) -> dict[str, str]:
    """Keys and access lists are for owners."""
    if owner:
        return dict(headers)
    return {name: value for name, value in headers.items() if name not in OWNER_ONLY}
