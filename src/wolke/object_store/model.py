"""What the store keeps: accounts, containers, objects and their versions.

A *stamp* is a moment as the store counts it: hundred-thousandths of a second since 1970, never the same twice in one process.
It shows as Swift's ``X-Timestamp`` and as the version id of both doors, ``1700000000.12345``.

``headers`` are what a client may see and set, by lower-case name; ``system`` is for the store and its doors alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

TICKS_PER_S = 100_000

MARKER = "marker"  # Object.kind: a version that says that the object was deleted
MANIFEST = "slo"  # its data lists segments
LINK = "symlink"

ENABLED = "enabled"
SUSPENDED = "suspended"


class Account(msgspec.Struct, frozen=True, array_like=True):
    name: str
    created: int
    changed: int
    headers: dict[str, str] = {}
    system: dict[str, str] = {}


class Container(msgspec.Struct, frozen=True, array_like=True):
    """``id``: 8 bytes of its own, so that a container of the same name made later shares nothing with it."""

    id: bytes
    account: str
    name: str
    policy: str
    created: int
    changed: int
    headers: dict[str, str] = {}
    system: dict[str, str] = {}

    @property
    def versioning(self) -> str:
        """``enabled``, ``suspended``, or nothing: then an object that is written again is gone."""
        return self.system.get("versioning", "")


class ContainerRow(msgspec.Struct, frozen=True, array_like=True):
    """What an account knows of a container: the rest is in the container itself."""

    id: bytes
    policy: str
    created: int


class Object(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``version`` is 0 for what was written while versions were not kept (S3's ``null``), else its stamp.

    ``aside``: this is the current version, and its data lies under the version's key. ``stored`` are the bytes it takes
    up, where that is not ``size`` (a manifest is small, and what it lists is large).
    """

    stamp: int
    size: int
    etag: str
    content_type: str
    headers: dict[str, str] = {}
    system: dict[str, str] = {}
    kind: str = ""
    version: int = 0
    aside: bool = False
    stored: int = -1

    @property
    def octets(self) -> int:
        return self.size if self.stored < 0 else self.stored


class Stat(NamedTuple):
    """Of one policy in an account, or of all."""

    containers: int = 0
    objects: int = 0
    octets: int = 0


class ContainerListed(NamedTuple):
    name: str
    objects: int
    octets: int
    created: int
    policy: str


class Prefix(NamedTuple):
    """All the names that begin so, up to the delimiter: Swift's ``subdir``, S3's ``CommonPrefixes``."""

    name: str


class Listed(msgspec.Struct, frozen=True, gc=False):
    """``latest`` matters in lists of versions only."""

    name: str
    object: Object
    latest: bool = True


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What part of a list is wanted. ``marker`` and ``end_marker`` themselves are left out. ``path`` lists one folder without
    the folders in it."""

    limit: int
    prefix: str = ""
    marker: str = ""
    end_marker: str = ""
    delimiter: str = ""
    path: str | None = None
    reverse: bool = False


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a new object but its data. ``size``, where it is not that of the data; ``due_s``: when it expires."""

    content_type: str
    etag: str
    headers: Mapping[str, str] = {}
    system: Mapping[str, str] = {}
    kind: str = ""
    size: int = -1
    due_s: int | None = None


class Received(NamedTuple):
    """What came in: hexadecimal MD5 and bytes."""

    md5: str
    size: int


class Removed(NamedTuple):
    """``marker``: the version that now says the object is deleted. ``gone``: what was really deleted. ``was_there``: whether the
    name had a current object."""

    marker: Object | None
    gone: Object | None
    was_there: bool = True


def stamp_text(stamp: int) -> str:
    return f"{stamp // TICKS_PER_S:010d}.{stamp % TICKS_PER_S:05d}"


def parse_stamp(text: str) -> int | None:
    seconds, dot, rest = text.partition(".")
    if not (dot and seconds.isascii() and seconds.isdigit() and rest.isascii() and rest.isdigit()):
        return None
    return int(seconds) * TICKS_PER_S + int(rest) if len(rest) == 5 and len(seconds) == 10 else None


def version_text(version: int) -> str:
    return stamp_text(version) if version else "null"


def described(value: Object, **changes: Any) -> Object:
    """The same object with some fields changed."""
    return msgspec.structs.replace(value, **changes)
