"""Consoles: URLs with tokens, and the sockets behind them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import MEMBER, LifeCloud
from wolke.compute.consoles import SOCKET_PREFIX, ConsoleSockets, build_console_api
from wolke.compute.drivers.base import Capabilities
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.service.life.errors import ConsoleTypeUnavailable
from wolke.compute.store import CONSOLE_TOKENS
from wolke.core.http import Application


class WithSerial(SimulatedDriver):
    """A guest whose serial port says everything twice."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / "serial"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("simulated", 1, console_output=True, serial=True)

    async def serve(self) -> asyncio.Server:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                writer.write(data + data)
            writer.close()

        return await asyncio.start_unix_server(talk, self.path)

    async def serial(self, server_id: str) -> Path:
        return self.path


class WithScreen(WithSerial):
    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("simulated", 1, vnc=True)

    async def vnc(self, server_id: str) -> Path:
        return self.path


class Socket:
    """The browser's end of a WebSocket."""

    def __init__(self, app: Any, url: str, **headers: str) -> None:
        parts = urlsplit(url)
        given = {"host": "cloud.test", **headers}
        scope = {
            "type": "websocket", "path": f"{parts.path}/socket", "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()], "subprotocols": ["binary"],
        }  # fmt: skip
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.create_task(app(scope, self._in.get, self._out.put))
        self.say(type="websocket.connect")

    def say(self, **message: Any) -> None:
        self._in.put_nowait(message)

    async def hear(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._out.get(), 5)


@pytest.fixture
async def console(cloud: LifeCloud, tmp_path: Path) -> Any:
    """The application and a serial console's URL."""
    driver = WithSerial(tmp_path)
    listening = await driver.serve()
    url, server_id = await opened(cloud, driver, "serial")
    app = Application([build_console_api()], None, sockets={SOCKET_PREFIX: ConsoleSockets(cloud.life.consoles)})  # type: ignore[arg-type]
    yield app, url, cloud, server_id
    listening.close()


async def opened(cloud: LifeCloud, driver: WithSerial, kind: str) -> tuple[str, str]:
    """The URL of a console, and of which server."""
    cloud.hosts.clear()
    parts = await cloud.add_host("host-1", driver)
    cloud.life.consoles.doors["host-1"] = parts.agent
    server = await cloud.create()
    await cloud.settle()
    return await cloud.life.consoles.create_console(MEMBER, await cloud.server(server.id), kind), server.id


async def test_a_screens_address_says_where_its_socket_is(cloud: LifeCloud, tmp_path: Path) -> None:
    """As noVNC has it everywhere, so that clients without a browser find it."""
    url, _ = await opened(cloud, WithScreen(tmp_path), "novnc")
    parts = urlsplit(url)
    path, _, token = parse_qs(parts.query)["path"][0].partition("?token=")
    assert (parts.path, path) == ("/console/novnc", "console/novnc/socket")
    assert await cloud.life.consoles.socket_for(token, "novnc") == tmp_path / "serial"


async def test_bytes_go_both_ways(console: Any) -> None:
    app, url, _, _ = console
    socket = Socket(app, url, origin="http://cloud.test")
    assert await socket.hear() == {"type": "websocket.accept", "subprotocol": "binary"}
    socket.say(type="websocket.receive", bytes=b"\xff\x00hi")
    assert await socket.hear() == {"type": "websocket.send", "bytes": b"\xff\x00hi\xff\x00hi"}
    socket.say(type="websocket.disconnect")
    await asyncio.wait_for(socket.task, 5)


@pytest.mark.parametrize("wrong", ["token", "kind", "origin", "late", "path"])
async def test_only_the_right_token_from_the_right_page_opens_it(console: Any, wrong: str) -> None:
    app, url, cloud, _ = console
    headers = {"origin": "http://evil.test"} if wrong == "origin" else {}
    if wrong == "late":
        cloud.clock.move(cloud.config.console_token_ttl_s + 1)
    url = {
        "token": url[:-3] + "xyz",
        "kind": url.replace("/serial", "/novnc"),
        "path": url.replace("/serial", "/x"),
    }.get(wrong, url)
    socket = Socket(app, url, **headers)
    assert await socket.hear() == {"type": "websocket.close", "code": 1008}
    await socket.task


async def test_the_token_is_kept_as_a_hash_only(console: Any) -> None:
    _, url, cloud, server_id = console
    [row] = await cloud.db.find(CONSOLE_TOKENS)
    assert row.server_id == server_id
    assert row.token_hash not in url
    assert url.partition("token=")[2] not in str(row)


async def test_a_deleted_servers_console_is_closed_for_good(console: Any) -> None:
    app, url, cloud, server_id = console
    await cloud.compute.server_actions.delete(MEMBER, server_id)
    await cloud.settle()
    assert (await Socket(app, url).hear())["type"] == "websocket.close"


async def test_what_the_hypervisor_lacks_is_refused(console: Any) -> None:
    _, _, cloud, server_id = console
    with pytest.raises(ConsoleTypeUnavailable):
        await cloud.life.consoles.create_console(MEMBER, await cloud.server(server_id), "novnc")


async def test_the_pages(console: Any) -> None:
    client = AsgiClient(console[0])
    serial = await client.get("/console/serial?token=anything")
    assert serial.status == 200
    assert "script-src 'self'" in serial.headers["content-security-policy"]
    assert (await client.get("/console/files/serial.js")).headers["content-type"] == "text/javascript"
    assert b"noVNC is not installed" in (await client.get("/console/novnc")).body
    for path in ("/console/files/pages.py", "/console/files/novnc/core/rfb.js", "/console/files/novnc/../../pages.py"):
        assert (await client.get(path)).status == 404
