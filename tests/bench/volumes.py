"""What volumes cost: to attach and to make, to read and write from a guest, and to list when there are many.

``python -m tests.bench.volumes [--quick]`` measures these alone. It needs root, gcc and qemu-img.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.bench import guests, plugging
from tests.bench.guests import Guest
from tests.bench.load import repeat
from tests.bench.plugging import Settings
from tests.bench.processes import Cloud, cpu_seconds
from tests.bench.rows import Row
from wolke.block_storage.store import ATTACHMENTS, VOLUMES
from wolke.core.clock import instant, moment
from wolke.core.db import open_database

_FEW, _MANY, _PAGE = 1_000, 10_000, 100
_HEADERS = {"OpenStack-API-Version": "volume latest"}
_MIB = 1 << 20
_SIZE = 1024 * _MIB  # of the disk that is read and written
_FIFO = "mkfifo /tmp/never 2>/dev/null"
_NAP = "read -t 0.01 x <>/tmp/never"  # without a process, of which each costs an emulated guest tens of milliseconds
_WAIT = f"{_FIFO}; while [ -e /sys/block/{{0}} ]; do {_NAP}; done; echo ready; until [ -e /sys/block/{{0}} ]; do {_NAP}; done"


def measures(folder: Path, *, quick: bool) -> list[Row]:
    places = [folder / name for name in ("guest", "lists")]
    for place in places:
        place.mkdir()
    folder.chmod(0o711)  # as in ``guests.running``
    with guests.running(places[0]) as guest:
        rows = [attaching(guest, folder / "by-hand.qcow2", 3 if quick else 9), making(guest, 5 if quick else 15)]
        rows += throughput(guest, _compiled(folder), folder / "reference.qcow2", 2 if quick else 5)
    return rows + lists(places[1], quick=quick)


# --------------------------------------------------------------------------------------------------- coming and going


def attaching(guest: Guest, scratch: Path, rounds: int) -> Row:
    """By turns through the API and by hand; a guest's first new disk takes it longest and counts for nobody."""
    volume_id = guest.volume()
    beyond = []
    for number in range(rounds + 1):
        plugging.create(scratch)
        by_hand = plugging.plugged(guest.monitor, scratch, _appearing(guest, "vdb"))
        seen = _appearing(guest, "vdb")
        started = time.perf_counter()
        guest.attach(volume_id)
        seen()
        took = time.perf_counter() - started
        guest.until(volume_id, "in-use")
        guest.detach(volume_id)
        if number:
            beyond.append(took - by_hand)
    what = "attach to a running guest, POST to its seeing the disk, beyond the same by QEMU's monitor, median"
    return Row(what, statistics.median(beyond) * 1000, " ms", 500)


def _appearing(guest: Guest, disk: str) -> Callable[[], str]:
    """The guest looks for it from now on; what returns once it is there."""
    guest.shell.send(f"{_WAIT.format(disk)}; echo seen")
    guest.shell.line()
    return guest.shell.line


def making(guest: Guest, rounds: int) -> Row:
    asked = {"size": 10, "imageRef": guest.image_id}
    guest.volume(**asked)  # brings the image to this host
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        guest.volume(**asked)
        times.append(time.perf_counter() - started)
    what = "volume of 10 GiB from an image that the host has, POST to available, median"
    return Row(what, statistics.median(times) * 1000, " ms", 200)


# -------------------------------------------------------------------------------------------------------- throughput


@dataclass(frozen=True)
class Pattern:
    """Requests of ``size`` bytes, ``step`` bytes apart, ``depth`` at a time."""

    what: str
    size: int
    depth: int
    count: int
    step: int


_SEQUENTIAL = Pattern("sequential, 1 MiB × 8", _MIB, 8, 768, _MIB)
_RANDOM = Pattern("scattered, 4 KiB × 32", 4096, 32, 8_000, 4096 * 26_263)


#: The settings that are known to be good for a guest's disk; the best of them is what a careful administrator would get.
_BY_HAND = {
    "threads": Settings(),
    "threads, direct": Settings(direct=True),
    "threads, a thread of its own": Settings(thread=True),
    "io_uring, direct": Settings("io_uring", direct=True),
    "io_uring, direct, a thread of its own": Settings("io_uring", direct=True, thread=True),
    "native, direct": Settings("native", direct=True),
    "native, direct, a thread of its own": Settings("native", direct=True, thread=True),
}
_RUNS = [(how, pattern) for how in ("read", "write") for pattern in (_SEQUENTIAL, _RANDOM)]
_FILL = Pattern("", _MIB, 8, _SIZE // _MIB, _MIB)


class Contest:
    """The shortest time of each that takes part."""

    def __init__(self) -> None:
        self._best: dict[tuple[str, str, str], float] = {}

    def note(self, who: str, how: str, pattern: Pattern, seconds: float) -> None:
        key = (who, how, pattern.what)
        self._best[key] = min(self._best.get(key, seconds), seconds)

    def of(self, who: str, how: str, pattern: Pattern) -> float:
        return self._best[who, how, pattern.what]

    def told(self) -> str:
        """All times, for whoever looks for better settings."""
        shown = sorted(self._best.items(), key=lambda one: (one[0][1], one[0][2], one[1]))
        return "\n".join(f"{how:6} {what:22} {seconds:7.3f} s  {who}" for (who, how, what), seconds in shown)

    def rows(self, how: str, pattern: Pattern) -> list[Row]:
        took, host, floor = (self.of(who, how, pattern) for who in ("guest", "host", "nothing"))
        hand = min(self.of(who, how, pattern) for who in _BY_HAND)
        name = f"guest's disk, {how} {pattern.what}"
        others = {
            "qemu-img on its file": host,
            "the best that QEMU does by hand in the same guest": hand,
            "the slowest of those and a disk of nothing": max(host, hand, floor),
        }
        return [Row(f"{name}, to {what}", other / took, "×", 0.9, at_least=True) for what, other in others.items()]


def throughput(guest: Guest, tool: Path, reference: Path, rounds: int) -> list[Row]:
    """The same requests in the guest, past its page cache, and by ``qemu-img bench`` on the volume's file: same format, same bytes,
    past the host's page cache, by threads. Writes end when they are on the disk. All files are written to in full before.

    Without KVM the guest's processor is emulated, which no disk makes up for. How much that is show the same requests to other disks
    in the same guest: one of our making with the best settings that QEMU has, on a file like the volume's, and one that answers at
    once.
    """
    guest.shell.put(tool, "/tmp/queue")
    contest, volume_id = Contest(), guest.volume()
    file = guest.file(volume_id)
    seen = _appearing(guest, "vdb")
    guest.attach(volume_id)
    seen()
    guest.until(volume_id, "in-use")
    _in_guest(guest, "vdb", "write", _FILL)
    plugging.create(reference)
    _by_hand(guest, reference, Settings(), lambda: _in_guest(guest, "vdc", "write", _FILL))
    for number in range(rounds):
        turns = [
            partial(_ours, contest, guest, file),
            partial(_beside, contest, guest, "nothing", None, Settings()),
            *(partial(_beside, contest, guest, name, reference, how) for name, how in _BY_HAND.items()),
        ]
        for turn in turns[:: -1 if number % 2 else 1]:  # what lies below the host's cache knows who came first
            turn()
    guest.detach(volume_id)
    for _ in range(rounds):
        for pattern in (_SEQUENTIAL, _RANDOM):
            _forget(file)
            contest.note("host", "write", pattern, _on_host(file, "write", pattern))
    print(contest.told(), file=sys.stderr)
    return [row for how, pattern in _RUNS for row in contest.rows(how, pattern)]


def _ours(contest: Contest, guest: Guest, file: Path) -> None:
    for how, pattern in _RUNS:
        _forget(file)
        contest.note("guest", how, pattern, _in_guest(guest, "vdb", how, pattern))
        if how == "read":
            _forget(file)
            contest.note("host", how, pattern, _on_host(file, how, pattern))


def _beside(contest: Contest, guest: Guest, name: str, file: Path | None, settings: Settings) -> None:
    def use() -> None:
        for how, pattern in _RUNS:
            if file is not None:
                _forget(file)
            contest.note(name, how, pattern, _in_guest(guest, "vdc", how, pattern))

    _by_hand(guest, file, settings, use)


def _by_hand(guest: Guest, file: Path | None, settings: Settings, use: Callable[[], Any]) -> None:
    seen = _appearing(guest, "vdc")

    def used() -> None:
        seen()
        use()

    plugging.plugged(guest.monitor, file, used, settings)


def _in_guest(guest: Guest, disk: str, how: str, pattern: Pattern) -> float:
    words = f"{pattern.size} {pattern.depth} {pattern.count} {pattern.step} {_SIZE}"
    return int(guest.shell.says(f"/tmp/queue /dev/{disk} {how} {words}")) / 1e9


def _on_host(file: Path, how: str, pattern: Pattern) -> float:
    words = (
        f"-f qcow2 -t none -i threads -d {pattern.depth} -c {pattern.count} -s {pattern.size} -S {pattern.step}".split()
    )
    words += ["-w", "--pattern=90"] if how == "write" else ["-U"]
    done = subprocess.run(["qemu-img", "bench", *words, str(file)], check=True, capture_output=True, text=True)
    found = re.search(r"completed in ([\d.]+) seconds", done.stdout)
    assert found is not None
    return float(found[1]) + (_flush(file) if how == "write" else 0.0)


def _flush(file: Path) -> float:
    started = time.perf_counter()
    descriptor = os.open(file, os.O_RDONLY)
    os.fdatasync(descriptor)
    os.close(descriptor)
    return time.perf_counter() - started


def _forget(file: Path) -> None:
    """Nothing of it in the host's page cache."""
    _flush(file)
    descriptor = os.open(file, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def _compiled(folder: Path) -> Path:
    source, tool = Path(__file__).with_name("queue.c"), folder / "queue"
    subprocess.run(["gcc", "-O2", "-static", "-o", str(tool), str(source)], check=True)
    return tool


# ------------------------------------------------------------------------------------------------------------- lists

_LISTS = (
    ("a page of 100", f"/volume/v3/volumes/detail?limit={_PAGE}"),
    ("a page of 100 from the middle", f"/volume/v3/volumes/detail?limit={_PAGE}&marker={{middle}}"),
    ("a page of 100 attachments", f"/volume/v3/attachments/detail?limit={_PAGE}"),
)


def lists(folder: Path, *, quick: bool) -> list[Row]:
    """CPU of a page of 100 of many volumes and of few, in two clouds that run side by side and are asked by turns."""
    states = [(folder / f"of-{count}", count) for count in (_FEW, _MANY)]
    middles = [asyncio.run(_fill(state, count)) for state, count in states]
    rounds, count = (3, 40) if quick else (7, 100)
    rows = []
    with Cloud(states[0][0]) as few, Cloud(states[1][0]) as many:
        for what, path in _LISTS:
            best = [float("inf")] * 2
            for _ in range(rounds):
                for at, cloud in enumerate((few, many)):
                    best[at] = min(best[at], _cost(cloud, path.format(middle=middles[at]), count))
            rows.append(Row(f"{what} of {_MANY:,} volumes, to one of {_FEW:,}, CPU", best[1] / best[0], "×", 1.3))
    return rows


def _cost(cloud: Cloud, path: str, count: int) -> float:
    headers = {"X-Auth-Token": cloud.token, **_HEADERS}
    before = cpu_seconds([cloud.process.pid])
    body = repeat(int(cloud.url.rpartition(":")[2]), path, headers, count=count, connections=4)
    assert body.count(b'"attached_at"') == _PAGE
    return (cpu_seconds([cloud.process.pid]) - before) / count


async def _fill(state: Path, count: int) -> str:
    """Attached volumes like one that was made through the API, of a host that is not there, so that nobody works on them. A page's
    marker from their middle."""
    with Cloud(state) as cloud:
        _make_one(cloud)
    db = await open_database(f"sqlite:///{state}/wolke.db")
    try:
        [volume], [attachment] = await db.find(VOLUMES), await db.find(ATTACHMENTS)
        began = moment(volume.created_at)
        volume = replace(volume, host="elsewhere", backend="elsewhere@disks#disks", status="in-use")
        attachment = replace(
            attachment, host="elsewhere", status="attached", deadline_at=None, attached_at=attachment.created_at
        )
        names = [str(uuid.uuid4()) for _ in range(count - 1)]
        async with db.transaction() as tx:
            for number, name in enumerate(names):
                then = instant(began + timedelta(milliseconds=number))
                await tx.insert(VOLUMES, replace(volume, id=name, name=f"volume-{number}", created_at=then))
                one = replace(attachment, id=str(uuid.uuid4()), volume_id=name, created_at=then)
                await tx.insert(ATTACHMENTS, one)
    finally:
        await db.close()
    return names[count // 2]


def _make_one(cloud: Cloud) -> None:
    while not cloud.call("GET", "/volume/v3/scheduler-stats/get_pools")["pools"]:
        time.sleep(0.05)
    asked = {"size": 1, "name": "first", "metadata": {"kept": "for the page"}}
    volume_id = cloud.call("POST", "/volume/v3/volumes", {"volume": asked})["volume"]["id"]
    while (status := cloud.call("GET", f"/volume/v3/volumes/{volume_id}")["volume"]["status"]) != "available":
        if status == "error":
            raise RuntimeError("the volume was not made")
        time.sleep(0.05)
    wanted = {"attachment": {"volume_uuid": volume_id, "instance_uuid": str(uuid.uuid4())}}
    cloud.call("POST", "/volume/v3/attachments", wanted, openstack_api_version="volume latest")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="wolke-bench-", dir=os.environ.get("BENCH_DIR")) as found:
        shown = measures(Path(found), quick="--quick" in sys.argv)
    print(json.dumps([[row.what, row.shown, row.wanted, row.good] for row in shown], indent=1))
