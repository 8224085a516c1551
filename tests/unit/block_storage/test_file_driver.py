"""What is particular to volumes as files: layers, LUKS, exports, and what a hostile guest or a full disk can do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wolke.block_storage.drivers.base import (
    Blank,
    Connection,
    Connector,
    Encryption,
    OfImage,
    OfSnapshot,
    OfVolume,
    Volume,
)
from wolke.block_storage.drivers.file import FileConfig, FileDriver, exports, home
from wolke.core import detached
from wolke.core.drivers import Failure

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")

HERE, FAR = Connector("here"), Connector("far", "attachment")
KEY = Encryption("a key that nobody guesses")
PORT = 20000 + os.getpid() % 20000
CONFIG = FileConfig(export_address="127.0.0.1", export_ports=f"{PORT}-{PORT + 40}")


def new() -> str:
    return str(uuid.uuid4())


async def driver_in(folder: Path, **config: Any) -> FileDriver:
    driver = FileDriver(folder / "backend", host="here", config=replace(CONFIG, **config))
    await driver.prepare()
    return driver


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[FileDriver]:
    made = await driver_in(tmp_path)
    yield made
    for found in await made.volumes():
        await made.delete(found.volume_id)


def qcow2(path: Path, size: str = "1G", pattern: int = 7) -> OfImage:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, size], check=True)
    io(["-f", "qcow2", str(path)], f"write -P {pattern} 0 1M")
    return OfImage(path, "qcow2")


def io(where: list[str], *commands: str) -> None:
    """Raises if a command fails or a pattern is not what is read."""
    words = [word for command in commands for word in ("-c", command)]
    done = subprocess.run(["qemu-io", *words, *where], capture_output=True, text=True, check=True)
    assert "failed" not in done.stdout + done.stderr, done.stdout + done.stderr


def opened(connection: Connection, folder: Path) -> list[str]:
    """As a hypervisor opens it: each layer by what the connection says, none by a header."""
    if connection.type == "nbd":
        (folder / "tls").mkdir(exist_ok=True)
        (folder / "tls/keys.psk").write_text(f"{connection.tls_username}:{connection.tls_psk}\n")
        tls = f"tls-creds-psk,id=tls,endpoint=client,dir={folder}/tls,username={connection.tls_username}"
        at = f"driver=nbd,host={connection.host},port={connection.port},export={connection.export},tls-creds=tls"
        return ["--object", tls, "--image-opts", at]
    node: Any = None
    for layer in reversed(connection.layers):
        one: Any = {"driver": layer.format, "file": {"driver": "file", "filename": layer.path}}
        if layer.format == "qcow2":
            one["backing"] = node
        node = one
    return ["json:" + json.dumps(node)]


async def at(driver: FileDriver, volume_id: str, folder: Path) -> list[str]:
    return opened(await driver.connect(volume_id, HERE), folder)


async def test_an_image_is_shared_and_never_written(driver: FileDriver, tmp_path: Path) -> None:
    image, one, two = qcow2(tmp_path / "image"), new(), new()
    before = image.path.read_bytes()
    await driver.create(Volume(one, 10), image)
    await driver.create(Volume(two, 10), image)
    io(await at(driver, one, tmp_path), "read -P 7 0 1M", "write -P 1 0 1M", "write -P 1 9G 1M")
    io(await at(driver, two, tmp_path), "read -P 7 0 1M", "read -P 0 9G 1M")
    assert image.path.read_bytes() == before
    assert image.path.stat().st_nlink == 3


async def test_a_clone_of_what_was_not_written_to_adds_no_layer(driver: FileDriver, tmp_path: Path) -> None:
    one, clones = new(), [new() for _ in range(3)]
    await driver.create(Volume(one, 1), qcow2(tmp_path / "image"))
    for clone in clones:
        await driver.create(Volume(clone, 1), OfVolume(one))
    depths = [len((await driver.connect(each, HERE)).layers) for each in (one, *clones)]
    assert depths == [2, 2, 2, 2]
    io(await at(driver, one, tmp_path), "write -P 1 0 64k")
    await driver.create(Volume(last := new(), 1), OfVolume(one))
    assert len((await driver.connect(last, HERE)).layers) == 3


async def test_layers_end_somewhere(tmp_path: Path) -> None:
    driver, source = await driver_in(tmp_path, most_layers=3), new()
    await driver.create(Volume(source, 1), qcow2(tmp_path / "image"))
    for number in range(6):
        io(await at(driver, source, tmp_path), f"write -P {number + 10} 0 64k")
        await driver.create(Volume(clone := new(), 1), OfVolume(source))
        assert len((await driver.connect(clone, HERE)).layers) <= 3
        io(await at(driver, clone, tmp_path), f"read -P {number + 10} 0 64k", "read -P 7 64k 64k")
        source = clone
    for _ in range(20):
        try:
            await driver.snapshot(source, new())
        except Failure as why:
            assert "snapshots" in str(why)
            break
    else:
        pytest.fail("snapshots lie on one another for ever")


async def test_deleted_snapshots_give_their_room_back(driver: FileDriver, tmp_path: Path) -> None:
    one, early, late = new(), new(), new()
    await driver.create(Volume(one, 1), Blank())
    for number, snapshot in enumerate((early, late)):
        io(await at(driver, one, tmp_path), f"write -P {number + 1} 0 1M")
        await driver.snapshot(one, snapshot)
    io(await at(driver, one, tmp_path), "write -P 3 0 64k")
    await driver.create(Volume(clone := new(), 1), OfSnapshot(one, early))
    await driver.delete_snapshot(one, early)
    assert len((await driver.connect(one, HERE)).layers) == 3, "the clone stands on one"
    await driver.delete(clone)
    await driver.delete_snapshot(one, late)
    assert len((await driver.connect(one, HERE)).layers) == 1
    io(await at(driver, one, tmp_path), "read -P 3 0 64k", "read -P 2 64k 960k")


async def test_who_was_told_of_a_layer_that_is_frozen_since_cannot_open_it(driver: FileDriver, tmp_path: Path) -> None:
    one, snapshot = new(), new()
    await driver.create(Volume(one, 1), qcow2(tmp_path / "image"))
    before = await driver.connect(one, HERE)
    await driver.snapshot(one, snapshot)
    assert not Path(before.layers[0].path).exists()
    assert all(Path(layer.path).exists() for layer in (await driver.connect(one, HERE)).layers)


async def test_a_snapshot_that_is_being_copied_may_go(driver: FileDriver, tmp_path: Path) -> None:
    one, snapshot = new(), new()
    await driver.create(Volume(one, 1), qcow2(tmp_path / "image"))
    io(await at(driver, one, tmp_path), "write -P 1 0 64M")
    await driver.snapshot(one, snapshot)
    copying = asyncio.create_task(driver.copy_out(one, snapshot, tmp_path / "copy", "raw"))
    while not list((tmp_path / "backend/reading").rglob("*.qcow2")):
        await asyncio.sleep(0)
    await driver.delete_snapshot(one, snapshot)
    await driver.delete(one)
    await copying
    io(["-f", "raw", str(tmp_path / "copy")], "read -P 1 0 64M")
    assert list((tmp_path / "backend/reading").iterdir()) == []
    (tmp_path / "backend/reading/999999999-left").mkdir()
    await driver.prepare()
    assert list((tmp_path / "backend/reading").iterdir()) == []


async def test_raw_volumes_are_raw_until_there_is_something_to_keep(tmp_path: Path) -> None:
    driver, one, snapshot = await driver_in(tmp_path, format="raw"), new(), new()
    await driver.create(Volume(one, 2), qcow2(tmp_path / "image"))
    (layer,) = (await driver.connect(one, HERE)).layers
    assert (layer.format, Path(layer.path).stat().st_size) == ("raw", 2 << 30)
    await driver.snapshot(one, snapshot)
    io(await at(driver, one, tmp_path), "write -P 1 0 64k")
    await driver.extend(one, 3)
    await driver.delete_snapshot(one, snapshot)
    (layer,) = (await driver.connect(one, HERE)).layers
    assert (layer.format, Path(layer.path).stat().st_size) == ("raw", 3 << 30)
    io(["-f", "raw", layer.path], "read -P 1 0 64k", "read -P 7 64k 960k", "read -P 0 2G 1M")


async def test_what_is_encrypted_can_be_read_with_its_key_alone(driver: FileDriver, tmp_path: Path) -> None:
    one, clone = new(), new()
    await driver.create(Volume(one, 1, KEY), qcow2(tmp_path / "image", "4M"))
    await driver.create(Volume(clone, 2, KEY), OfVolume(one))
    with pytest.raises(Failure, match="encrypted"):
        await driver.create(Volume(new(), 2), OfVolume(one))
    (tmp_path / "key").write_text(KEY.passphrase)
    for volume_id, size in ((one, 1 << 30), (clone, 2 << 30)):
        connection = await driver.connect(volume_id, HERE)
        assert connection.encrypted
        (inner,) = opened(connection, tmp_path)
        luks = {"driver": "luks", "key-secret": "key", "file": json.loads(inner.removeprefix("json:"))}
        with_key = ["--object", f"secret,id=key,file={tmp_path}/key", "json:" + json.dumps(luks)]
        io(with_key, "read -P 7 0 1M", "read -P 0 1M 1M", f"read {size - 65536} 64k")
    stored = b"".join(path.read_bytes() for path in (tmp_path / "backend").rglob("*.qcow2"))
    assert b"LUKS\xba\xbe" in stored
    assert b"\7" * 4096 not in stored
    assert KEY.passphrase.encode() not in stored


async def test_ciphertext_that_was_copied_out_can_be_put_back(driver: FileDriver, tmp_path: Path) -> None:
    one, two = new(), new()
    await driver.create(Volume(one, 1, KEY), Blank())
    await driver.copy_out(one, None, tmp_path / "ciphertext", "raw")
    await driver.create(Volume(two, 1, KEY), Blank())
    await driver.fill(Volume(two, 1), OfImage(tmp_path / "ciphertext", "raw"))
    await driver.copy_out(two, None, tmp_path / "again", "raw")
    compare = ["qemu-img", "compare", "-q", "-f", "raw", "-F", "raw", tmp_path / "ciphertext", tmp_path / "again"]
    assert subprocess.run(compare, check=False).returncode == 0


# -- other hosts


async def test_an_export_is_served_with_its_key_and_survives_us(driver: FileDriver, tmp_path: Path) -> None:
    one = new()
    await driver.create(Volume(one, 1), Blank())
    connection = await driver.connect(one, FAR)
    io(opened(connection, tmp_path), "write -P 5 0 1M")
    assert await (await driver_in(tmp_path)).connect(one, FAR) == connection
    for refused in (replace(connection, tls_psk="00" * 32), replace(connection, tls_username="other")):
        with pytest.raises(subprocess.CalledProcessError):
            io(opened(refused, tmp_path), "read 0 1M")
    with pytest.raises(subprocess.CalledProcessError):
        io(["-f", "raw", f"nbd://{connection.host}:{connection.port}/{one}"], "read 0 1M")
    await driver.disconnect(one, FAR.attachment_id)
    io(await at(driver, one, tmp_path), "read -P 5 0 1M")


async def test_a_served_volume_is_snapshotted_while_it_is_written_to(driver: FileDriver, tmp_path: Path) -> None:
    one, two, snapshot = new(), new(), new()
    await driver.create(Volume(one, 1), Blank())
    served = opened(await driver.connect(one, FAR), tmp_path)
    io(served, "write -P 5 0 1M")
    await driver.snapshot(one, snapshot)
    await driver.snapshot(one, snapshot)
    io(served, "read -P 5 0 1M", "write -P 6 0 1M")
    await driver.create(Volume(two, 1), OfSnapshot(one, snapshot))
    io(await at(driver, two, tmp_path), "read -P 5 0 1M")
    await driver.extend(one, 2)
    io(served, "read -P 6 0 1M", f"write -P 7 {3 << 29} 1M")  # beyond what it had
    await driver.disconnect(one, FAR.attachment_id)
    io(await at(driver, one, tmp_path), f"read -P 7 {3 << 29} 1M")
    io(await at(driver, one, tmp_path), "read -P 6 0 1M")


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["that died", "that does not answer"])
async def test_a_daemon_comes_back_where_it_was(
    driver: FileDriver, tmp_path: Path, blow: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = new()
    await driver.create(Volume(one, 1), Blank())
    connection = await driver.connect(one, FAR)
    den = exports._den(home.Home.of(one, tmp_path / "backend/volumes"))
    process = detached.find(den)
    assert process
    os.kill(process.pid, blow)
    if blow == signal.SIGKILL:
        assert await detached.wait(process, 10)
    monkeypatch.setattr(exports, "_ANSWER_S", 3.0)
    assert await driver.connect(one, FAR) == connection
    io(opened(connection, tmp_path), "write -P 5 0 1M")


async def test_what_was_served_is_served_again_when_the_host_comes_back(driver: FileDriver, tmp_path: Path) -> None:
    one, lost = new(), new()
    for volume_id in (lost, one):
        await driver.create(Volume(volume_id, 1), Blank())
        connection = await driver.connect(volume_id, FAR)
        process = detached.find(exports._den(home.Home.of(volume_id, tmp_path / "backend/volumes")))
        assert process
        os.kill(process.pid, signal.SIGKILL)
        assert await detached.wait(process, 10)
    broken = home.Home.of(lost, tmp_path / "backend/volumes")
    definition = broken.load()
    assert definition
    broken.file(definition.top).unlink()
    again = await driver_in(tmp_path)
    io(opened(connection, tmp_path), "write -P 5 0 1M")
    await again.disconnect(one, FAR.attachment_id)
    io(await at(again, one, tmp_path), "read -P 5 0 1M")


async def test_hosts_without_an_address_say_so(tmp_path: Path) -> None:
    driver, one = await driver_in(tmp_path, export_address=""), new()
    assert not driver.capabilities.remote
    await driver.create(Volume(one, 1), Blank())
    with pytest.raises(Failure, match="export_address"):
        await driver.connect(one, FAR)
    assert (await driver.connect(one, HERE)).type == "file"


# -- trouble


@pytest.mark.parametrize("trick", ["backing", "data file"])
async def test_a_hostile_image_is_refused(driver: FileDriver, tmp_path: Path, trick: str) -> None:
    path, secret = tmp_path / "hostile", tmp_path / "secret"
    secret.write_bytes(b"s" * 65536)
    options = {
        "backing": ("-u", "-F", "raw", "-b", str(secret)),
        "data file": ("-o", f"data_file={tmp_path}/data,data_file_raw=on"),
    }[trick]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, str(path), "1G"], check=True)
    with pytest.raises(Failure, match="refers to another file"):
        await driver.create(Volume(new(), 1), OfImage(path, "qcow2"))
    for shape in (b"", b"QFI\xfb", os.urandom(4096)):
        path.write_bytes(shape)
        with pytest.raises(Failure):
            await driver.create(Volume(new(), 1), OfImage(path, "qcow2"))
    assert list(await driver.volumes()) == []


async def test_a_guest_that_forges_its_header_gets_no_other_file(driver: FileDriver, tmp_path: Path) -> None:
    """It writes the file of its top layer, if it breaks out of its QEMU."""
    one, secret = new(), tmp_path / "secret"
    secret.write_bytes(b"s" * (1 << 20))
    await driver.create(Volume(one, 1), Blank())
    top = Path((await driver.connect(one, HERE)).layers[0].path)
    genuine = top.read_bytes()
    subprocess.run(["qemu-img", "rebase", "-u", "-F", "raw", "-b", str(secret), str(top)], check=True)
    with pytest.raises(Failure):
        await driver.copy_out(one, None, tmp_path / "copy", "raw")
    with top.open("r+b") as file:
        file.write(genuine)
        file.seek(72)
        file.write(struct.pack(">Q", 1 << 2))  # its data is in another file
    with pytest.raises(Failure):
        await driver.copy_out(one, None, tmp_path / "copy", "raw")
    assert not (tmp_path / "copy").exists()


FULL = """
import asyncio, sys, uuid
from pathlib import Path
from wolke.block_storage.drivers.base import *
from wolke.block_storage.drivers.file import FileConfig, FileDriver
from wolke.core.drivers import Failure

async def main():
    folder = Path(sys.argv[1])
    driver = FileDriver(folder / "full", host="here", config=FileConfig(format="raw"))
    await driver.prepare()
    kept, image = str(uuid.uuid4()), OfImage(Path(sys.argv[2]), "raw")
    await driver.create(Volume(kept, 1), Blank())
    for work in (
        lambda: driver.create(Volume(str(uuid.uuid4()), 1), image),
        lambda: driver.fill(Volume(kept, 1), image),
        lambda: driver.create(Volume(str(uuid.uuid4()), 1), image),
    ):
        try:
            await work()
        except Failure as why:
            print(why)
    left = [path for path in (folder / "full").rglob("*") if path.is_file()]
    print(len(left), [found.volume_id for found in await driver.volumes()] == [kept])
    await driver.delete(kept)

asyncio.run(main())
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(os.urandom(4 << 20))
    (tmp_path / "small").mkdir()
    mount = f'mount -t tmpfs -o size=2m none {tmp_path}/small && exec "$@"'
    argv = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", FULL, str(tmp_path / "small"), str(image)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == ["The storage backend has no room left."] * 3 + ["3 True"]  # a definition, a layer and a lock


async def test_an_image_on_another_file_system_is_copied_once(driver: FileDriver, tmp_path: Path) -> None:
    if not Path("/dev/shm").is_dir() or os.stat("/dev/shm").st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system here")
    folder = Path("/dev/shm") / f"wolke-{uuid.uuid4()}"
    folder.mkdir()
    try:
        image, volumes = qcow2(folder / "image"), [new(), new()]
        for each in volumes:
            await driver.create(Volume(each, 1), image)
    finally:
        shutil.rmtree(folder)
    copies = list((tmp_path / "backend/images").iterdir())
    assert [copy.stat().st_nlink for copy in copies] == [3]
    for each in volumes:
        io(await at(driver, each, tmp_path), "read -P 7 0 1M")
        await driver.delete(each)
    await driver.prepare()
    assert list((tmp_path / "backend/images").iterdir()) == []
