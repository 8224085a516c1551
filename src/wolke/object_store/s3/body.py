"""What comes in: a body whose length, digests and chunks are held against everything the request said about it.

Data is handed on as it comes; only ``Incoming.verify`` knows whether it was right, so nothing may show it before that.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncIterator, Mapping

from wolke.core.http import Request
from wolke.object_store.model import Received
from wolke.object_store.s3 import checksums
from wolke.object_store.s3.chunks import Decoder
from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.signature import Caller

OBJECT_BYTES = 5 << 30  # of one PUT
_WHOLE_BYTES = 1 << 16  # up to here a body is read at once
_ASIDE_BYTES = 1 << 16  # from here on SHA-256 is worth a thread
_STREAMING = "STREAMING-"
_UNCHECKED = frozenset({"", "UNSIGNED-PAYLOAD"})


def content_md5(headers: Mapping[str, str]) -> bytes | None:
    value = headers.get("content-md5")
    if value is None:
        return None
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 16:
        raise Fault("InvalidDigest", Content_MD5=value)
    return digest


class Incoming:
    """``size`` is how much data was announced; ``data`` is all of it, or a stream of it. ``also``: a checksum to make of it
    even if the client sends none."""

    def __init__(
        self, request: Request, caller: Caller, *, sums: bool = True, also: checksums.Algorithm | None = None
    ) -> None:
        self._request = request
        headers = request.headers
        self._payload = payload = caller.payload or ("" if caller.access else headers.get("x-amz-content-sha256", ""))
        self.streaming = payload.startswith(_STREAMING) and (caller.in_header or caller.anonymous)
        self.size = self._announced(headers, payload)
        if self.size > OBJECT_BYTES:
            raise Fault("EntityTooLarge", ProposedSize=self.size, MaxSizeAllowed=OBJECT_BYTES)
        self._md5 = content_md5(headers)
        self.wanted = checksums.wanted(headers, streaming=self.streaming) if sums else None
        self._also = also if self.wanted is None else None
        algorithm = self.wanted.algorithm if self.wanted else also
        self._digest = algorithm.new() if algorithm else None
        checked = payload not in _UNCHECKED and not self.streaming
        self._sha256 = hashlib.sha256() if checked else None
        self._decoder = self._chunks(caller, payload) if self.streaming else None

    def _announced(self, headers: Mapping[str, str], payload: str) -> int:
        length = headers.get("content-length", "")
        if not payload.startswith(_STREAMING):
            return _number(length)
        size = _number(headers.get("x-amz-decoded-content-length", ""))
        if not self.streaming and length != str(size):
            # Only a signature in the header makes chunks of a body; here the body is what it is, and too long.
            raise _incomplete(_number(length), size)
        return size

    def _chunks(self, caller: Caller, payload: str) -> Decoder:
        if payload.startswith("STREAMING-AWS4") and caller.chunks is None:
            raise Fault("InvalidRequest", "A body in signed chunks needs a signature in the Authorization header.")
        declared = (self.wanted.algorithm.header,) if self.wanted and self.wanted.in_trailer else ()
        signed = payload.startswith("STREAMING-AWS4") and payload.endswith("-TRAILER")
        return Decoder(caller.chunks, declared, signed_trailers=signed)

    async def data(self) -> bytes | AsyncIterator[bytes]:
        if self.size > _WHOLE_BYTES or self._decoder is not None:
            return self.stream()
        return await self.whole(_WHOLE_BYTES)

    async def whole(self, limit_bytes: int) -> bytes:
        if self.size > limit_bytes:
            raise Fault("MaxMessageLengthExceeded", MaxMessageLengthBytes=limit_bytes)
        return b"".join([chunk async for chunk in self.stream()])

    async def stream(self) -> AsyncIterator[bytes]:
        taken = 0
        decoder = self._decoder
        async for received in self._request.stream():
            for chunk in (received,) if decoder is None else decoder.feed(received):
                taken += len(chunk)
                if taken > self.size + (_WHOLE_BYTES if decoder else 0):
                    raise _incomplete(taken, self.size)
                await self._hash(chunk)
                yield chunk
        if decoder is not None:
            decoder.finish()
        if taken != self.size:
            raise _incomplete(taken, self.size)

    async def _hash(self, chunk: bytes) -> None:
        if self._sha256 is not None:
            if len(chunk) < _ASIDE_BYTES:
                self._sha256.update(chunk)
            else:
                await asyncio.to_thread(self._sha256.update, chunk)
        if self._digest is not None:
            self._digest.update(chunk)

    def verify(self, md5: str, *, hexadecimal: bool = True) -> dict[str, str]:
        """Everything has come: is it what was promised? Gives the further checksums by name. ``md5``: of what came, in hex."""
        if self._sha256 is not None and self._sha256.hexdigest() != self._payload.lower():
            raise Fault(
                "XAmzContentSHA256Mismatch",
                ClientComputedContentSHA256=self._payload,
                S3ComputedContentSHA256=self._sha256.hexdigest(),
            )
        if self._md5 is not None and self._md5.hex() != md5:
            expected = self._md5.hex() if hexadecimal else checksums.text(self._md5)
            raise Fault("BadDigest", ExpectedDigest=expected, CalculatedDigest=checksums.text(bytes.fromhex(md5)))
        return self._verify_sum()

    def _verify_sum(self) -> dict[str, str]:
        if self._also is not None and self._digest is not None:
            return {self._also.name: checksums.text(self._digest.digest())}
        if self.wanted is None or self._digest is None:
            return {}
        algorithm, expected = self.wanted
        if self.wanted.in_trailer and self._decoder is not None:
            expected = checksums.decoded(algorithm, self._decoder.trailers[algorithm.header], "trailing header")
        digest = self._digest.digest()
        if digest != expected:
            raise checksums.mismatch(algorithm)
        return {algorithm.name: checksums.text(digest)}

    def check(self, received: Received) -> dict[str, str]:
        return self.verify(received.md5)

    @property
    def has_digest(self) -> bool:
        return self._md5 is not None or self.wanted is not None


async def document(
    request: Request, caller: Caller, limit_bytes: int, *, digest: bool = False, sums: bool = True
) -> bytes:
    """A body that says what to do. ``digest``: it must come with one. ``sums``: x-amz-checksum
    headers are of this body (and not of the object that it makes)."""
    incoming = Incoming(request, caller, sums=sums)
    data = await incoming.whole(limit_bytes)
    incoming.verify(hashlib.md5(data, usedforsecurity=False).hexdigest(), hexadecimal=False)
    if digest and not incoming.has_digest:
        raise Fault("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
    return data


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Fault("MissingContentLength")
    return int(text)


def _incomplete(provided: int, expected: int) -> Fault:
    return Fault("IncompleteBody", NumberBytesExpected=expected, NumberBytesProvided=provided)
