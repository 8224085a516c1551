"""A connection: uvicorn's httptools protocol, made strict and frugal.

Strict: bounds on a head and on the time that it, or a silent body, may take; a slow client holds nothing but its own connection.
Request trailers are not taken for headers. Frugal: a body of known length goes past the parser, which would copy it; that and the
list of pieces in ``Cycle`` leave one copy, the socket's own, of the four that uvicorn makes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wolke.core.http import cycle as cycles
from wolke.core.http.cycle import Cycle
from wolke.core.http.messages import PARTS, WHOLE

_EXTENSIONS: Any = {PARTS: {}, WHOLE: {}}
_HEADERS = 200
_HEADER_BYTES = 64 * 1024
_URL_BYTES = 16 * 1024
_HEAD_S = 20.0  # for a whole head
_LINGER_S = 5.0  # for a client that goes on sending what was refused
_METHOD_BYTES = 64
_METHODS = frozenset(b"GET HEAD PUT POST DELETE OPTIONS PATCH COPY CONNECT TRACE".split())
_TOKEN = re.compile(rb"[A-Za-z0-9_\-]+")
_ASCII = bytes(range(128)).decode("ascii")
_WORTH_IT_BYTES = 32 * 1024  # of a body still to come, for going past the parser


class TooMuch(Exception):
    """A head beyond the bounds. httptools turns it into a 400 and the connection ends."""


class Protocol(HttpToolsProtocol):
    _deadline: Any = None
    _header_bytes = 0
    _in_body = False
    _ours = False  # whether ``cycle`` is that of the message that is coming in
    _received = 0
    _to_come = 0  # of a body whose length is known
    _past_parser = False
    _closing = False  # after this message, or a while: the answer is out, and only what was refused still comes
    _dead = False  # nothing is looked at any more: a 400 is out, or what follows a whole request makes no sense
    _between = True  # no message has begun: what comes next is a request line
    _reason = ""
    _method = ""  # one that the parser does not know
    _status = b"400 Bad Request"

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._arm(_HEAD_S, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += 1
        if self._past_parser:
            data = self._body_received(data)
            if not data:
                return
        if self._dead:
            return
        if self._between:
            data = self._request_line(data)
        super().data_received(data)
        self._past_parser = self._to_come >= _WORTH_IT_BYTES

    def _request_line(self, data: bytes) -> bytes:
        """What the parser would not let through, in words that it knows: a method of nobody's, which a door refuses in its own
        way, and a URL in UTF-8."""
        method, space, _ = data[:_METHOD_BYTES].partition(b" ")
        self._method = ""
        if space and method not in _METHODS and _TOKEN.fullmatch(method):
            self._method = method.decode("ascii")
            data = b"UNBIND" + data[len(method) :]
        return data if data.isascii() else _escaped(data)

    def _body_received(self, data: bytes) -> bytes:
        """Returns what comes after the body."""
        body, rest = (data, b"") if len(data) <= self._to_come else (data[: self._to_come], data[self._to_come :])
        self.on_body(body)
        if not self._to_come:
            self._past_parser = False
            self.on_message_complete()
            self.parser = httptools.HttpRequestParser(self)  # the old one still waits for that body
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return rest

    # -- what the parser says

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._between = False
        self._header_bytes = self._to_come = 0
        self._in_body = self._ours = False
        if self._deadline is None:
            self._arm(_HEAD_S, self._cut)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > _URL_BYTES:
            self._refuse("The URL is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            return
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADER_BYTES or len(self.headers) >= _HEADERS:
            self._refuse("The headers are too large.")
        if len(name) == 14 and name.lower() == b"content-length":
            self._to_come = int(value)
        elif len(name) == 17 and name.lower() == b"transfer-encoding" and value.strip().lower() != b"chunked":
            self._refuse("Of transfer codings only chunked is known.", b"501 Not Implemented")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._disarm()
        super().on_headers_complete()
        if self._method:
            self.scope["method"] = self._method
        cycle: Any = self.cycle
        if cycle is not None and cycle.scope is self.scope:
            self._ours = True
            cycle.__class__ = Cycle
            cycle.taken_over(self)
            self.scope["extensions"] = _EXTENSIONS
        else:
            self._to_come = 0

    def on_body(self, body: bytes) -> None:
        self._to_come -= len(body)
        if self._deadline is None:
            self._arm(cycles.SILENCE_S, functools.partial(self._silent, self._received))
        cycle: Any = self.cycle
        if self._ours and not cycle.response_complete:
            cycle.take(body)

    def on_message_complete(self) -> None:
        self._between = True
        self._disarm()
        self._to_come = 0
        if self._closing:
            self._cut()
        elif self._ours and not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    # -- when it ends

    def linger(self) -> None:
        """The answer is the connection's last, and the client still sends: let it finish, or else it may never read it."""
        self._closing = True
        self.cycle.keep_alive = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle is not None and self.cycle.more_body:
            if self._closing and self.transport.can_write_eof():
                self.transport.write_eof()
            self._disarm()
            self._arm(_LINGER_S, self._cut)

    def _refuse(self, reason: str, status: bytes = b"400 Bad Request") -> None:
        self._reason, self._status = reason, status
        raise TooMuch(reason)

    def send_400_response(self, msg: str) -> None:
        """Says what is wrong and reads on for a while without looking: closed at once, the connection would take its words
        back from a client that still sends."""
        cycle, reason = self.cycle, self._reason or msg
        self._dead, self._past_parser = True, False
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False  # that request was whole: it gets its answer, and the connection ends
            return
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self._cut()
                return
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%b" % (self._status, len(reason), reason.encode("ascii"))
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._disarm()
        self._arm(_LINGER_S, self._cut)

    def _arm(self, delay_s: float, then: Callable[[], None]) -> None:
        self._deadline = self.loop.call_later(delay_s, then)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _silent(self, seen: int) -> None:
        """Looks once a period whether anything came since, rather than moving a timer for every chunk."""
        if self._received == seen and not self.flow.read_paused:
            self._cut()
        else:
            self._arm(cycles.SILENCE_S, functools.partial(self._silent, self._received))


def _escaped(data: bytes) -> bytes:
    """A request line whose URL holds UTF-8 as it is, which the parser would refuse, with escapes in its place."""
    line, end, rest = data.partition(b"\r\n")
    return data if line.isascii() else quote(line, safe=_ASCII).encode("ascii") + end + rest
