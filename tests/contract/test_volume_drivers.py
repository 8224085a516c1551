"""What every volume driver promises, asked of every one in the map.

A driver that this machine has no means for is a visible skip. A volume's content is told by its first sector: images are made
with one, volumes are filled with another, and ``copy_out`` shows what is there.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contract import lvm_double
from wolke.block_storage.drivers import DRIVERS
from wolke.block_storage.drivers.base import GIB, Blank, Connector, Encryption, OfImage, OfSnapshot, OfVolume, Volume
from wolke.core.drivers import Failure, Unsupported, load

HERE = "host-1"
DOUBLE = "lvm with a double of its program"
KEY = Encryption("correct horse battery staple")


@dataclass
class Bench:
    """A driver over a folder of its own, and how images and volumes are made and looked into."""

    name: str
    folder: Path
    holding: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def driver(self) -> Any:
        """A new instance that knows nothing but its backend."""
        options: dict[str, Any] = {}
        if self.name == "file":
            from wolke.block_storage.drivers.file import FileConfig

            first = 20000 + os.getpid() % 20000
            options["config"] = FileConfig(export_address="127.0.0.1", export_ports=f"{first}-{first + 50}")
        if self.name == DOUBLE:
            from wolke.block_storage.drivers.lvm import LvmConfig

            folder = self.folder / "double"
            options["config"] = LvmConfig(lvm_double.GROUP, lvm_double.POOL, folder / "dev")
        made = load("block_storage", DRIVERS, self.name.partition(" ")[0])(
            self.folder / "backend", host=HERE, **options
        )
        await made.prepare()
        return made

    def image(self, word: str, size_bytes: int = 1 << 20) -> OfImage:
        path = self.folder / f"image-{word}"
        if not path.exists():
            with path.open("wb") as file:
                file.write(word.encode())
                file.truncate(size_bytes)
        return OfImage(path, "raw")

    async def word(self, driver: Any, volume_id: str, snapshot_id: str | None = None) -> str:
        """What it begins with."""
        target = self.folder / "copy"
        await driver.copy_out(volume_id, snapshot_id, target, "raw")
        try:
            with target.open("rb") as file:
                return file.read(16).rstrip(b"\0").decode()
        finally:
            target.unlink()

    async def write(self, driver: Any, volume_id: str, word: str) -> None:
        await driver.fill(Volume(volume_id, 1), self.image(word))

    async def open(self, driver: Any, volume_id: str) -> Callable[[], None]:
        """As if a guest ran with it; the result ends that."""
        if self.name == "simulated":
            driver.open(volume_id)
            return lambda: driver.open(volume_id, by_guest=False)
        layer = (await driver.connect(volume_id, Connector(HERE))).layers[0]
        argv = ["qemu-io", "-f", layer.format, layer.path]
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin and child.stdout
        child.stdin.write(b"length\n")
        child.stdin.flush()
        child.stdout.readline()  # it has the file open

        def close() -> None:
            child.communicate(b"quit\n")

        self.holding.append(child)
        return close


@pytest.fixture(params=[*sorted(DRIVERS), DOUBLE])
async def bench(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    bench = Bench(request.param, tmp_path)
    if request.param == DOUBLE:
        monkeypatch.setenv("PATH", f"{lvm_double.install(tmp_path / 'double')}:{os.environ['PATH']}")
    try:
        driver = await bench.driver()
    except Failure as why:
        if request.param == DOUBLE:
            raise
        pytest.skip(f"{request.param}: {why}")
    yield bench
    for child in bench.holding:
        if child.poll() is None:
            child.kill()
            child.communicate()
    for found in await driver.volumes():
        await driver.delete(found.volume_id)
    for found in await (again := await bench.driver()).volumes():
        await again.delete(found.volume_id)
    left = [path for path in (tmp_path / "backend").rglob("*") if not path.is_dir()]
    assert left == []


def new() -> str:
    return str(uuid.uuid4())


class Witness:
    """A ``Holder`` that writes down what it was asked for."""

    def __init__(self) -> None:
        self.overlays: list[str] = []
        self.sizes: list[int] = []

    async def overlay(self, layer: Any) -> None:
        self.overlays.append(layer.path)

    async def resize(self, size_bytes: int) -> None:
        self.sizes.append(size_bytes)


async def test_volumes_are_made_of_nothing_of_images_of_volumes_and_of_snapshots(bench: Bench) -> None:
    driver = await bench.driver()
    blank, one, two, three, snapshot = new(), new(), new(), new(), new()
    await driver.create(Volume(blank, 1), Blank())
    await driver.create(Volume(one, 1), bench.image("first"))
    await driver.snapshot(one, snapshot)
    await bench.write(driver, one, "second")
    await driver.create(Volume(two, 2), OfVolume(one))
    await driver.create(Volume(three, 1), OfSnapshot(one, snapshot))
    assert [await bench.word(driver, each) for each in (blank, one, two, three)] == ["", "second", "second", "first"]
    assert await bench.word(driver, one, snapshot) == "first"
    sizes = {found.volume_id: found.size_gib for found in await driver.volumes()}
    assert sizes == {blank: 1, one: 1, two: 2, three: 1}


async def test_clones_go_their_own_ways(bench: Bench) -> None:
    driver, one, two = await bench.driver(), new(), new()
    await driver.create(Volume(one, 1), bench.image("common"))
    await driver.create(Volume(two, 1), OfVolume(one))
    await bench.write(driver, one, "mine")
    assert await bench.word(driver, two) == "common"
    await bench.write(driver, two, "yours")
    assert await bench.word(driver, one) == "mine"


async def test_every_verb_may_be_called_twice_and_by_another_process(bench: Bench) -> None:
    one, two, snapshot = new(), new(), new()
    for verb in (
        lambda driver: driver.create(Volume(one, 1), bench.image("first")),
        lambda driver: driver.snapshot(one, snapshot),
        lambda driver: driver.create(Volume(two, 1), OfSnapshot(one, snapshot)),
        lambda driver: driver.extend(one, 2),
        lambda driver: driver.revert(one, snapshot),
        lambda driver: driver.connect(one, Connector(HERE)),
        lambda driver: driver.disconnect(one, ""),
        lambda driver: driver.delete_snapshot(one, snapshot),
        lambda driver: driver.delete(one),
    ):
        first = await verb(await bench.driver())
        assert await verb(await bench.driver()) == first
    (left,) = await (await bench.driver()).volumes()
    assert (left.volume_id, left.size_gib, left.whole) == (two, 1, True)
    assert await bench.word(await bench.driver(), two) == "first"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_snapshots_may_be_deleted_in_any_order(bench: Bench, order: tuple[int, ...]) -> None:
    if bench.name == DOUBLE and order != (1, 0, 2):
        pytest.skip("one order is enough for a double")
    driver, one, snapshots = await bench.driver(), new(), [new() for _ in range(3)]
    await driver.create(Volume(one, 1), Blank())
    for number, snapshot in enumerate(snapshots):
        await bench.write(driver, one, f"word {number}")
        await driver.snapshot(one, snapshot)
    left = dict(enumerate(snapshots))
    for number in order:
        await driver.delete_snapshot(one, left.pop(number))
        for other, snapshot in left.items():
            assert await bench.word(driver, one, snapshot) == f"word {other}"
        assert await bench.word(driver, one) == "word 2"
    (found,) = await driver.volumes()
    assert found.snapshots == ()


async def test_what_a_volume_stands_on_may_be_deleted_before_it(bench: Bench) -> None:
    driver, one, two, three, snapshot = await bench.driver(), new(), new(), new(), new()
    image = bench.image("ground")
    await driver.create(Volume(one, 1), image)
    image.path.unlink()
    await driver.snapshot(one, snapshot)
    await driver.create(Volume(two, 1), OfSnapshot(one, snapshot))
    await driver.create(Volume(three, 1), OfVolume(two))
    await driver.delete_snapshot(one, snapshot)
    await driver.delete(one)
    assert await bench.word(driver, two) == "ground"
    await driver.delete(two)
    assert await bench.word(driver, three) == "ground"


async def test_a_volume_goes_back_to_its_snapshot_and_keeps_its_size(bench: Bench) -> None:
    driver, one, early, late = await bench.driver(), new(), new(), new()
    await driver.create(Volume(one, 1), bench.image("early"))
    await driver.snapshot(one, early)
    await bench.write(driver, one, "late")
    await driver.snapshot(one, late)
    await driver.extend(one, 3)
    await driver.revert(one, early)
    assert await bench.word(driver, one) == "early"
    await driver.revert(one, late)
    assert await bench.word(driver, one) == "late"
    assert [found.size_gib for found in await driver.volumes()] == [3]


async def test_what_can_never_be_is_refused_in_words_and_leaves_nothing(bench: Bench) -> None:
    driver, one = await bench.driver(), new()
    await driver.create(Volume(one, 2), Blank())
    for attempt in (
        lambda: driver.extend(one, 1),
        lambda: driver.create(Volume(new(), 1), OfVolume(one)),
        lambda: driver.create(Volume(new(), 1), OfVolume(new())),
        lambda: driver.create(Volume(new(), 1), OfSnapshot(one, new())),
        lambda: driver.revert(one, new()),
        lambda: driver.snapshot(new(), new()),
        lambda: driver.connect(new(), Connector(HERE)),
        lambda: driver.copy_out(one, new(), bench.folder / "copy", "raw"),
        lambda: driver.copy_out(one, None, bench.folder / "copy", "../../etc"),
    ):
        with pytest.raises(Failure, match=r"\w{3}"):
            await attempt()
    assert [(found.volume_id, found.size_gib) for found in await driver.volumes()] == [(one, 2)]
    await driver.delete(new())
    await driver.delete_snapshot(new(), new())
    await driver.disconnect(new(), new())


@pytest.mark.parametrize("name", ["", ".", "../volumes", "a/b", "x\0", "F" * 36])
async def test_what_is_no_id_names_no_file(bench: Bench, name: str) -> None:
    driver = await bench.driver()
    if bench.name == "simulated":
        pytest.skip("a simulated volume is no file")
    with pytest.raises(Failure, match="UUID"):
        await driver.create(Volume(name, 1), Blank())
    with pytest.raises(Failure, match="UUID"):
        await driver.delete(name)


async def test_a_volume_in_use_changes_only_with_the_help_of_its_holder(bench: Bench) -> None:
    driver, one, snapshot = await bench.driver(), new(), new()
    await driver.create(Volume(one, 1), bench.image("running"))
    close = await bench.open(driver, one)
    assert (found := await driver.look(one)) and found.in_use
    for attempt in (
        lambda: driver.delete(one),
        lambda: driver.extend(one, 2),
        lambda: driver.revert(one, snapshot),
        lambda: driver.fill(Volume(one, 1), bench.image("other")),
        lambda: driver.copy_out(one, None, bench.folder / "copy", "raw"),
    ):
        with pytest.raises(Failure):
            await attempt()
    witness = Witness()
    await driver.extend(one, 2, witness)
    assert witness.sizes == [2 * GIB]
    await driver.snapshot(one, snapshot, witness)
    await driver.snapshot(one, snapshot, witness)
    assert len(witness.overlays) == (0 if bench.name.startswith("lvm") else 1)
    close()
    assert await bench.word(driver, one, snapshot) == "running"
    assert [(found.size_gib, found.snapshots) for found in await driver.volumes()] == [(2, (snapshot,))]
    assert await driver.look(new()) is None


async def test_a_volume_is_encrypted_or_refused(bench: Bench) -> None:
    driver, one = await bench.driver(), new()
    if not driver.capabilities.encryption:
        with pytest.raises(Unsupported):
            await driver.create(Volume(one, 1, KEY), Blank())
        return
    await driver.create(Volume(one, 1, KEY), Blank())
    connection = await driver.connect(one, Connector(HERE))
    assert connection.encrypted
    assert KEY.passphrase not in repr(Volume(one, 1, KEY))
    if bench.name == "file":
        found = (b"LUKS\xba\xbe" in path.read_bytes() for path in (bench.folder / "backend").rglob("*.qcow2"))
        assert any(found)


async def test_other_hosts_are_served_or_refused(bench: Bench) -> None:
    driver, one = await bench.driver(), new()
    await driver.create(Volume(one, 1), bench.image("far"))
    if not driver.capabilities.remote:
        with pytest.raises(Failure, match="host"):
            await driver.connect(one, Connector("elsewhere"))
        return
    first, second = Connector("elsewhere", new(), read_only=True), Connector("elsewhere", new(), read_only=True)
    connection = await driver.connect(one, first)
    assert (connection.type, connection.read_only, connection.layers) == ("nbd", True, ())
    assert await (await bench.driver()).connect(one, second) == connection
    await driver.disconnect(one, first.attachment_id)
    assert await driver.connect(one, second) == connection
    await driver.disconnect(one, second.attachment_id)


async def test_there_is_room_and_it_is_told(bench: Bench) -> None:
    capacity = await (await bench.driver()).capacity()
    assert 0 < capacity.free_gib <= capacity.total_gib


async def test_what_others_made_is_adopted_and_given_back(bench: Bench) -> None:
    driver, one = await bench.driver(), new()
    if not driver.capabilities.adoption:
        pytest.skip(f"{bench.name} adopts nothing")
    folder = bench.folder / "backend" / "unmanaged"
    shutil.copyfile(bench.image("theirs", 3 << 20).path, folder / "disk.raw")
    hostile = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/passwd"]
    subprocess.run([*hostile, folder / "hostile.qcow2", "1G"], check=True)
    offered = {each["reference"]["source-name"]: each for each in await driver.adoptable()}
    assert offered["disk.raw"]["size_gib"] == 1
    assert offered["hostile.qcow2"]["reason"]
    for name in ("hostile.qcow2", "../volumes", "nothing.raw", "", "a/b.raw"):
        with pytest.raises(Failure):
            await driver.adopt(new(), {"source-name": name})
    assert await driver.adopt(one, {"source-name": "disk.raw"}) == 1
    assert await driver.adopt(one, {"source-name": "disk.raw"}) == 1
    assert await bench.word(driver, one) == "theirs"
    assert [found.volume_id for found in await driver.volumes()] == [one]
    given = await driver.release(one)
    assert await driver.release(one) == given
    assert [each["reference"] for each in await driver.adoptable() if not each["reason"]] == [given]
    for path in folder.iterdir():
        path.unlink()


async def test_a_snapshot_that_was_given_away_is_there_to_be_adopted(bench: Bench) -> None:
    driver, one = await bench.driver(), new()
    if not driver.capabilities.adoption:
        pytest.skip(f"{bench.name} adopts nothing")
    await driver.create(Volume(one, 1), bench.image("first"))
    first, other, again = new(), new(), new()
    for snapshot_id in (first, other):
        await driver.snapshot(one, snapshot_id)
    given = await driver.release_snapshot(one, first)
    assert await driver.release_snapshot(one, first) == given
    found = await driver.look(one)
    assert found is not None and found.snapshots == (other,)
    (offered,) = await driver.adoptable_snapshots()
    assert (offered["reference"], offered["volume_id"], offered["size_gib"]) == (given, one, 1)
    await driver.delete_snapshot(one, other)
    for name in (other, "nothing", "", None):
        with pytest.raises(Failure):
            await driver.adopt_snapshot(one, again, {"source-name": name})
    for _ in range(2):
        assert await driver.adopt_snapshot(one, again, given) == 1
    assert not await driver.adoptable_snapshots()
    copy = new()
    await driver.create(Volume(copy, 1), OfSnapshot(one, again))
    assert await bench.word(driver, copy) == "first"
