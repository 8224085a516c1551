"""A request as a handler sees it, and the answers that are more than JSON."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from wolke.core.context import NOBODY
from wolke.core.errors import BadRequest
from wolke.core.microversion import Version

if TYPE_CHECKING:
    from wolke.core.http.application import Api

# ASGI extensions of our own server: an answer in one message, with ``FilePart``s for its body, or with the body itself.
PARTS = "wolke.response.parts"
WHOLE = "wolke.response.whole"
# What our own server leaves in a scope: the headers as ``Request.headers`` has them, and a body that came whole with its head.
FIELDS = "wolke.request.fields"
BODY = "wolke.request.body"
_HOST = re.compile(r"[A-Za-z0-9._\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")


class ClientGone(Exception):
    """The client left before its body was whole. There is nobody to answer."""


class Params:
    """A query string: ``get`` the last value of a name, ``all`` of them in order. ``nul``: a NUL may be in it."""

    __slots__ = ("pairs",)

    def __init__(self, raw: bytes, *, nul: bool = False) -> None:
        if not raw:
            self.pairs: list[tuple[str, str]] = []
            return
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError:
            raise BadRequest("The query string is not valid UTF-8, or has too many parameters.") from None
        if not nul and any("\x00" in name or "\x00" in value for name, value in pairs):
            raise BadRequest("The query string holds a NUL character.")
        self.pairs = pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        for key, value in reversed(self.pairs):
            if key == name:
                return value
        return default

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def names(self) -> list[str]:
        return list(dict.fromkeys(key for key, _ in self.pairs))

    def lists(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, value in self.pairs:
            found.setdefault(key, []).append(value)
        return found

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self.pairs)


class Request:
    """``params`` are the parts of the path, ``query`` the query string, ``body`` the decoded and lifted JSON (if the row
    has a schema), ``headers`` by lower-case name."""

    __slots__ = ("_query", "_receive", "api", "body", "ctx", "headers", "method", "params", "path", "scope", "version")

    def __init__(self, api: Api, scope: Mapping[str, Any], receive: Any) -> None:
        self.api = api
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        fields = scope.get(FIELDS)
        self.headers: dict[str, str] = _headers(scope["headers"]) if fields is None else fields
        self.params: dict[str, str] = {}
        self.body: Any = None
        self.ctx = NOBODY
        self.version: Version = (0, 0)
        self._query: Params | None = None
        self._receive = receive

    @property
    def query(self) -> Params:
        if self._query is None:
            self._query = Params(self.scope["query_string"])
        return self._query

    @property
    def origin(self) -> str:
        """``https://host:port`` as the client sees it; a nonsense Host header is ignored."""
        host = self.headers.get("host", "")
        if not _HOST.fullmatch(host):
            name, port = self.scope.get("server") or ("localhost", None)
            host = f"{name}:{port}" if port else name
        return f"{self.scope['scheme']}://{host}"

    @property
    def raw_path(self) -> bytes:
        """The path as the client sent it, escapes and all; what was signed, and whether it is UTF-8, shows here alone."""
        raw: bytes = self.scope["raw_path"]
        return raw

    @property
    def base_url(self) -> str:
        """Where this API begins, for links: ``http://host:port/compute``."""
        return self.origin + self.api.prefix

    @property
    def client_address(self) -> str:
        return (self.scope.get("client") or ("", 0))[0]

    def at_least(self, minor: int, major: int = 2) -> bool:
        """For the rare behaviour that ``versions.py`` cannot say."""
        return self.version >= (major, minor)

    def allows(self, rule: str, target: Mapping[str, Any] | None = None) -> bool:
        return self.api.policy.allows(self.ctx, rule, target)

    def enforce(self, rule: str, target: Mapping[str, Any] | None = None) -> None:
        self.api.policy.enforce(self.ctx, rule, target)

    @property
    def at_hand(self) -> bytes | None:
        """The body, if all of it is there already; whoever takes it from here leaves ``stream`` alone."""
        return self.scope.get(BODY)

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises ``ClientGone`` if the client leaves before its end."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            chunk = message.get("body", b"")
            if chunk:
                yield chunk

    async def gone(self) -> None:
        """Returns when the client has left: for answers that go on for ever, which nothing else would end."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body. ``BadRequest`` (413's text with Nova's 400 would mislead) beyond the limit."""
        from wolke.core.errors import TooLarge

        declared = self.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > limit_bytes:
            raise TooLarge(f"The request body is larger than {limit_bytes} bytes.")
        if self.at_hand is not None and len(self.at_hand) <= limit_bytes:
            return self.at_hand
        parts: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise TooLarge(f"The request body is larger than {limit_bytes} bytes.")
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)


@dataclass(frozen=True, slots=True)
class FilePart:
    """``length`` bytes of a file from ``offset`` on, for the kernel to send.

    ``check(fd, offset, length)`` is called before each run of them goes out, and raises if they may not; runs end at
    multiples of ``run_bytes`` from the file's beginning, so that a checksum over such a run can be its measure.
    """

    path: str
    offset: int
    length: int
    check: Callable[[int, int, int], None] | None = None
    run_bytes: int = 1 << 20


class Response:
    """An answer that is not just JSON with the row's status.

    ``body`` is bytes, or anything else to be sent as JSON; ``chunks`` streams, and wants a Content-Length among the headers
    where that is known; ``path`` sends a file by sendfile. ``parts`` are the same as ``chunks``, for a server that can do so.
    ``also`` are further headers, whose names may be there already. A value in bytes goes out as it is (UTF-8, say).
    """

    __slots__ = ("also", "body", "chunks", "content_type", "headers", "parts", "path", "status")

    def __init__(
        self,
        status: int = 200,
        body: Any = b"",
        *,
        headers: Mapping[str, str | bytes] | None = None,
        also: Iterable[tuple[str, str | bytes]] = (),
        content_type: str | None = None,
        chunks: AsyncIterator[bytes] | None = None,
        path: Path | None = None,
        parts: Sequence[FilePart] = (),
    ) -> None:
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.also = tuple(also)
        self.content_type = content_type
        self.chunks = chunks
        self.path = path
        self.parts = tuple(parts)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = str(name, "latin-1"), str(value, "latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
