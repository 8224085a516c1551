"""Against a real socket: what only the wire shows."""

import asyncio
import contextlib
import os
import socket

import pytest

from wolke.core.http import Api, Application, Request, Response, Route
from wolke.core.http import server as served
from wolke.core.policy import Policy


@contextlib.asynccontextmanager
async def serving(*routes: Route):
    api = Api("t", "/t", routes, None, Policy([]))

    async def nobody(token: str, service_token: str | None):
        raise AssertionError

    listening = served.bind("127.0.0.1", 0)
    server = served.Server(Application([api], nobody), [listening])
    await server.start()
    try:
        yield listening.getsockname()[1]
    finally:
        await server.stop()
        listening.close()


async def talk(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def size(service, ctx, request: Request):
    return {"size": sum([len(chunk) async for chunk in request.stream()])}


async def hello(service, ctx, request: Request):
    return {"headers": len(request.headers)}


HELLO = Route("GET", "/hello", hello, auth=False)
SIZE = Route("PUT", "/size", size, auth=False, stream=True)


async def test_a_file_goes_out_whole_and_the_connection_lives_on(tmp_path) -> None:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(5_000_000))

    async def download(service, ctx, request: Request):
        return Response(200, path=path, content_type="application/octet-stream")

    async with serving(Route("GET", "/file", download, auth=False), HELLO) as port:
        ask = b"GET /t/file HTTP/1.1\r\nHost: x\r\n\r\nGET /t/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await talk(port, ask)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"content-length: 5000000" in head
    assert rest[:5_000_000] == path.read_bytes()
    assert rest[5_000_000:].startswith(b"HTTP/1.1 200")


async def test_a_reader_that_stops_in_the_middle_of_a_file_hurts_nobody(tmp_path) -> None:
    path = tmp_path / "big"
    path.write_bytes(bytes(50_000_000))

    async def download(service, ctx, request: Request):
        return Response(200, path=path)

    async with serving(Route("GET", "/file", download, auth=False), HELLO) as port:
        with socket.create_connection(("127.0.0.1", port)) as stopped:
            stopped.sendall(b"GET /t/file HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.1)
            answer = await talk(port, b"GET /t/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /t/hello HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(1000)) + b"\r\n",
        b"GET /t/hello HTTP/1.1\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /t/" + b"h" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"NONSENSE\r\n\r\n",
    ],
)
async def test_a_head_beyond_the_bounds_is_400(head: bytes) -> None:
    async with serving(HELLO) as port:
        assert (await talk(port, head)).startswith(b"HTTP/1.1 400")


async def test_trailers_are_not_headers() -> None:
    body = b"PUT /t/size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nx-auth-token: evil\r\n\r\n"
    async with serving(SIZE) as port:
        assert b'{"size":3}' in await talk(port, body)


async def test_a_slow_head_is_cut_off(monkeypatch) -> None:
    monkeypatch.setattr(served, "_HEAD_S", 0.2)
    async with serving(HELLO) as port:
        assert await talk(port, b"GET /t/hello HTTP/1.1\r\n", b"x: y\r\n", pause_s=0.05) == b""


async def test_a_body_that_falls_silent_is_cut_off_and_one_that_goes_on_is_not(monkeypatch) -> None:
    monkeypatch.setattr(served, "_SILENCE_S", 0.3)
    head = b"PUT /t/size HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n"
    async with serving(SIZE) as port:
        assert await talk(port, head + b"ab") == b""
        assert b'{"size":8}' in await talk(port, head, b"ab", b"cd", b"ef", b"gh", pause_s=0.15)


async def test_a_refused_upload_gets_its_answer_and_then_the_door(monkeypatch) -> None:
    monkeypatch.setattr(served, "_LINGER_S", 0.3)
    async with serving(HELLO) as port:
        head = b"PUT /t/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
        answer = await asyncio.wait_for(talk(port, head + bytes(100_000)), 8)
    assert answer.startswith(b"HTTP/1.1 405")
