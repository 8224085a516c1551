"""``kill -9`` of a process that works on volumes of files, before each thing that it does to the file system or asks a tool to do,
and while the tool does it. The next process looks, finishes the verb, and nothing else is there than after an undisturbed one.

Each death is that of a forked process; its points are Python's own audit events, so no operation can be forgotten here. What
forks is a process without threads: a child of this one could wait for ever for a lock that some thread held at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests.crash.points import chosen
from wolke.block_storage.drivers.base import Blank, Connector, OfImage, OfSnapshot, OfVolume, Volume
from wolke.block_storage.drivers.file import FileConfig, FileDriver

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")

ONE, TWO, SNAPSHOT, LATER = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "1234")
FILE_EVENTS = frozenset({"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"})
TOOL = "subprocess.Popen"
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "wolke.block_storage.drivers.file"])
IN_THE_MIDST_S = 0.004
HERE, ELSEWHERE = Connector("here"), Connector("elsewhere", "attachment")


def driver_in(folder: Path) -> FileDriver:
    port = 20000 + os.getpid() % 20000
    return FileDriver(
        folder, host="here", config=FileConfig(export_address="127.0.0.1", export_ports=f"{port}-{port + 40}")
    )


@dataclass(frozen=True)
class Scene:
    """``verb`` on what ``setting`` made. ``words``: what the volumes begin with afterwards; a volume that is not named is gone.
    ``exported``: and on what a process of its own serves, which cannot be copied as files can."""

    setting: Callable[[FileDriver, Path], Awaitable[Any]]
    verb: Callable[[FileDriver, Path], Awaitable[Any]]
    words: dict[str, str]
    exported: bool = False


def image(folder: Path, word: str) -> OfImage:
    path = folder / f"{word}.image"
    with path.open("wb") as file:
        file.write(word.encode())
        file.truncate(1 << 20)
    return OfImage(path, "raw")


async def nothing(driver: FileDriver, folder: Path) -> None:
    pass


async def one(driver: FileDriver, folder: Path) -> None:
    await driver.create(Volume(ONE, 1), image(folder, "first"))


async def with_snapshot(driver: FileDriver, folder: Path) -> None:
    await driver.create(Volume(ONE, 1), Blank())
    await driver.fill(Volume(ONE, 1), image(folder, "first"))
    await driver.snapshot(ONE, SNAPSHOT)
    connection = await driver.connect(ONE, HERE)
    write = ["qemu-io", "-f", "qcow2", "-c", "write -P 50 0 64k", connection.layers[0].path]  # 50 is "2"
    await asyncio.to_thread(subprocess.run, write, check=True, stdout=subprocess.DEVNULL)
    await driver.snapshot(ONE, LATER)


async def unmanaged(driver: FileDriver, folder: Path) -> None:
    await asyncio.to_thread(shutil.copyfile, image(folder, "theirs").path, folder / "backend/unmanaged/disk.raw")


TWOS = "2" * 8
SCENES = {
    "create blank": Scene(nothing, lambda d, f: d.create(Volume(ONE, 1), Blank()), {ONE: ""}),
    "create of an image": Scene(nothing, one, {ONE: "first"}),
    "clone": Scene(one, lambda d, f: d.create(Volume(TWO, 2), OfVolume(ONE)), {ONE: "first", TWO: "first"}),
    "create of a snapshot": Scene(
        with_snapshot, lambda d, f: d.create(Volume(TWO, 1), OfSnapshot(ONE, SNAPSHOT)), {ONE: TWOS, TWO: "first"}
    ),
    "snapshot": Scene(one, lambda d, f: d.snapshot(ONE, SNAPSHOT), {ONE: "first"}),
    "delete a snapshot": Scene(with_snapshot, lambda d, f: d.delete_snapshot(ONE, SNAPSHOT), {ONE: TWOS}),
    "delete the later snapshot": Scene(with_snapshot, lambda d, f: d.delete_snapshot(ONE, LATER), {ONE: TWOS}),
    "revert": Scene(with_snapshot, lambda d, f: d.revert(ONE, SNAPSHOT), {ONE: "first"}),
    "extend": Scene(one, lambda d, f: d.extend(ONE, 2), {ONE: "first"}),
    "fill": Scene(with_snapshot, lambda d, f: d.fill(Volume(ONE, 1), image(f, "other")), {ONE: "other"}),
    "delete": Scene(with_snapshot, lambda d, f: d.delete(ONE), {}),
    "adopt": Scene(unmanaged, lambda d, f: d.adopt(ONE, {"source-name": "disk.raw"}), {ONE: "theirs"}),
    "release": Scene(one, lambda d, f: d.release(ONE), {}),
    "copy out": Scene(one, lambda d, f: d.copy_out(ONE, None, f / "copy", "qcow2"), {ONE: "first"}),
    "copy out of a snapshot": Scene(
        with_snapshot, lambda d, f: d.copy_out(ONE, SNAPSHOT, f / "copy", "raw"), {ONE: TWOS}
    ),
    "export": Scene(one, lambda d, f: d.connect(ONE, ELSEWHERE), {ONE: "first"}),
    "end of an export": Scene(
        one, lambda d, f: d.disconnect(ONE, ELSEWHERE.attachment_id), {ONE: "first"}, exported=True
    ),
}


def is_write(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        flags = arguments[2]
        return bool(flags & (os.O_WRONLY | os.O_RDWR)) and not str(arguments[0]).startswith("/dev")
    return event in FILE_EVENTS or event == TOOL


def live(name: str, folder: Path, at: int, *, midst: bool = False) -> list[str]:
    """The points that a process passes which does the verb; it dies at number ``at`` (0: it does not)."""
    reading, writing = FORKS.Pipe(duplex=False)
    child = FORKS.Process(target=_do, args=(name, folder, at, writing, midst))
    child.start()
    writing.close()
    with reading, os.fdopen(os.dup(reading.fileno())) as pipe:
        names = pipe.read().split("\n")[:-1]
    child.join()
    _outlast_tools(child.pid)
    assert child.exitcode in ((0, -signal.SIGKILL) if midst else (-signal.SIGKILL if at else 0,))
    child.close()
    return names


def _do(name: str, folder: Path, at: int, writing: Connection, midst: bool) -> None:
    os.setpgid(0, 0)
    _die_at(at, writing.fileno(), midst)
    asyncio.run(SCENES[name].verb(driver_in(folder / "backend"), folder))


def _outlast_tools(group: int) -> None:
    """A tool whose parent dies before it could ask to die with it goes on for a moment. An agent meets its lock and tries again;
    these tests try once."""
    deadline = time.monotonic() + 20
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(group, 0)
            assert time.monotonic() < deadline, "a tool does not end"
            time.sleep(0.01)


def _die_at(at: int, writing: int, midst: bool) -> None:
    passed = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal passed
        if not is_write(event, arguments):
            return
        passed += 1
        os.write(writing, f"{event}\n".encode())
        if passed == at and midst:
            threading.Thread(target=lambda: (time.sleep(IN_THE_MIDST_S), os.kill(os.getpid(), signal.SIGKILL))).start()
        elif passed == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def picture(folder: Path) -> Counter[str]:
    """What there is, by kind: names are made up anew each time."""
    return Counter(
        str(Path(*(part if len(part) < 33 or "-" in part else f"layer{Path(part).suffix}" for part in path.parts)))
        for path in (one.relative_to(folder / "backend") for one in (folder / "backend").rglob("*"))
    )


async def finish(scene: Scene, folder: Path) -> None:
    """As the next process does: prepare, the verb again, and look."""
    driver = driver_in(folder / "backend")
    await driver.prepare()
    await scene.verb(driver, folder)
    found = await driver.volumes()
    assert {each.volume_id for each in found if each.whole} == scene.words.keys()
    assert all(each.whole for each in found)


async def check_words(scene: Scene, folder: Path) -> None:
    driver = driver_in(folder / "backend")
    for volume_id, word in scene.words.items():
        await driver.disconnect(volume_id, ELSEWHERE.attachment_id)
        await driver.copy_out(volume_id, None, folder / "word", "raw")
        with (folder / "word").open("rb") as file:
            assert file.read(8).rstrip(b"\0").decode() == word
        (folder / "word").unlink()


async def make(scene: Scene, folder: Path) -> None:
    driver = driver_in(folder / "backend")
    await driver.prepare()
    await scene.setting(driver, folder)


async def clear(folder: Path) -> None:
    """No volume, and no process."""
    driver = driver_in(folder / "backend")
    for found in await driver.volumes():
        await driver.delete(found.volume_id)


def scenery(scene: Scene, template: Path, target: Path) -> Path:
    if target.exists():
        asyncio.run(clear(target))
        shutil.rmtree(target)
    subprocess.run(["cp", "-a", str(template), str(target)], check=True)  # which keeps links
    if scene.exported:
        asyncio.run(driver_in(target / "backend").connect(ONE, ELSEWHERE))
    return target


@pytest.mark.parametrize("name", SCENES)
def test_whatever_moment_a_process_dies_at_the_next_one_finishes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # where the forked process finds this module
    scene, template, place = SCENES[name], tmp_path / "template", tmp_path / "scenery"
    template.mkdir()
    asyncio.run(make(scene, template))
    try:
        folder = scenery(scene, template, place)
        names = live(name, folder, 0)
        expected = picture(folder)
        asyncio.run(check_words(scene, folder))
        deaths = [(at, False) for at in chosen(names)]
        deaths += [(at, True) for at, event in enumerate(names, 1) if event == TOOL]
        for at, midst in deaths:
            folder = scenery(scene, template, place)
            live(name, folder, at, midst=midst)
            asyncio.run(finish(scene, folder))
            assert picture(folder) == expected, f"killed at {at} of {len(names)}: {names[at - 1]}"
            asyncio.run(check_words(scene, folder))
    finally:
        asyncio.run(clear(place))
