"""What moves between two hosts goes straight from agent to agent, through a door that each agent keeps.

A line is one TLS connection for one purpose. The door's certificate is made anew at each start of an agent and vouches for
itself: its fingerprint goes to the controllers with every report, and whoever comes compares. Whoever comes shows the
move's key, which the controllers gave to the two agents of that move alone; the host asks the controllers for it, so that a key
opens nothing once the move is over. What the line carries is as long as it says it is, or it is not taken.

    →  {"key", "server_id", "channel": "parts" or "still", "without": [names]}
    ←  {"ok": true} and, per file, {"name", "size"}, (offset, length, bytes)… of what is no hole, (size, 0); {"end" or "shape"}

    →  {"key", "server_id", "channel": "live", "name"}
    ←  {"ok": true}, and then both ways whatever the two hypervisors say to each other
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import socket
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from wolke.core.drivers import Failure
from wolke.core.log import get_logger

log = get_logger(__name__)

_EXTENT = struct.Struct(">QQ")
_PIECE = 1 << 20
_GREETING_S = 10.0
_SILENCE_S = 60.0  # of the other side, after which it is taken to be gone
_MOST_LINES = 64
_LONGEST_LINE = 1 << 16

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Cut(ConnectionError):
    """The other side went away, or said something else than it should: passing trouble."""


class Transport(Protocol):
    """How two agents come together."""

    @property
    def door(self) -> Mapping[str, Any]:
        """Where others find this host; {} if they cannot."""

    def open(self, serve: Serve) -> contextlib.AbstractAsyncContextManager[None]: ...

    async def connect(self, door: Mapping[str, Any]) -> Stream: ...


class Client(Protocol):
    async def get_json(self, path: str) -> Any: ...


class Lines:
    def __init__(self, host: str, client: Client, driver: Any, transport: Transport) -> None:
        self._host = host
        self._client = client
        self._driver = driver
        self._transport = transport
        self._slots = asyncio.Semaphore(_MOST_LINES)
        self._carrying: set[asyncio.Task[None]] = set()

    # -- going there

    async def fetch(self, server_id: str, move: Mapping[str, Any], target: Path, without: Sequence[str]) -> None:
        here = [path.name for path in target.iterdir() if path.suffix != ".part"]
        async with self._line(server_id, move, channel="parts", without=[*without, *here]) as (reader, _):
            while "name" in (head := await _read_json(reader)):
                await _receive(reader, target, str(head["name"]), int(head["size"]))

    async def fetch_still(self, server_id: str, move: Mapping[str, Any], target: Path, without: Sequence[str]) -> Any:
        """What never changes of a running guest, as files in ``target``; and its shape."""
        here = [path.name for path in target.iterdir() if path.suffix != ".part"]
        async with self._line(server_id, move, channel="still", without=[*without, *here]) as (reader, _):
            while "name" in (head := await _read_json(reader)):
                await _receive(reader, target, str(head["name"]), int(head["size"]))
        return head["shape"]

    async def connect(self, server_id: str, move: Mapping[str, Any], name: str) -> socket.socket:
        """A socket whose other end is a channel of the driver there; it is closed by the caller, and the line with it."""
        line = self._line(server_id, move, channel="live", name=name)
        stream = await line.__aenter__()
        ours, theirs = socket.socketpair()

        async def carry() -> None:
            try:
                await _splice(*stream, theirs)
            finally:
                await line.__aexit__(None, None, None)

        task = asyncio.create_task(carry())
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        return ours

    @asynccontextmanager
    async def _line(self, server_id: str, move: Mapping[str, Any], **words: Any) -> AsyncIterator[Stream]:
        """Raises ``Failure`` if the other host has no door, or says that it cannot."""
        if not move["door"]:
            raise Failure(f"the host {move['peer']} cannot be reached by other hosts")
        reader, writer = await self._transport.connect(move["door"])
        try:
            await _say(writer, {"key": move["key"], "server_id": server_id, **words})
            answer = await _read_json(reader)
            if "failure" in answer:
                raise Failure(str(answer["failure"]))
            if not answer.get("ok"):
                raise Cut(f"host {move['peer']} does not open")
            yield reader, writer
        finally:
            await _close(writer)

    # -- letting in

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One line, from greeting to end."""
        try:
            async with self._slots:
                async with asyncio.timeout(_GREETING_S):
                    asked = await _read_json(reader)
                    server_id = await self._checked(asked)
                await self._answer(server_id, asked, reader, writer)
        except (Cut, TimeoutError, OSError, ssl.SSLError, asyncio.IncompleteReadError) as error:
            log.info("a line from another host was cut", host=self._host, error=repr(error))
        finally:
            await _close(writer)

    async def _checked(self, asked: Mapping[str, Any]) -> str:
        """The server whose move the key is of. Raises ``Cut`` without a word to the other side: it has no business here."""
        server_id, key = str(asked.get("server_id", "")), str(asked.get("key", ""))
        try:
            said = await self._client.get_json(f"/agent/compute/v1/hosts/{self._host}/moves/{server_id}")
        except Exception as error:
            raise Cut(f"no move of {server_id!r}: {error!r}") from None
        if not key or not hmac.compare_digest(str(said["key"]).encode(), key.encode()):
            raise Cut(f"wrong key for {server_id!r}")
        return server_id

    async def _answer(
        self, server_id: str, asked: Mapping[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            if asked.get("channel") == "live":
                link = await self._driver.channel(server_id, str(asked.get("name")))
                await _say(writer, {"ok": True})
                await _splice(reader, writer, link)
                return
            parts, end = await self._offer(server_id, str(asked.get("channel")))
        except Failure as why:
            await _say(writer, {"failure": str(why)})
            return
        await _say(writer, {"ok": True})
        for name, path in parts.items():
            if name not in asked.get("without", ()):
                await _send(writer, name, path)
        await _say(writer, end)

    async def _offer(self, server_id: str, channel: str) -> tuple[Mapping[str, Path], dict[str, Any]]:
        """Files, and the words after them."""
        if channel == "parts":
            return await self._driver.parts(server_id), {"end": True}
        if channel == "still":
            return await self._driver.still_parts(server_id), {"shape": await self._driver.shape(server_id)}
        raise Failure(f"this host has no channel {channel!r}")


# ------------------------------------------------------------------------------------------------------------- framing


async def _splice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: socket.socket) -> None:
    """Carry octets both ways until either side has no more to say in its direction, and then in the other."""
    link.setblocking(False)
    near_reader, near_writer = await asyncio.open_connection(sock=link, limit=_PIECE)
    try:
        there = asyncio.create_task(_pour(near_reader, writer))
        back = asyncio.create_task(_pour(reader, near_writer))
        try:
            await asyncio.gather(there, back)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
    finally:
        await _close(near_writer)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()  # TLS cannot say that one direction has ended: both have


async def _say(writer: asyncio.StreamWriter, words: Mapping[str, Any]) -> None:
    writer.write(msgspec.json.encode(words) + b"\n")
    async with asyncio.timeout(_SILENCE_S):
        await writer.drain()


async def _read_json(reader: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(_SILENCE_S):
        try:
            line = await reader.readuntil(b"\n")
            found = msgspec.json.decode(line, type=dict[str, Any])
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, msgspec.MsgspecError) as error:
            raise Cut("the other host does not speak as it should") from error
    return found


async def _send(writer: asyncio.StreamWriter, name: str, path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        await _say(writer, {"name": name, "size": size})
        for offset, length in extents(descriptor, size):
            piece = await asyncio.to_thread(os.pread, descriptor, length, offset)
            writer.write(_EXTENT.pack(offset, len(piece)))
            writer.write(piece)
            async with asyncio.timeout(_SILENCE_S):
                await writer.drain()
        writer.write(_EXTENT.pack(size, 0))
    finally:
        os.close(descriptor)


def extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of what is no hole, in pieces."""
    at = 0
    while at < size:
        try:
            begin = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:  # nothing but a hole up to the end
            return
        end = min(os.lseek(descriptor, begin, os.SEEK_HOLE), size)
        for offset in range(begin, end, _PIECE):
            yield offset, min(_PIECE, end - offset)
        at = end


async def _receive(reader: asyncio.StreamReader, target: Path, name: str, size: int) -> None:
    """A file is under its name only when all of it is there."""
    if not name.isidentifier():
        raise Cut(f"a file cannot be called {name!r}")
    part = target / f"{name}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)
        while True:
            async with asyncio.timeout(_SILENCE_S):
                offset, length = _EXTENT.unpack(await _exactly(reader, _EXTENT.size))
                if not length:
                    break
                if length > _PIECE or offset + length > size:
                    raise Cut(f"{name} is not as long as was said")
                piece = await _exactly(reader, length)
            await asyncio.to_thread(os.pwrite, descriptor, piece, offset)
        if offset != size:
            raise Cut(f"{name} is not as long as was said")
        await asyncio.to_thread(os.fsync, descriptor)
    finally:
        os.close(descriptor)
    part.rename(target / name)


async def _exactly(reader: asyncio.StreamReader, count: int) -> bytes:
    try:
        return await reader.readexactly(count)
    except asyncio.IncompleteReadError as error:
        raise Cut("the other host went away") from error


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
        async with asyncio.timeout(5):
            await writer.wait_closed()


# ----------------------------------------------------------------------------------------------------------------- TLS


class TlsTransport:
    """``address``: under which other hosts reach this one; "" for none, then nothing can come here. ``port`` 0: any."""

    def __init__(self, address: str = "", port: int = 0) -> None:
        self._address = address
        self._port = port
        self.door: Mapping[str, Any] = {}

    @asynccontextmanager
    async def open(self, serve: Serve) -> AsyncIterator[None]:
        if not self._address:
            yield
            return
        context, fingerprint = await asyncio.to_thread(_context)
        server = await asyncio.start_server(
            serve,
            self._address,
            self._port,
            ssl=context,
            limit=_LONGEST_LINE + _PIECE,
            ssl_handshake_timeout=_GREETING_S,
        )
        port = server.sockets[0].getsockname()[1]
        self.door = {"address": self._address, "port": port, "fingerprint": fingerprint}
        try:
            yield
        finally:
            server.close()
            self.door = {}

    async def connect(self, door: Mapping[str, Any]) -> Stream:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nobody vouches for it but the controllers, with the fingerprint
        async with asyncio.timeout(_GREETING_S):
            reader, writer = await asyncio.open_connection(
                door["address"], int(door["port"]), ssl=context, limit=_LONGEST_LINE + _PIECE
            )
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
        if not hmac.compare_digest(hashlib.sha256(shown).hexdigest(), str(door["fingerprint"])):
            await _close(writer)
            raise Cut(f"{door['address']} is not the host that the controllers know")
        return reader, writer


def _context() -> tuple[ssl.SSLContext, str]:
    """A certificate of its own, of which nothing stays on disk, and its fingerprint."""
    from wolke.tls import generate

    with tempfile.TemporaryDirectory() as folder:
        certificate, key = generate(Path(folder), "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key)
        found = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return context, hashlib.sha256(found).hexdigest()
