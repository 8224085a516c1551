"""Bodies in S3's own chunks (``Content-Encoding: aws-chunked``), each of them signed or not, with trailers behind the last.

    size[;chunk-signature=hex] CRLF data CRLF  …  0[;chunk-signature=hex] CRLF [name:value CRLF …] [CRLF …]

The decoder takes bytes as they come and hands data out as it comes: a chunk is never held as a whole, although its signature
is known to be right only at its end. So what it hands out may be written, but not shown, before ``finish``.
What comes behind the empty line after the trailers is nobody's business, as with S3 itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.signature import ChunkSigner

_HEAD_BYTES = 512  # of one chunk's head, or one trailer
_TRAILERS = 8
_LEAST_BYTES = 8192  # every signed chunk but the last
_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")
_SIGNATURE_TRAILER = "x-amz-trailer-signature"


def _cut_off() -> Fault:
    return Fault("IncompleteBody", "The request body terminated unexpectedly")


class Decoder:
    """``trailers`` are names to values, after ``finish``. ``declared`` must come, and nothing else may."""

    def __init__(self, signer: ChunkSigner | None, declared: tuple[str, ...], *, signed_trailers: bool) -> None:
        self.trailers: dict[str, str] = {}
        self._signer = signer
        self._declared = declared
        self._signed_trailers = signed_trailers
        self._previous = signer.seed if signer else ""
        self._signature = ""
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._left = 0
        self._number = 0
        self._last_size = _LEAST_BYTES
        self._where = self._read_head
        self._over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Runs of data. Raises ``Fault``."""
        view = data
        while view:
            if self._left:
                run, view = view[: self._left], view[self._left :]
                self._left -= len(run)
                if self._signer:
                    self._hash.update(run)
                yield run
                continue
            if self._over:
                return
            line, view = self._line(view)
            if line is not None:
                self._where(line)

    def finish(self) -> None:
        """The body is at its end. Raises ``Fault`` unless the chunks are, too, and everything that was declared has come."""
        if not self._over and self._where != self._read_trailer:
            raise _cut_off()
        if self._buffer:
            raise _cut_off()
        if self._signed_trailers:
            self._check_trailers()
        if set(self.trailers) != set(self._declared):
            raise Fault("MalformedTrailerError")

    def _line(self, data: bytes) -> tuple[bytes | None, bytes]:
        """One line without its end, if it is whole, and what follows it."""
        at = data.find(b"\n")
        head = data if at < 0 else data[:at]
        if len(self._buffer) + len(head) > _HEAD_BYTES:
            raise _cut_off()
        self._buffer += head
        if at < 0:
            return None, b""
        line = bytes(self._buffer)
        self._buffer.clear()
        if not line.endswith(b"\r"):
            raise _cut_off()
        return line[:-1], data[at + 1 :]

    def _read_head(self, line: bytes) -> None:
        size, _, extension = line.partition(b";")
        size = size.strip()
        if not _SIZE.fullmatch(size):
            raise _cut_off()
        self._number += 1
        self._left = int(size, 16)
        if self._signer:
            self._read_signature(extension)
            self._bound_sizes()
        if self._left:
            self._where = self._read_end
            return
        self._check_chunk()
        self._where = self._read_trailer

    def _read_signature(self, extension: bytes) -> None:
        name, _, value = extension.partition(b"=")
        value = value.strip()
        if not value or (name.strip() == b"chunk-signature" and b";" in value):
            raise _cut_off()
        named = name.strip() == b"chunk-signature"
        self._signature = (value if named else extension).decode("latin-1")

    def _bound_sizes(self) -> None:
        if self._left and self._last_size < _LEAST_BYTES:
            raise Fault("InvalidChunkSizeError", Chunk=self._number, BadChunkSize=self._last_size)
        self._last_size = self._left

    def _read_end(self, line: bytes) -> None:
        if line:
            raise _cut_off()
        self._check_chunk()
        self._where = self._read_head

    def _check_chunk(self) -> None:
        if self._signer:
            self._signer.check(self._signature, self._signer.chunk(self._previous, self._hash.hexdigest()))
            self._previous = self._signature
            self._hash = hashlib.sha256()

    def _read_trailer(self, line: bytes) -> None:
        if not line:
            self._over = True
            return
        name, colon, value = line.decode("latin-1").partition(":")
        name = name.strip().lower()
        if not colon or len(self.trailers) >= _TRAILERS:
            raise Fault("MalformedTrailerError")
        if name == _SIGNATURE_TRAILER and self._signed_trailers:
            self._signature = value.strip()
            self._over = True
            return
        if name not in self._declared:
            raise Fault("MalformedTrailerError")
        self.trailers[name] = value.strip()

    def _check_trailers(self) -> None:
        if self._signature == self._previous or not self.trailers or self._signer is None:
            raise _cut_off()
        canonical = "".join(f"{name}:{value}\n" for name, value in self.trailers.items()).encode("latin-1")
        expected = self._signer.trailer(self._previous, hashlib.sha256(canonical).hexdigest())
        self._signer.check(self._signature, expected)
