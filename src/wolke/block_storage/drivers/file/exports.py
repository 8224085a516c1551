"""Volumes for guests on other hosts, or for several guests at once: each is served over NBD by a storage daemon of its own.

The daemon outlives us and is found by looking (``core.detached``). It listens on sockets that we made, so that one can connect
at once: one for NBD, over TLS only, with a key that is made for this export and is in the connection; one for us. While it
runs it is the only process that has the volume open, and so the ``Holder`` that changes it.

``HOME/export/``: what a den has, and

    export.json   address and port
    keys.psk      the key, as QEMU reads it; dh-params.pem beside it
    control       the socket for us
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from wolke.block_storage.drivers.base import Connection, Layer
from wolke.block_storage.drivers.file.config import FileConfig
from wolke.block_storage.drivers.file.home import EXPORT, Home
from wolke.block_storage.drivers.file.layers import Node, file_node
from wolke.core import detached
from wolke.core.detached import Den
from wolke.core.drivers import Failure
from wolke.core.files import whole, write_durably, write_whole
from wolke.core.log import get_logger

log = get_logger(__name__)

_PROGRAM = "qemu-storage-daemon"
_KEY_BYTES = 32
_ANSWER_S = 10.0
_LOOPBACK = "127.0.0.1"
#: The group ffdhe2048 of RFC 7919. Without it every daemon looks for primes of its own when it starts, for seconds.
_GROUP = """\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
_LINE_LIMIT = 1 << 20
_EXPORT = "export"  # as the daemon calls what it serves


class Exports:
    def __init__(self, config: FileConfig) -> None:
        self._address = config.export_address
        first, _, last = config.export_ports.partition("-")
        self._ports = range(int(first), int(last or first) + 1)
        self._there = shutil.which(_PROGRAM) is not None

    @property
    def _listens_at(self) -> str:
        """Without an address of its own, a host still serves several of its guests at once."""
        return self._address or _LOOPBACK

    @property
    def possible(self) -> bool:
        return self._there

    @property
    def reachable(self) -> bool:
        return bool(self._address) and self._there

    def check_possible(self, *, here: bool) -> None:
        """``here``: for a guest on this host."""
        if not self._address and not here:
            raise Failure("This backend serves guests on its own host only; its operator may set an export_address.")
        if not self._there:
            raise Failure(f"This host has no {_PROGRAM}, which serves volumes to other hosts, and to several guests.")

    async def ensure(self, home: Home, disk: Node) -> Connection:
        """The export of ``disk``, which is running afterwards."""
        den = _den(home)
        if not detached.alive(den) or not den.file("export.json").exists():
            await self._start_anew(den, home, disk)
        try:
            await Daemon(den, home).ready(_top_name(disk))
        except Silent as error:  # whoever spoke to it died in the midst of a word; its guests come back by themselves
            log.warning("a storage daemon is started again", volume_id=home.volume_id, reason=str(error))
            await self._start_anew(den, home, disk)
            await Daemon(den, home).ready(_top_name(disk))
        said = json.loads(den.file("export.json").read_bytes())
        key = den.file("keys.psk").read_text().strip().partition(":")[2]
        return Connection(
            "nbd",
            host=said["address"],
            port=said["port"],
            export=home.volume_id,
            tls_username=home.volume_id,
            tls_psk=key,
        )

    async def _start_anew(self, den: Den, home: Home, disk: Node) -> None:
        await detached.kill(den)
        await whole(self._start, home, disk)

    def _start(self, home: Home, disk: Node) -> None:
        """A second start of an export has its first port and key, if it can: guests connect again by themselves."""
        den = _den(home)
        den.folder.mkdir(mode=0o700, exist_ok=True)
        with self._listen(den) as (data, control):
            if not den.file("keys.psk").exists():
                key = f"{home.volume_id}:{secrets.token_hex(_KEY_BYTES)}\n"
                write_durably(den.file("keys.psk"), key.encode())
            write_whole(den.file("dh-params.pem"), _GROUP.encode())
            said = {"address": self._listens_at, "port": data.getsockname()[1]}
            lock = detached.hold_lock(den)
            try:
                argv = _command(home, disk, data.fileno(), control.fileno())
                process = detached.spawn(den, argv, (data.fileno(), control.fileno(), lock))
            finally:
                os.close(lock)
            if process is None:
                log.error("storage daemon did not start", volume_id=home.volume_id, said=detached.last_words(den))
                raise OSError("the storage daemon did not start")
            write_durably(den.file("export.json"), json.dumps(said).encode())

    @contextmanager
    def _listen(self, den: Den) -> Iterator[tuple[socket.socket, socket.socket]]:
        before = den.file("export.json")
        known = [json.loads(before.read_bytes())["port"]] if before.exists() else []
        with socket.socket(socket.AF_UNIX) as control, _data_socket(self._listens_at, [*known, *self._ports]) as data:
            den.file("control").unlink(missing_ok=True)
            with _short(den.folder) as folder:
                control.bind(f"{folder}/control")
            den.file("control").chmod(0o600)
            control.listen(4)
            yield data, control

    async def stop(self, home: Home) -> None:
        """No process, and nothing left of it. What guests were told is written is on the disk."""
        den = _den(home)
        if not den.folder.exists():
            return
        if detached.alive(den):
            with suppress(TimeoutError):
                await detached.kill(den, signal.SIGTERM)  # closes the disk as it should
            await detached.kill(den)
        await whole(shutil.rmtree, den.folder)

    def holder(self, home: Home) -> Daemon | None:
        den = _den(home)
        return Daemon(den, home) if detached.alive(den) else None


def _den(home: Home) -> Den:
    folder = home.file(EXPORT)
    return Den(folder, f"dir={folder}\0".encode())


def _command(home: Home, disk: Node, data: int, control: int) -> list[str]:
    top = {**disk, "node-name": _top_name(disk), "discard": "unmap"}
    export = f"type=nbd,id={_EXPORT},node-name={top['node-name']},name={home.volume_id},writable=on"
    return [
        _PROGRAM,
        "--object", f"tls-creds-psk,id=tls,endpoint=server,dir={home.file(EXPORT)}",
        "--blockdev", json.dumps(top),
        "--chardev", f"socket,id=control,fd={control},server=on,wait=off",
        "--monitor", "chardev=control",
        "--nbd-server", f"addr.type=fd,addr.str={data},tls-creds=tls,max-connections=0",
        "--export", export,
    ]  # fmt: skip


def _top_name(disk: Node) -> str:
    return node_name(Path(disk["file"]["filename"]).name)


def node_name(layer: str) -> str:
    """QEMU's name for a layer: a letter first, at most 31 characters."""
    return "l" + layer.partition(".")[0][:30]


def _data_socket(address: str, ports: list[int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in ports:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((address, port))
            made.listen(16)
        except OSError:
            made.close()
            continue
        return made
    raise Failure(f"This host has no port left on {address} to serve the volume at.")


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A path to ``folder`` that is short enough for the address of a socket in it."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


class Silent(OSError):
    """A daemon that lives, as far as one sees, and says nothing."""


class Daemon:
    """The running daemon as a ``Holder``."""

    def __init__(self, den: Den, home: Home) -> None:
        self._den = den
        self._home = home

    async def ready(self, node: str) -> None:
        """It has opened the disk, and serves it. ``Silent`` if it does not answer, ``OSError`` with its last words if it cannot."""
        try:
            async with self._talk() as call:
                if not await call("query-block-exports"):  # whoever made it larger died in the midst
                    await self._serve(call, node)
        except (ConnectionError, FileNotFoundError, TimeoutError) as error:
            raise Silent(f"the storage daemon does not answer: {error!r}") from error
        except OSError as error:
            raise OSError(f"the storage daemon does not serve: {error}. {detached.last_words(self._den)}") from error

    async def overlay(self, layer: Layer) -> None:
        async with self._talk() as call:
            (export,) = await call("query-block-exports")
            name = node_name(Path(layer.path).name)
            if export["node-name"] == name:
                return
            known = {node["node-name"] for node in await call("query-named-block-nodes")}
            if name not in known:
                node = file_node(Path(layer.path), layer.format) | {
                    "node-name": name,
                    "backing": None,
                    "discard": "unmap",
                }
                await call("blockdev-add", node)
            await call("blockdev-snapshot", {"node": export["node-name"], "overlay": name})

    async def resize(self, size_bytes: int) -> None:
        """QEMU does not do that while it serves a disk, since NBD has no way to tell its clients. So they are sent away, and come back
        by themselves; until then they wait, as for a host that is down."""
        async with self._talk() as call:
            exports = await call("query-block-exports")
            definition = self._home.load()
            assert definition is not None
            node = exports[0]["node-name"] if exports else node_name(definition.top)
            if exports:
                await call("block-export-del", {"id": _EXPORT, "mode": "hard"})
            while await call("query-block-exports"):
                pass  # each question lets it go on
            try:
                await call("block_resize", {"node-name": node, "size": size_bytes})
            finally:
                await self._serve(call, node)

    async def _serve(self, call: Any, node: str) -> None:
        export = {"type": "nbd", "id": _EXPORT, "node-name": node, "name": self._home.volume_id, "writable": True}
        await call("block-export-add", export)

    @asynccontextmanager
    async def _talk(self) -> AsyncIterator[Any]:
        async with asyncio.timeout(_ANSWER_S):
            with _short(self._den.folder) as folder:
                reader, writer = await asyncio.open_unix_connection(f"{folder}/control", limit=_LINE_LIMIT)

            async def call(command: str, arguments: dict[str, Any] | None = None) -> Any:
                said = {"execute": command, "arguments": arguments or {}}
                writer.write(json.dumps(said).encode() + b"\n")
                while True:
                    line = await reader.readline()
                    if not line:
                        raise ConnectionResetError(f"the storage daemon went away during {command}")
                    answer = json.loads(line)
                    if "return" in answer:
                        return answer["return"]
                    if "error" in answer:
                        raise OSError(f"{command}: {answer['error']['desc']}")

            try:
                await reader.readline()
                await call("qmp_capabilities")
                yield call
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
