"""Guests ask, politely and otherwise."""

import asyncio
import contextlib
import socket

import pytest

from wolke.network.agent.metadata import BODY_BYTES, HEADER_BYTES, MetadataServer

ASKED = []


async def answer(network_id, source, method, path, headers, body):
    ASKED.append((network_id, source, method, path, headers.get("x-thing"), body))
    if path == "/bug":
        raise ValueError("no")
    return 200, {"Content-Type": "text/plain"}, b"hello"


@pytest.fixture
async def address():
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = MetadataServer("net", answer, deadline_s=0.5)
    where = listening.getsockname()
    await server.serve(listening)
    yield where
    await server.close()


async def say(address, *pieces):
    reader, writer = await asyncio.open_connection(*address)
    for piece in pieces:
        writer.write(piece)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
    heard = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            heard += data
    writer.close()
    return heard


async def test_a_guest_is_answered(address):
    ASKED.clear()
    heard = await say(address, b"GET /latest?x=1 HTTP/1.1\r\nHost: m\r\nX-", b"Thing: 5\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert heard.endswith(b"\r\n\r\nhello")
    assert ASKED == [("net", "127.0.0.1", "GET", "/latest?x=1", "5", b"")]
    heard = await say(address, b"PUT /token HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
    assert heard.endswith(b"hello")
    assert ASKED[-1][-1] == b"abc"
    assert (await say(address, b"HEAD / HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"rubbish\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 65 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * HEADER_BYTES, b"431"),
        (b"GET / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n" + b"x" * (BODY_BYTES + 1), b"413"),
        (b"DELETE / HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /%00 HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /%ff HTTP/1.1\r\n\r\n", b"400"),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /bug HTTP/1.1\r\n\r\n", b"500"),
    ],
)
async def test_a_rude_guest_is_refused(address, said, status):
    heard = await say(address, said)
    assert heard.split(b" ", 2)[1:2] == [status] or heard == b""
    assert (await say(address, b"GET / HTTP/1.1\r\n\r\n")).endswith(b"hello")


async def test_a_silent_guest_is_dropped(address):
    assert await asyncio.wait_for(say(address, b"GET / HT"), 5) == b""
