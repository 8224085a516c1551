"""How accounts, containers and objects lie in the driver's ordered map.

    partition of an account     ``a``              the account
                                ``c`` name         a row for each container; counts as one
    partition of a container    0x01               the container itself; without it there is none
                                ``o`` name         the current object; counts as one. Lists read these
                                ``v`` name 0 ~stamp  a version, the newest first; its data counts, it does not
                                ``u`` name 0 id    a multipart upload that goes on
                                ``p`` id number    a part of it

No name holds a NUL, so a name and what follows it sort as they should. The tally of an account's own partition is its number
of containers; that of all its partitions less this one, its objects and bytes.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TypeVar

import msgspec

from wolke.object_store.drivers.base import Put
from wolke.object_store.model import Account, Container, ContainerRow, Object

T = TypeVar("T")

ACCOUNT = b"a"
HEAD = b"\x01"
OBJECTS = b"o"
VERSIONS = b"v"
UPLOADS = b"u"
PARTS = b"p"
ROWS = b"c"

_STAMP_LIMIT = (1 << 64) - 1

encode = msgspec.msgpack.Encoder().encode
account_of = msgspec.msgpack.Decoder(Account).decode
container_of = msgspec.msgpack.Decoder(Container).decode
row_of = msgspec.msgpack.Decoder(ContainerRow).decode
object_of = msgspec.msgpack.Decoder(Object).decode


@lru_cache(4096)
def account_id(account: str) -> bytes:
    return hashlib.blake2b(account.encode(), digest_size=8).digest()


def account_partition(account: str) -> bytes:
    return account_id(account) + bytes(8)


def container_partition(container: Container) -> bytes:
    return account_id(container.account) + container.id


def row_key(container: str) -> bytes:
    return ROWS + container.encode()


def object_key(name: str) -> bytes:
    return OBJECTS + name.encode()


def versions_of(name: str) -> bytes:
    """What the keys of all versions of ``name`` begin with."""
    return VERSIONS + name.encode() + b"\0"


def version_key(name: str, stamp: int) -> bytes:
    return versions_of(name) + (_STAMP_LIMIT - stamp).to_bytes(8, "big")


def version_name(key: bytes) -> str:
    """The name in a version's key."""
    return key[1:-9].decode()


def after(prefix: bytes) -> bytes:
    """The least key behind all those that begin with ``prefix``, which ends in no 0xff."""
    return prefix[:-1] + bytes((prefix[-1] + 1,))


def current(name: str, value: Object, pieces: tuple[object, ...], due_s: int | None) -> Put:
    """The row that lists read."""
    return Put(object_key(name), encode(value), pieces, 1, 0 if value.aside else value.octets, due_s)  # type: ignore[arg-type]


def kept(name: str, value: Object, pieces: tuple[object, ...]) -> Put:
    """A version under its own key."""
    return Put(version_key(name, value.stamp), encode(value), pieces, 0, value.octets)  # type: ignore[arg-type]
