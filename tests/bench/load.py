"""A plain keep-alive HTTP client, cheap enough that the server is what is measured."""

from __future__ import annotations

import asyncio


async def _connection(port: int, request: bytes, count: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
    body = b""
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(head.decode("latin-1") + (await reader.read(500)).decode("latin-1"))
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return body


def repeat(port: int, path: str, headers: dict[str, str], *, count: int, connections: int = 8) -> bytes:
    """``count`` GETs over ``connections``; returns the last body."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def all_of_them() -> bytes:
        bodies = await asyncio.gather(*(_connection(port, request, count // connections) for _ in range(connections)))
        return bodies[0]

    return asyncio.run(all_of_them())
