"""``multipart/form-data`` as a stream: part after part, of which no more than a piece is in memory (RFC 7578, RFC 2046)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

_BOUNDARY_BYTES = 200
_HEADERS_BYTES = 16 * 1024
_MOST_PARTS = 10_000
_PARAMETER = re.compile(r';\s*([\w!#$%&\'*+.^`|~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"]*)')
_ESCAPED = re.compile(r'\\(["\\])')


class BadForm(Exception):
    """It is not what it says it is, or more of it than anybody needs. The message is for the client."""


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """``form-data; name="a"`` → ``("form-data", {"name": "a"})``. Names and the first word in lower case."""
    word, _, rest = value.partition(";")
    found = {
        name.lower(): _ESCAPED.sub(r"\1", text[1:-1]) if text.startswith('"') else text.strip()
        for name, text in _PARAMETER.findall(";" + rest)
    }
    return word.strip().lower(), found


class Part:
    """``headers`` by lower-case name. Its data is gone once the next part is asked for."""

    def __init__(self, form: Form, headers: dict[str, str]) -> None:
        self._form = form
        self.headers = headers
        self.disposition, self.parameters = parameters(headers.get("content-disposition", ""))

    @property
    def name(self) -> str:
        return self.parameters.get("name", "")

    @property
    def filename(self) -> str:
        """Empty: a field, not a file."""
        return self.parameters.get("filename", "")

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._form.data():
            yield chunk

    async def text(self, limit_bytes: int) -> str:
        """Raises ``BadForm`` of a field beyond the limit, or that is not UTF-8."""
        data = bytearray()
        async for chunk in self._form.data():
            data += chunk
            if len(data) > limit_bytes:
                raise BadForm("field too long")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise BadForm("field is not UTF-8") from None


class Form:
    """``async for part in form``. Raises ``BadForm``."""

    def __init__(self, source: AsyncIterator[bytes], boundary: str) -> None:
        if not boundary or len(boundary) > _BOUNDARY_BYTES:
            raise BadForm("invalid boundary")
        self._source = source
        self._delimiter = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")
        self._buffer = bytearray(b"\r\n")  # as if a line had ended before the first boundary
        self._inside = False
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[Part]:
        await self._start()
        for _ in range(_MOST_PARTS):
            if self._ended:
                return
            self._inside = True
            yield Part(self, await self._headers())
            async for _ in self.data():
                pass
        raise BadForm("too many parts")

    async def _start(self) -> None:
        await self._fill(len(self._delimiter) + 2)
        while self._buffer.startswith(b"\r\n\r\n"):
            del self._buffer[:2]
            await self._fill(len(self._delimiter) + 2)
        if not self._buffer.startswith(self._delimiter):
            raise BadForm("invalid starting boundary")
        del self._buffer[: len(self._delimiter)]
        await self._after_boundary()

    async def _after_boundary(self) -> None:
        await self._fill(2)
        self._ended = self._buffer.startswith(b"--")
        if self._ended:
            return
        while b"\n" not in self._buffer and len(self._buffer) < _HEADERS_BYTES and await self._more():
            pass
        padding, newline, _ = bytes(self._buffer[:_HEADERS_BYTES]).partition(b"\n")
        if not newline or padding.strip(b" \t\r"):
            raise BadForm("invalid boundary")
        del self._buffer[: len(padding) + 1]

    async def _headers(self) -> dict[str, str]:
        self._buffer[:0] = b"\r\n"  # a part may have no headers at all
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _HEADERS_BYTES:
                raise BadForm("part headers too long")
            if not await self._more():
                raise BadForm("unexpected end of the form")
        if end > _HEADERS_BYTES:
            raise BadForm("part headers too long")
        raw = bytes(self._buffer[:end])
        del self._buffer[: end + 2]  # the line end stays: the boundary may follow at once
        if not self._buffer.startswith(self._delimiter):
            await self._fill(len(self._delimiter) + 2)
        if not self._buffer.startswith(self._delimiter):
            del self._buffer[:2]
        try:
            lines = raw.decode().split("\r\n")
        except UnicodeDecodeError:
            raise BadForm("part headers are not UTF-8") from None
        pairs = (line.partition(":") for line in lines if ":" in line)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    async def data(self) -> AsyncIterator[bytes]:
        """What is left of the part at hand."""
        keep = len(self._delimiter) - 1
        while self._inside:
            at = self._buffer.find(self._delimiter)
            if at >= 0:
                chunk = bytes(self._buffer[:at])
                del self._buffer[: at + len(self._delimiter)]
                self._inside = False
                await self._after_boundary()
                if chunk:
                    yield chunk
                return
            if len(self._buffer) > keep:
                chunk = bytes(self._buffer[:-keep])
                del self._buffer[:-keep]
                yield chunk
            if not await self._more():
                raise BadForm("unexpected end of the form")

    async def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            if not await self._more():
                return

    async def _more(self) -> bool:
        async for chunk in self._source:
            self._buffer += chunk
            return True
        return False
