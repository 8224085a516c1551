"""What the object store costs: by the request, by the byte, by the million."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.pipes import Ran, request, run
from tests.bench.processes import Cloud, Nginx, cpu_seconds, resident_mib
from tests.bench.rows import Row
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.drivers.segments.options import Options

SMALL = 4096
LARGE = 64 << 20
_CLIENTS = 16
_READS = 20_000  # in all; a tick of the kernel's clock is 10 ms
_TURNS = 5
_AT_REST_S = 0.2  # of CPU in some seconds


class Store:
    """The object store of a running cloud, as the admin's project sees it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        catalog = cloud.call("GET", "/identity/v3/auth/catalog")["catalog"]
        service = next(one for one in catalog if one["type"] == "object-store")
        url = urlsplit(next(one["url"] for one in service["endpoints"] if one["interface"] == "public"))
        self.port, self.path = int(url.port or 80), url.path
        self.headers = {"X-Auth-Token": cloud.token}

    @property
    def pid(self) -> int:
        """The process that listens on the store's port."""
        inodes = _listening(self.port)
        for pid in reversed(_family(self.cloud.process.pid)):  # its parent holds the socket too, for the next one
            for fd in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if os.readlink(fd) in inodes:
                        return pid
                except OSError:
                    continue
        raise RuntimeError("nobody listens there")

    def used(self) -> int:
        """Bytes on the disk."""
        files = (one for one in (self.cloud.state / "objects").rglob("*") if one.is_file())
        return sum(one.stat().st_blocks * 512 for one in files)

    def make(self, container: str) -> None:
        self.run(lambda i: self.request("PUT", container), 1, connections=1)

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        return request(method, f"{self.path}/{path}", self.headers, body)

    def run(self, make: Callable[[int], bytes], count: int, connections: int = _CLIENTS) -> Ran:
        return run(self.port, make, count=count, connections=connections)

    def cost(self, make: Callable[[int], bytes], count: int, connections: int = _CLIENTS) -> float:
        """CPU seconds per request."""
        before = cpu_seconds([self.pid])
        self.run(make, count, connections)
        return (cpu_seconds([self.pid]) - before) / count

    def rest(self) -> None:
        """Until it has done what is left to do of the writes before: the index takes them in some seconds later."""
        used = 1.0
        while used > _AT_REST_S:
            before = cpu_seconds([self.pid])
            time.sleep(Options().flush_after_s + 1)
            used = cpu_seconds([self.pid]) - before


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _family(int(child))
    return found


def _listening(port: int) -> set[str]:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {f"socket:[{one[9]}]" for one in fields if one[3] == "0A" and int(one[1].rpartition(":")[2], 16) == port}


def measures(cloud: Cloud, nginx: Nginx, *, quick: bool) -> list[Row]:
    store = Store(cloud)
    store.make("bench")
    many = 4_000 if quick else 20_000
    rows = small(store, nginx, many)
    rows += lists(store, 100_000 if quick else 1_000_000)
    rows += large(store, nginx, 2 if quick else 4)
    return [*rows, *memory(store, (1 if quick else 4) << 30)]


# ------------------------------------------------------------------------------------------------------------ 4 KiB


def small(store: Store, nginx: Nginx, many: int) -> list[Row]:
    """Reads are of what was read once before and lies in the index. Ours and theirs take turns, so that whatever else the machine
    does meets both."""
    data = os.urandom(SMALL)
    raw = engine_rate(store.cloud.state.parent, many)
    put = store.run(lambda i: store.request("PUT", f"bench/small-{i}", data), many)
    raw = (raw + engine_rate(store.cloud.state.parent, many)) / 2
    name = nginx.serve("small", data)
    store.rest()
    store.run(lambda i: store.request("GET", f"bench/small-{i}"), many)
    part, get, head, theirs = _READS // _TURNS, 0.0, 0.0, 0.0
    for _ in range(_TURNS):
        get += store.cost(lambda i: store.request("GET", f"bench/small-{i % many}"), part)
        theirs += nginx_cost(nginx, lambda i: request("GET", name, {}), part * 4)
        head += store.cost(lambda i: store.request("HEAD", f"bench/small-{i % many}"), part)
    return [
        Row("PUT of 4 KiB, 16 clients, to the engine's own rate", put.rate / raw, "×", 0.35, at_least=True),
        Row("GET of 4 KiB", get / theirs, "×", 8),
        Row("HEAD of 4 KiB, to its GET", head / get, "×", 1),
    ]


def engine_rate(folder: Path, many: int) -> float:
    """Durable commits of 4 KiB a second by 16 tasks in a process of its own, with an MD5 of each as every object has one; on the
    same disk and as modest as the store's."""
    import subprocess

    code = f"from tests.bench.objects import engine; print(engine({str(folder)!r}, {many}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def engine(disk: str, many: int) -> float:
    import uvloop

    from wolke.object_store.drivers.base import Put
    from wolke.object_store.drivers.segments import Segments

    os.nice(ObjectStoreConfig().nice)
    data, meta, partition = os.urandom(SMALL), bytes(80), bytes(16)

    async def writing(folder: Path) -> float:
        place = Segments(folder)
        await place.open()
        numbers = iter(range(many))

        async def one() -> None:
            for number in numbers:
                writer = place.writer(SMALL, hashlib.md5(usedforsecurity=False).update)
                await writer.write(data)
                piece = await writer.finish()
                put = Put(b"o%020d" % number, meta, (piece,), 1, SMALL)
                await place.commit(partition, (put.key,), lambda entries, tally, put=put: (put,))

        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(_CLIENTS)))
        rate = many / (time.perf_counter() - started)
        await place.close()
        return rate

    with (
        tempfile.TemporaryDirectory(dir=disk) as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(writing(Path(folder)))


def nginx_cost(nginx: Nginx, make: Callable[[int], bytes], count: int, connections: int = _CLIENTS) -> float:
    before = cpu_seconds(nginx.pids())
    run(nginx.port, make, count=count, connections=connections)
    return (cpu_seconds(nginx.pids()) - before) / count


# ----------------------------------------------------------------------------------------------------------- 64 MiB


def large(store: Store, nginx: Nginx, many: int) -> list[Row]:
    """Ours and theirs in turns. A download takes a few ticks of the kernel's clock only, so there are more of them."""
    data = os.urandom(LARGE)
    name = nginx.serve("large", data)
    put, get, their_put, their_get = 0.0, 0.0, 0.0, 0.0
    for _ in range(_TURNS):
        put += store.cost(lambda i: store.request("PUT", f"bench/large-{i % 2}", data), many, connections=2)
        their_put += nginx_cost(
            nginx, lambda i: request("PUT", f"/uploads/large-{i % 2}", {}, data), many, connections=2
        )
        get += store.cost(lambda i: store.request("GET", "bench/large-0"), many * 8, connections=2)
        their_get += nginx_cost(nginx, lambda i: request("GET", name, {}), many * 8, connections=2)
    return [
        Row("PUT of 64 MiB, CPU per byte", put / their_put, "×", 2),
        Row("GET of 64 MiB, CPU per byte", get / their_get, "×", 2),
    ]


# ------------------------------------------------------------------------------------------------------------ lists


def lists(store: Store, many: int) -> list[Row]:
    """``many`` objects of 1 KiB in a container, and what that does to it. A page is from the middle of the names."""
    data = os.urandom(1024)
    few = 20_000
    rates, costs, before = [1.0], {}, store.used()
    for container, count in (("few", few), ("many", many)):
        store.make(container)
        rates = _fill(store, container, count, data)
        page = store.request("GET", f"{container}?format=json&limit=10000&marker=n{count // 4:09d}")
        store.rest()
        assert store.run(lambda i, page=page: page, 2, 1).body.count(b'"name"') == 10_000
        costs[container] = store.cost(lambda i, page=page: page, 40, 2)
    used = store.used() - before
    return [
        Row("a list of 10,000 names, CPU", costs["few"] * 1000, " ms", 60),
        Row(f"a list of 10,000 of {many:,} names, to one of {few:,}", costs["many"] / costs["few"], "×", 1.5),
        Row(f"PUT rate at the end of {many:,} objects, to the start", rates[-1] / rates[0], "×", 0.8, at_least=True),
        Row(f"bytes on disk of {many + few:,} objects of 1 KiB", used / ((many + few) * 1024), "×", 1.6),
    ]


def _fill(store: Store, container: str, count: int, data: bytes) -> list[float]:
    """Names in no order, as people's are. Rates of each tenth, which should be longer than what the engine does now and then: a
    flush each few seconds, a segment to prepare."""
    tenth = count // 10
    rates = []
    for part in range(10):
        numbers = [(part * tenth + i) * 7919 % count for i in range(tenth)]
        ran = store.run(lambda i, n=numbers: store.request("PUT", f"{container}/n{n[i]:09d}", data), tenth)
        rates.append(ran.rate)
    return rates


def restart_time(cloud: Cloud) -> Row:
    """From the start of the cloud's process to the store's first answer; the store was filled before."""
    started = time.monotonic()
    with Cloud(cloud.state) as again:
        store = Store(again)
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{store.port}/info", timeout=5).read()
                break
            except OSError:
                time.sleep(0.01)
        return Row("restart of a filled store to its first answer", time.monotonic() - started, " s", 3)


# ----------------------------------------------------------------------------------------------------------- memory


def memory(store: Store, octets: int) -> list[Row]:
    """The store's resident memory through one large object up and down, and through 64 slow clients."""
    import http.client

    pid = store.pid
    block = os.urandom(1 << 20)
    before = peak = resident_mib(pid)
    connection = http.client.HTTPConnection("127.0.0.1", store.port, timeout=600)
    connection.putrequest("PUT", f"{store.path}/bench/huge")
    for name, value in {**store.headers, "Content-Length": str(octets)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for number in range(octets >> 20):
        connection.send(block)
        if number % 64 == 0:
            peak = max(peak, resident_mib(pid))
    assert connection.getresponse().read() == b""
    connection.request("GET", f"{store.path}/bench/huge", headers=store.headers)
    answer, taken = connection.getresponse(), 0
    while chunk := answer.read(1 << 20):
        taken += len(chunk)
        if taken % (64 << 20) == 0:
            peak = max(peak, resident_mib(pid))
    assert taken == octets
    grown = Row(f"memory through {octets >> 30} GiB up and down, growth", peak - before, " MiB", 30)
    return [grown, asyncio.run(_slow(store))]


async def _slow(store: Store) -> Row:
    """64 clients that send half of 64 MiB in small pieces, and 64 that read a large object slowly."""
    before = peak = resident_mib(store.pid)
    writers = []
    for number in range(64):
        reader, writer = await asyncio.open_connection("127.0.0.1", store.port, limit=1 << 16)
        if number % 2:
            writer.write(store.request("GET", "bench/large-0"))
        else:
            head = request("PUT", f"{store.path}/bench/slow-{number}", {**store.headers, "Content-Length": str(LARGE)})
            writer.write(head.replace(b"Content-Length: 0\r\n", b""))
        writers.append((reader, writer))
    for _ in range(100):
        for number, (reader, writer) in enumerate(writers):
            if number % 2:
                await reader.read(1 << 14)
            else:
                writer.write(bytes(1 << 16))
        await asyncio.sleep(0.02)
        peak = max(peak, resident_mib(store.pid))
    for _, writer in writers:
        writer.transport.abort()
    return Row("memory through 64 slow clients, growth", peak - before, " MiB", 30)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="wolke-bench-", dir=os.environ.get("BENCH_DIR")) as scratch:
        with Cloud(Path(scratch) / "cloud") as cloud, Nginx(Path(scratch) / "nginx") as nginx:
            rows = measures(cloud, nginx, quick="--quick" in sys.argv)
        rows.append(restart_time(cloud))
    print(json.dumps([[row.what, row.shown, row.wanted, row.good] for row in rows], indent=1))
