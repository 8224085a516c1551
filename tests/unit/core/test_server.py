"""Against a real socket: what only the wire shows."""

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import time
from email.utils import parsedate_to_datetime

import pytest

from wolke.core.http import Api, Application, Request, Response, Route, cycle, protocol
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
    monkeypatch.setattr(protocol, "_HEAD_S", 0.2)
    async with serving(HELLO) as port:
        assert await talk(port, b"GET /t/hello HTTP/1.1\r\n", b"x: y\r\n", pause_s=0.05) == b""


async def test_a_body_that_falls_silent_is_cut_off_and_one_that_goes_on_is_not(monkeypatch) -> None:
    monkeypatch.setattr(cycle, "SILENCE_S", 0.3)
    head = b"PUT /t/size HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n"
    async with serving(SIZE) as port:
        assert await talk(port, head + b"ab") == b""
        assert b'{"size":8}' in await talk(port, head, b"ab", b"cd", b"ef", b"gh", pause_s=0.15)


async def test_a_refused_upload_gets_its_answer_and_then_the_door(monkeypatch) -> None:
    monkeypatch.setattr(protocol, "_LINGER_S", 0.3)
    async with serving(HELLO) as port:
        head = b"PUT /t/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
        answer = await asyncio.wait_for(talk(port, head + bytes(100_000)), 8)
    assert answer.startswith(b"HTTP/1.1 405")


async def digest(service, ctx, request: Request):
    pieces, seen = 0, hashlib.md5()
    async for chunk in request.stream():
        assert len(chunk) <= 512 * 1024
        pieces += 1
        seen.update(chunk)
    return {"md5": seen.hexdigest(), "pieces": pieces}


DIGEST = Route("PUT", "/digest", digest, auth=False, stream=True)


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_bodies_come_whole_and_the_next_request_is_found(chunked: bool) -> None:
    """Of known length they go past the parser: whatever stands behind them on the connection must still be seen."""
    body = os.urandom(3_000_000)
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 3000000"
    sent = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (body[:70_000], body[70_000:], b"")) if chunked else body
    head = b"PUT /t/digest HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\n"
    hello = b"GET /t/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with serving(DIGEST, HELLO) as port:
        answer = await talk(port, head + sent + head + sent + hello)
    assert answer.count(hashlib.md5(body).hexdigest().encode()) == 2
    assert answer.count(b"HTTP/1.1 200") == 3 and b'{"headers":2}' in answer


async def test_a_body_is_asked_for_when_it_is_first_read() -> None:
    head = b"HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    async with serving(SIZE, HELLO) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PUT /t/size " + head)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"hello")
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        # Refused unread, it may or may not be sent: nothing else may come on that connection.
        answer = await talk(port, b"PUT /t/hello " + head)
        assert answer.startswith(b"HTTP/1.1 405") and b"connection: close" in answer


async def test_a_refused_upload_on_a_last_connection_gets_its_answer_too() -> None:
    async with serving(HELLO) as port:
        head = b"PUT /t/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 30000000\r\n\r\n"
        answer = await talk(port, head, bytes(30_000_000))
    assert answer.startswith(b"HTTP/1.1 405")


async def test_a_client_that_outruns_its_reader_fills_no_memory() -> None:
    most = 0

    async def slow(service, ctx, request: Request):
        nonlocal most
        async for _ in request.stream():
            await asyncio.sleep(0.01)
            most = max(most, request._receive.__self__.waiting_bytes)
        return {}

    async with serving(Route("PUT", "/slow", slow, auth=False, stream=True)) as port:
        head = b"PUT /t/slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 20000000\r\n\r\n"
        assert b" 200 " in await talk(port, head, bytes(20_000_000))
    assert 0 < most <= 400 * 1024


async def test_a_body_that_breaks_its_framing_ends_the_request() -> None:
    left = asyncio.Event()

    async def reading(service, ctx, request: Request):
        try:
            async for _ in request.stream():
                pass
        finally:
            left.set()
        return {}

    head = b"PUT /t/r HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    async with serving(Route("PUT", "/r", reading, auth=False, stream=True)) as port:
        assert (await talk(port, head, b"zzz\r\n", pause_s=0.05)).startswith(b"HTTP/1.1 400")
        assert left.is_set()


async def test_an_answer_is_dated_when_it_is_given() -> None:
    async def later(service, ctx, request: Request):
        await asyncio.sleep(1.1)
        return {"now": int(time.time())}

    async with serving(Route("GET", "/later", later, auth=False)) as port:
        answer = await talk(port, b"GET /t/later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    said = next(line for line in head.split(b"\r\n") if line.startswith(b"date: ")).removeprefix(b"date: ").decode()
    assert 0 <= parsedate_to_datetime(said).timestamp() - json.loads(body)["now"] <= 1


async def test_a_whole_request_is_answered_whatever_nonsense_follows_it():
    async with serving(HELLO) as port:
        answer = await talk(port, b"GET /t/hello HTTP/1.1\r\nHost: h\r\n\r\nnot a request at all")
    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1") == 1


async def test_a_url_may_hold_utf8_as_it_is():
    async def where(service, ctx, request: Request):
        return {"path": request.path}

    async with serving(Route("GET", "/{name}", where, auth=False)) as port:
        line = "GET /t/grüße HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
        answer = await talk(port, line)
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"path": "/t/grüße"}


async def test_a_transfer_coding_that_nobody_knows_is_501():
    async with serving(SIZE) as port:
        head = b"PUT /t/size HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip,chunked\r\n\r\n"
        answer = await talk(port, head + b"whatever comes")
    assert answer.startswith(b"HTTP/1.1 501")


async def at_hand(service, ctx, request: Request):
    there = request.at_hand
    if there is None:
        return {"streamed": sum([len(chunk) async for chunk in request.stream()])}
    return {"at_hand": len(there)}


async def test_a_small_body_that_came_with_its_head_is_at_hand() -> None:
    head = b"PUT /t/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
    async with serving(Route("PUT", "/x", at_hand, auth=False, stream=True)) as port:
        assert b'{"at_hand":5}' in await talk(port, head + b"5\r\n\r\nhello")
        assert b'{"streamed":5}' in await talk(port, head + b"5\r\n\r\nhe", b"llo", pause_s=0.05)
        assert b'{"at_hand":0}' in await talk(port, head + b"0\r\n\r\n")


async def test_a_header_said_twice_is_one_with_both_values() -> None:
    async def words(service, ctx, request: Request):
        return {"x": request.headers["x-word"], "names": sorted(request.headers)}

    ask = b"GET /t/w HTTP/1.1\r\nHost: x\r\nX-Word: one\r\nx-WORD: two\r\nConnection: close\r\n\r\n"
    async with serving(Route("GET", "/w", words, auth=False)) as port:
        answer = await talk(port, ask)
    assert b'{"x":"one, two","names":["connection","host","x-word"]}' in answer


async def test_a_connection_that_asks_nothing_more_is_closed_after_a_while(monkeypatch) -> None:
    monkeypatch.setattr(protocol, "_IDLE_S", 0.3)
    async with serving(HELLO) as port:
        ask = b"GET /t/hello HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await talk(port, ask, ask, pause_s=0.2)
    assert answer.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("nonsense", [b"\x00\x01\x02\r\n\r\n", b"GET /t/hello HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n"])
async def test_answers_go_out_in_the_order_of_their_requests(nonsense: bytes) -> None:
    """A refusal is written at once, an answer when its turn of the loop ends."""
    answered = asyncio.Event()

    async def telling(service, ctx, request: Request):
        answered.set()
        return {"n": request.query.get("n")}

    async with serving(Route("GET", "/tell", telling, auth=False)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /t/tell?n=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /t/tell?n=2 HTTP/1.1\r\nHost: x\r\n\r\n")
        await answered.wait()
        writer.write(nonsense)
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
    first, second, refusal = (answer.find(words) for words in (b'{"n":"1"}', b'{"n":"2"}', b"HTTP/1.1 400"))
    assert -1 < first < second < refusal


async def test_a_server_that_stops_gives_the_answers_that_it_has() -> None:
    stopping: list[asyncio.Task[None]] = []

    async def last(service, ctx, request: Request):
        stopping.append(asyncio.create_task(server.stop()))
        return {"last": True}

    listening = served.bind("127.0.0.1", 0)
    api = Api("t", "/t", (Route("GET", "/last", last, auth=False),), None, Policy([]))
    server = served.Server(Application([api], hello), [listening])
    await server.start()
    answer = await talk(listening.getsockname()[1], b"GET /t/last HTTP/1.1\r\nHost: x\r\n\r\n")
    await stopping[0]
    listening.close()
    assert answer.endswith(b'{"last":true}')
