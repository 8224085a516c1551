"""multipart/form-data as a stream: small fields first, then one file, which is never held."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from wolke.core.http import Request
from wolke.object_store.s3.faults import Fault

_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?')
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"')
_FIELDS_BYTES = 1 << 18
_MOST_FIELDS = 100


class Form:
    """``fields`` by lower-case name; ``file`` may be read once."""

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.filename = ""
        self.kind = ""
        self._stream = stream
        self._end = b"\r\n--" + boundary
        self._buffer = b"\r\n"  # so that the first boundary looks like the others
        self._before = 0

    async def _more(self) -> None:
        chunk = await anext(self._stream, None)
        if chunk is None:
            raise Fault("MalformedPOSTRequest")
        self._buffer += chunk

    async def _until(self, mark: bytes) -> bytes:
        """What stands before ``mark``, in the bounded part of the form."""
        start = 0
        while (at := self._buffer.find(mark, start)) < 0:
            start = max(0, len(self._buffer) - len(mark))
            if self._before + len(self._buffer) > _FIELDS_BYTES:
                raise Fault("MaxPostPreDataLengthExceededError")
            await self._more()
        found, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        self._before += at
        if self._before > _FIELDS_BYTES:
            raise Fault("MaxPostPreDataLengthExceededError")
        return found

    async def read_fields(self) -> None:
        await self._until(self._end)
        while True:
            while len(self._buffer) < 2:
                await self._more()
            if self._buffer.startswith(b"--"):
                raise Fault("IncorrectNumberOfFilesInPostRequest")
            name, is_file = self._head(await self._until(b"\r\n\r\n"))
            if is_file:
                return
            if len(self.fields) >= _MOST_FIELDS:
                raise Fault("MaxPostPreDataLengthExceededError")
            self.fields[name] = _text(await self._until(self._end))

    def _head(self, head: bytes) -> tuple[str, bool]:
        name, is_file = "", False
        for line in _text(head).split("\r\n"):
            header, _, value = line.partition(":")
            if header.strip().lower() == "content-disposition":
                found = dict(_PARAMETER.findall(value))
                name = found.get("name", "").lower()
                self.filename = re.sub(r"^.*[/\\]", "", found.get("filename", ""))
                is_file = name == "file"
        if not name:
            raise Fault("MalformedPOSTRequest")
        return name, is_file

    async def file(self) -> AsyncIterator[bytes]:
        """Up to the next boundary, of which no part is handed out."""
        keep = len(self._end) - 1
        while (at := self._buffer.find(self._end)) < 0:
            if len(self._buffer) > keep:
                ready, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
                yield ready
            await self._more()
        if at:
            yield self._buffer[:at]
        async for _ in self._stream:  # whatever follows the file
            pass


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Fault("MalformedPOSTRequest") from None


async def open_form(request: Request) -> Form:
    match = _BOUNDARY.search(request.headers.get("content-type", ""))
    if match is None:
        raise Fault("MalformedPOSTRequest")
    form = Form(request.stream(), match[1].encode())
    await form.read_fields()
    return form
