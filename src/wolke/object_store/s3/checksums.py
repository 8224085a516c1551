"""The checksums that a client may send along: five algorithms, in a header or behind the body, and how parts' sums combine."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from awscrt import checksums as crt

from wolke.object_store.s3.faults import Fault

COMPOSITE = "COMPOSITE"
FULL = "FULL_OBJECT"
PREFIX = "x-amz-checksum-"
_SINGLE = "Expecting a single x-amz-checksum- header"
_SEVERAL = f"{_SINGLE}. Multiple checksum Types are not allowed."
#: Headers that begin like a checksum's and are none.
_NO_SUMS = frozenset({"x-amz-checksum-type", "x-amz-checksum-algorithm", "x-amz-checksum-mode"})


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    __slots__ = ("_bytes", "_step", "_value")

    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self._step = step
        self._bytes = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._bytes, "big")


class Algorithm(NamedTuple):
    """``combine`` makes the CRC of two runs of bytes from theirs and the second's length; hashes have none."""

    name: str
    size: int
    new: Callable[[], Digest]
    combine: Callable[[int, int, int], int] | None = None

    @property
    def header(self) -> str:
        return PREFIX + self.name.lower()

    @property
    def element(self) -> str:
        return "Checksum" + self.name


ALGORITHMS: Mapping[str, Algorithm] = {
    one.name.lower(): one
    for one in (
        Algorithm("CRC32", 4, lambda: _Crc(crt.crc32, 4), crt.combine_crc32),
        Algorithm("CRC32C", 4, lambda: _Crc(crt.crc32c, 4), crt.combine_crc32c),
        Algorithm("CRC64NVME", 8, lambda: _Crc(crt.crc64nvme, 8), crt.combine_crc64nvme),
        Algorithm("SHA1", 20, hashlib.sha1),
        Algorithm("SHA256", 32, hashlib.sha256),
    )
}


class Wanted(NamedTuple):
    """What the body's checksum has to be. ``value`` is empty where it comes in a trailer."""

    algorithm: Algorithm
    value: bytes = b""

    @property
    def in_trailer(self) -> bool:
        return not self.value


def text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def decoded(algorithm: Algorithm, value: str, where: str = "header") -> bytes:
    """The sum that a header holds; it has to be base64 as an encoder writes it, of the right length."""
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != algorithm.size or text(raw) != value:
        raise Fault("InvalidRequest", f"Value for {algorithm.header} {where} is invalid.")
    return raw


def wanted(headers: Mapping[str, str], *, streaming: bool = False) -> Wanted | None:
    """What a request's headers announce, or None. Raises ``Fault`` where they contradict themselves."""
    sent = [name for name in headers if name.startswith(PREFIX) and name not in _NO_SUMS]
    trailers = _trailers(headers.get("x-amz-trailer"))
    if len(sent) > 1 or len(trailers) > 1:
        raise Fault("InvalidRequest", _SEVERAL)
    if sent and trailers:
        raise Fault("InvalidRequest", _SINGLE)
    name = (sent or trailers or [""])[0].removeprefix(PREFIX)
    declared = headers.get("x-amz-sdk-checksum-algorithm")
    if not name:
        if declared is not None:
            raise Fault(
                "InvalidRequest",
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
                "were found.",
            )
        return None
    algorithm = ALGORITHMS.get(name)
    if algorithm is None:
        raise Fault("InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.")
    if declared is not None and declared.lower() != name:
        raise Fault("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    if trailers:
        if not streaming:
            raise Fault("MalformedTrailerError")
        return Wanted(algorithm)
    return Wanted(algorithm, decoded(algorithm, headers[sent[0]]))


def _trailers(header: str | None) -> list[str]:
    if header is None:
        return []
    names = [name.strip().lower() for name in header.strip().rstrip(",").split(",")]
    if any(name.removeprefix(PREFIX) not in ALGORITHMS or not name.startswith(PREFIX) for name in names):
        raise Fault("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    return names


def mismatch(algorithm: Algorithm) -> Fault:
    return Fault("BadDigest", f"The {algorithm.name} you specified did not match the calculated checksum.")


def composite(algorithm: Algorithm, sums: Sequence[bytes]) -> str:
    """The sum of the parts' sums, with their number."""
    digest = algorithm.new()
    digest.update(b"".join(sums))
    return f"{text(digest.digest())}-{len(sums)}"


def whole(algorithm: Algorithm, parts: Sequence[tuple[bytes, int]]) -> str:
    """The CRC of the whole from those of its parts, given with their sizes."""
    combine = algorithm.combine
    assert combine is not None
    value = 0
    for digest, size in parts:
        value = combine(value, int.from_bytes(digest, "big"), size)
    return text(value.to_bytes(algorithm.size, "big"))
