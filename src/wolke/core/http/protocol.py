"""A connection: uvicorn's httptools protocol, made strict and frugal.

Strict: bounds on a head and on the time that it, or a silent body, may take; a slow client holds nothing but its own connection.
Request trailers are not taken for headers. Frugal: what happens with every request is here and in ``Cycle``, in the fewest steps
that do it, since the work of uvicorn's own for one is that of a handler; a name of a header is decoded once, not each time it
comes; and one timer serves a connection as long as it lives. A body of known length goes past the parser, which would copy it;
that and the list of pieces in ``Cycle`` leave one copy, the socket's own, of the four that uvicorn makes. Answers that are made in
one turn of the loop go out together at its end: who has several connections is woken once and not for each, which costs the one
who wakes half of what a ``send`` does.
"""

from __future__ import annotations

import enum
import re
from typing import Any
from urllib.parse import quote, unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wolke.core.http import cycle as cycles
from wolke.core.http.cycle import Cycle
from wolke.core.http.messages import FIELDS, PARTS, WHOLE

_EXTENSIONS: Any = {PARTS: {}, WHOLE: {}}
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_HEADERS = 200
_HEADER_BYTES = 64 * 1024
_URL_BYTES = 16 * 1024
_HEAD_S = 20.0  # for a whole head
_IDLE_S = 75.0  # between two requests
_LINGER_S = 5.0  # for a client that goes on sending what was refused
_LOOK_S = 20.0  # at most, between two looks whether a connection is late
_METHOD_BYTES = 64
_METHODS = frozenset(b"GET HEAD PUT POST DELETE OPTIONS PATCH COPY CONNECT TRACE".split())
_TOKEN = re.compile(rb"[A-Za-z0-9_\-]+")
_ASCII = bytes(range(128)).decode("ascii")
_WORTH_IT_BYTES = 32 * 1024  # of a body still to come, for going past the parser
_NAMES_KEPT = 1024
_LENGTH, _CODING, _EXPECT = b"content-length", b"transfer-encoding", b"expect"
_MEANT_FOR_US = frozenset({_LENGTH, _CODING, _EXPECT})

_names: dict[bytes, tuple[bytes, str, bool]] = {}


class TooMuch(Exception):
    """A head beyond the bounds. httptools turns it into a 400 and the connection ends."""


class Late(enum.Enum):
    """What a connection is waiting for, and may be too late with."""

    HEAD = enum.auto()
    BODY = enum.auto()  # the next of it
    NEXT = enum.auto()  # a request
    END = enum.auto()  # of what was refused


class Protocol(HttpToolsProtocol):
    _late: Late | None = None
    _due = 0.0
    _timer: Any = None
    _timer_at = 0.0
    _seen = 0  # of ``_received``, when the body was looked at last
    _fields: dict[str, str]
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
    _unsaid = b""  # an answer, until the turn of the loop ends
    _status = b"400 Bad Request"

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for(Late.HEAD, _HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._late = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
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
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._late = None
                self._speak()
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
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
        self.url = b""
        self.headers = []
        self._fields = {}
        self._between = self._in_body = self._ours = self.expect_100_continue = False
        self._header_bytes = self._to_come = 0
        if self._late is not Late.HEAD:
            self._wait_for(Late.HEAD, _HEAD_S)

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > _URL_BYTES:
            self._refuse("The URL is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            return
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _HEADER_BYTES or len(self.headers) >= _HEADERS:
            self._refuse("The headers are too large.")
        lower, text, ours = _names.get(name) or _spelt(name)
        self.headers.append((lower, value))
        fields, said = self._fields, str(value, "latin-1")
        fields[text] = said if text not in fields else f"{fields[text]}, {said}"
        if ours:
            self._heed(lower, value)

    def _heed(self, name: bytes, value: bytes) -> None:
        if name == _LENGTH:
            self._to_come = int(value)
        elif name == _EXPECT:
            self.expect_100_continue = self.expect_100_continue or value.lower() == b"100-continue"
        elif value.strip().lower() != b"chunked":
            self._refuse("Of transfer codings only chunked is known.", b"501 Not Implemented")

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._late = None
        parser = self.parser
        version = parser.get_http_version()
        raw_path, query = self._target()
        path = raw_path.decode("ascii")
        self.scope: Any = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "method": self._method or parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
            "extensions": _EXTENSIONS,
            FIELDS: self._fields,
        }
        if parser.should_upgrade() and self._should_upgrade():
            self._to_come = 0
            return
        before, keep_alive = self.cycle, version != "1.0" and parser.should_keep_alive()
        self.cycle: Any = Cycle(self, self.scope, keep_alive, self.expect_100_continue)
        self._ours = True
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _target(self) -> tuple[bytes, bytes]:
        """The path as it was sent, and the query."""
        if self.url.startswith(b"/") and b"#" not in self.url:
            path, _, query = self.url.partition(b"?")
            return path, query
        parsed = httptools.parse_url(self.url)
        return parsed.path or b"/", parsed.query or b""

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.task = task = self.loop.create_task(cycle.run(app))
        self.tasks.add(task)

    def on_body(self, body: bytes) -> None:
        self._to_come -= len(body)
        if self._late is None:
            self._seen = self._received
            self._wait_for(Late.BODY, cycles.SILENCE_S)
        cycle = self.cycle
        if self._ours and not cycle.response_complete:
            cycle.take(body)

    def on_message_complete(self) -> None:
        self._between = True
        self._late = None
        self._to_come = 0
        if self._closing:
            self._cut()
        elif self._ours and not self.cycle.response_complete:
            self.cycle.whole()
        elif not self._dead:
            self._wait_for(Late.NEXT, _IDLE_S)

    # -- when it ends

    def say(self, answer: bytes) -> None:
        """A whole answer, when those who are ready now have made theirs. Whatever else is written must come after ``_speak``; what
        a task that begins later writes does."""
        self._unsaid += answer
        self.loop.call_soon(self._speak)

    def _speak(self) -> None:
        answer, self._unsaid = self._unsaid, b""
        if answer and not self.transport.is_closing():
            self.transport.write(answer)

    def eof_received(self) -> None:
        self._speak()

    def shutdown(self) -> None:
        self._speak()
        super().shutdown()

    def linger(self) -> None:
        """The answer is the connection's last, and the client still sends: let it finish, or else it may never read it."""
        self._closing = True
        self.cycle.keep_alive = True

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.cycle.more_body:
            if self._closing and self.transport.can_write_eof():
                self._speak()
                self.transport.write_eof()
            self._wait_for(Late.END, _LINGER_S)
        elif self._late is None:
            self._wait_for(Late.NEXT, _IDLE_S)

    def _refuse(self, reason: str, status: bytes = b"400 Bad Request") -> None:
        self._reason, self._status = reason, status
        raise TooMuch(reason)

    def send_400_response(self, msg: str) -> None:
        """Says what is wrong and reads on for a while without looking: closed at once, the connection would take its words
        back from a client that still sends."""
        self._speak()
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
        self._wait_for(Late.END, _LINGER_S)

    def _cut(self) -> None:
        self._speak()
        if not self.transport.is_closing():
            self.transport.close()

    # -- time

    def _wait_for(self, what: Late, seconds: float) -> None:
        """One timer that now and then looks, rather than one that is made and cancelled several times a request."""
        now = self.loop.time()
        self._late, self._due = what, now + seconds
        if self._timer is None or self._due < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._look_at(min(self._due, now + _LOOK_S))

    def _look_at(self, when: float) -> None:
        self._timer, self._timer_at = self.loop.call_at(when, self._look), when

    def _look(self) -> None:
        self._timer = None
        if self._late is None:
            return  # whoever waits next makes it anew
        now = self.loop.time()
        if now < self._due:
            self._look_at(min(self._due, now + _LOOK_S))
        elif self._late is Late.BODY and (self._received != self._seen or self.flow.read_paused):
            self._seen = self._received
            self._wait_for(Late.BODY, cycles.SILENCE_S)
        else:
            self._cut()


def _spelt(name: bytes) -> tuple[bytes, str, bool]:
    """A header's name in small letters, as text, and whether this connection must heed it. The first thousand are kept."""
    lower = name.lower()
    made = (lower, str(lower, "latin-1"), lower in _MEANT_FOR_US)
    if len(_names) < _NAMES_KEPT:
        _names[name] = made
    return made


def _escaped(data: bytes) -> bytes:
    """A request line whose URL holds UTF-8 as it is, which the parser would refuse, with escapes in its place."""
    line, end, rest = data.partition(b"\r\n")
    return data if line.isascii() else quote(line, safe=_ASCII).encode("ascii") + end + rest
