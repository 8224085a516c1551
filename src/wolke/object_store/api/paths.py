"""Where a request goes: the raw path, so that a name keeps every slash and escape that it was sent with.

    /v1/account  ·  /v1/account/container  ·  /v1/account/container/any/thing//at all/

A path that is not UTF-8 or holds a NUL is 412, one that skips its account or its container 404.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from wolke.core.errors import BadRequest, NotFound
from wolke.object_store.errors import PreconditionFailed

VERSIONS = ("v1", "v1.0")


class Place(NamedTuple):
    account: str
    container: str
    name: str


def parse(raw: bytes) -> Place:
    """Of a path that begins with a version."""
    try:
        path = (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise PreconditionFailed("Invalid UTF8 or contains NULL") from None
    if "\0" in path:
        raise PreconditionFailed("Invalid UTF8 or contains NULL")
    parts = path.split("/", 4)
    if len(parts) < 2 or parts[0]:
        raise NotFound
    parts += ("", "", "")
    _, version, account, container, name = parts[:5]
    if not version or (not account and (container or name)) or (name and not container):
        raise NotFound
    if not account:
        raise PreconditionFailed("Bad URL")
    if version not in VERSIONS:
        raise BadRequest
    return Place(account, container, name)


def quoted(account: str, container: str = "", name: str = "") -> str:
    """The path of it, as a link says it."""
    path = "/v1/" + quote(account)
    if container:
        path += "/" + quote(container)
    return f"{path}/{quote(name)}" if name else path
