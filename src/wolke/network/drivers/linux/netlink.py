"""Speaking to netfilter in the kernel without a tool in between: a question costs microseconds, a process milliseconds.

Only what is asked often or what `nft` cannot do is asked here; everything that must be read by people is nft text.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

REQUEST, ACK, DUMP = 1, 4, 0x300
NESTED = 0x8000
_NETFILTER = 12
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_BUFFER_BYTES = 1 << 18


class Netfilter:
    """A socket in the namespace of the thread that makes it."""

    def __init__(self, subsystem: int) -> None:
        self._subsystem = subsystem
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
        self._socket.bind((0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, verb: int, flags: int, family: int, attributes: bytes = b"") -> list[bytes]:
        """The bodies of the answer's messages. Raises ``OSError`` with what the kernel says went wrong."""
        body = struct.pack("=BBH", family, 0, 0) + attributes
        kind = self._subsystem << 8 | verb
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, REQUEST | flags, 1, 0) + body)
        return list(self._answers())

    def _answers(self) -> Iterator[bytes]:
        while True:
            data = self._socket.recv(_BUFFER_BYTES)
            while len(data) >= _HEADER.size:
                length, kind, _, _, _ = _HEADER.unpack_from(data)
                body, data = data[_HEADER.size : length], data[(length + 3) & ~3 :]
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    (code,) = struct.unpack_from("=i", body)
                    if code:
                        raise OSError(-code, "netfilter refuses")
                    return
                yield body


def attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
    return found


def attribute(kind: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(len(data) + _ATTRIBUTE.size, kind) + data + b"\0" * (-len(data) % 4)
