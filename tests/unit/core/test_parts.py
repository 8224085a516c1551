"""Answers made of parts of files, over a real socket and with checks that may fail."""

import asyncio
import contextlib
import os
import socket
import ssl

import pytest

from wolke import tls
from wolke.core.http import Door, FilePart, Request, Response, cycle
from wolke.core.http import server as served

RUN = 4096


@contextlib.asynccontextmanager
async def serving(answer, context=None):
    listening = served.bind("127.0.0.1", 0)
    server = served.Server(Door("t", answer), [listening], tls=context)
    await server.start()
    try:
        yield listening.getsockname()[1]
    finally:
        await server.stop()
        listening.close()


async def ask(port: int, method: str = "GET", trust: ssl.SSLContext | None = None) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    writer.write(f"{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(10):
        whole = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    head, _, body = whole.partition(b"\r\n\r\n")
    return head, body


class Two:
    """An answer of two pieces of two files, each run of which is noted; ``bad`` is the one that may not go out."""

    def __init__(self, folder, bad: int = -1) -> None:
        self.files = [folder / "a", folder / "b"]
        for file in self.files:
            file.write_bytes(os.urandom(5 * RUN))
        self.bad, self.seen = bad, []
        self.wanted = self.files[0].read_bytes()[100:] + self.files[1].read_bytes()[: RUN + 1]

    def check(self, fd: int, offset: int, length: int) -> None:
        self.seen.append((offset, length))
        if len(self.seen) - 1 == self.bad:
            raise OSError("damaged")

    async def __call__(self, request: Request) -> Response:
        parts = (
            FilePart(str(self.files[0]), 100, 5 * RUN - 100, self.check, RUN),
            FilePart(str(self.files[1]), 0, RUN + 1, self.check, RUN),
        )
        return Response(200, parts=parts, chunks=never(), headers={"Content-Length": str(len(self.wanted))})


async def never():
    raise AssertionError("the server can send parts")
    yield b""


async def test_each_run_is_checked_before_it_goes_out(tmp_path) -> None:
    answer = Two(tmp_path)
    async with serving(answer) as port:
        head, body = await ask(port)
    assert head.startswith(b"HTTP/1.1 200") and body == answer.wanted
    first = [(100, RUN - 100), *((n * RUN, RUN) for n in range(1, 5))]
    assert answer.seen == [*first, (0, RUN), (RUN, 1)]


async def test_the_same_through_tls(tmp_path) -> None:
    certificate, key = tls.generate(tmp_path, "127.0.0.1")
    answer = Two(tmp_path)
    async with serving(answer, tls.context(certificate, key)) as port:
        head, body = await ask(port, trust=ssl.create_default_context(cafile=str(certificate)))
    assert head.startswith(b"HTTP/1.1 200") and body == answer.wanted and len(answer.seen) == 7


async def test_head_says_the_length_and_opens_nothing(tmp_path) -> None:
    answer = Two(tmp_path)
    async with serving(answer) as port:
        head, body = await ask(port, "HEAD")
    assert f"content-length: {len(answer.wanted)}".encode() in head and body == b"" and answer.seen == []


async def test_a_first_run_that_may_not_go_out_is_500(tmp_path, caplog) -> None:
    async with serving(Two(tmp_path, bad=0)) as port:
        head, body = await ask(port)
    assert head.startswith(b"HTTP/1.1 500") and len(body) < 100


@pytest.mark.parametrize("bad", [1, 5])
async def test_a_later_one_ends_the_connection_before_it(tmp_path, bad: int) -> None:
    answer = Two(tmp_path, bad)
    async with serving(answer) as port:
        head, body = await ask(port)
    before = sum(length for _, length in answer.seen[:bad])
    assert head.startswith(b"HTTP/1.1 200") and body == answer.wanted[:before]


async def test_a_file_that_is_not_there_is_500(tmp_path) -> None:
    answer = Two(tmp_path)
    answer.files[0].unlink()
    async with serving(answer) as port:
        assert (await ask(port))[0].startswith(b"HTTP/1.1 500")


async def test_parts_in_process_are_checked_the_same(tmp_path, asgi_client) -> None:
    for bad, status, length in ((-1, 200, None), (0, 500, 0), (2, 200, 2 * RUN - 100)):
        answer = Two(tmp_path, bad)
        got = await asgi_client(Door("t", answer)).get("/")
        assert got.status == status and len(got.body) == (len(answer.wanted) if length is None else length)
        assert (got.cut is None) == (bad < 0)


async def test_a_reader_that_stops_for_too_long_is_given_up(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cycle, "SILENCE_S", 0.2)
    path, gone = tmp_path / "big", asyncio.Event()
    path.write_bytes(bytes(1 << 25))

    async def slowly():
        try:
            while True:
                yield bytes(1 << 20)
        finally:
            gone.set()

    async def answer(request: Request) -> Response:
        if request.path == "/stream":
            return Response(200, chunks=slowly())
        return Response(200, path=path)

    async with serving(answer) as port:
        loop = asyncio.get_running_loop()
        for target in (b"/stream", b"/file"):
            with socket.create_connection(("127.0.0.1", port)) as stopped:
                stopped.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                await asyncio.sleep(1.2)
                stopped.settimeout(5)
                with pytest.raises(ConnectionError):
                    await loop.run_in_executor(None, read_all, stopped)
        assert gone.is_set()


def read_all(client: socket.socket) -> None:
    while client.recv(1 << 20):
        pass
    raise ConnectionError("closed")


async def test_headers_of_one_name_and_bytes_as_they_are(asgi_client) -> None:
    async def answer(request: Request) -> Response:
        assert request.raw_path == b"/%ff%2F"
        return Response(204, headers={"a": "ü".encode()}, also=[("A", "2"), ("a", b"x\ny")])

    got = await asgi_client(Door("t", answer)).get("/%ff%2F")
    assert [value for name, value in got.header_list if name == "a"] == ["Ã¼", "2", "x%0Ay"]
