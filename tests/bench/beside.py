"""What heavy object traffic does to the rest of the cloud: the slowest of a hundred GETs of a server, with it and without.

Who makes the traffic is on this machine too, which a cloud's users are not, so it steps back for everybody else (nice).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.objects import Store
from tests.bench.pipes import request, run
from tests.bench.processes import Cloud
from tests.bench.rows import Row

_CLIENTS = 16
_SIZE = 4096
_PAUSE_S = 0.004
_SETTLE_S = 1.5
_FOR_EVER = 1 << 40


def slowdown(cloud: Cloud, path: str, headers: dict[str, str], samples: int) -> Row:
    """``path``: of what is asked for, in a cloud that has it already."""
    store, port = Store(cloud), int(cloud.url.rpartition(":")[2])
    asked = request("GET", path, {"X-Auth-Token": cloud.token, **headers})
    store.make("beside")
    idle = _percentile(port, asked, samples)
    with _traffic(store.port, f"{store.path}/beside", cloud.token):
        loaded = _percentile(port, asked, samples)
    return Row("p99 of GET server under a full load of objects, to idle", loaded / idle, "×", 3)


def _percentile(port: int, asked: bytes, samples: int) -> float:
    """Seconds that 99 of 100 stay below, asked one after the other at a calm pace."""
    times = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(samples):
            started = time.perf_counter()
            connection.sendall(asked)
            _read_answer(connection)
            times.append(time.perf_counter() - started)
            time.sleep(_PAUSE_S)
    return sorted(times)[samples * 99 // 100]


def _read_answer(connection: socket.socket) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(1 << 16)
    head, _, body = got.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode("latin-1"))
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(1 << 16)


@contextlib.contextmanager
def _traffic(port: int, path: str, token: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.beside", str(port), path]
    with subprocess.Popen(command, env={**os.environ, "BENCH_TOKEN": token}) as process:
        try:
            time.sleep(_SETTLE_S)
            if process.poll() is not None:
                raise RuntimeError("the traffic stopped")
            yield
            if process.poll() is not None:
                raise RuntimeError("the traffic stopped")
        finally:
            process.kill()


def _objects_for_ever(port: int, path: str) -> None:
    """PUT and GET by turns, until killed."""
    os.nice(19)
    headers, data = {"X-Auth-Token": os.environ["BENCH_TOKEN"]}, os.urandom(_SIZE)
    run(port, lambda i: request("PUT", f"{path}/{i % 1000}", headers, data), count=1000, connections=_CLIENTS)

    def make(number: int) -> bytes:
        name = f"{path}/{number % 1000}"
        return request("PUT", name, headers, data) if number % 2 else request("GET", name, headers)

    run(port, make, count=_FOR_EVER, connections=_CLIENTS)


if __name__ == "__main__":
    _objects_for_ever(int(sys.argv[1]), sys.argv[2])
