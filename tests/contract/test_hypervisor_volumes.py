"""Volumes of real and simulated guests: plugged in, pulled out, frozen and grown under them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.hypervisors import Bench, power, processes_of
from wolke.compute.drivers.base import Layer, Power, Volume
from wolke.compute.drivers.qemu import trial
from wolke.core.drivers import Failure

MIB = 1 << 20


@pytest.fixture
def qemu_bench(bench: Bench) -> Bench:
    if not bench.real:
        pytest.skip("nothing to look into")
    return bench


def make(path: Path, disk_format: str = "raw", *more: str) -> Layer:
    subprocess.run(["qemu-img", "create", "-q", "-f", disk_format, *more, str(path), "8M"], check=True)
    return Layer(str(path), disk_format)


def volume(folder: Path, **more: Any) -> Volume:
    """Two layers, as one that has a snapshot."""
    volume_id = str(uuid.uuid4())
    below = make(folder / f"{volume_id}.0")
    top = make(folder / f"{volume_id}.1", "qcow2", "-u", "-F", "raw", "-b", "/nowhere/at/all")
    return Volume(volume_id, 1, (top, below), **more)


async def ask(driver: Any, server_id: str, command: str, arguments: dict[str, Any] | None = None) -> Any:
    async with driver._talk(driver._home(server_id)) as qmp:
        return await qmp.execute(command, arguments)


async def nodes_of(driver: Any, server_id: str, volume_id: str) -> list[dict[str, Any]]:
    found = await ask(driver, server_id, "query-named-block-nodes", {"flat": True})
    return [one for one in found if one["node-name"].startswith(f"v{volume_id.replace('-', '')[:14]}-")]


async def guest(bench: Bench, driver: Any, **changes: Any) -> str:
    spec = bench.spec(**changes)
    await driver.create(spec)
    await driver.start(spec.server_id)
    return spec.server_id


async def test_a_volume_comes_while_the_guest_runs_and_stays_over_a_restart(bench: Bench, tmp_path: Path) -> None:
    driver = await bench.driver()
    server_id = await guest(bench, driver)
    one = volume(tmp_path)
    for _ in range(2):
        await driver.attach_volume(server_id, one)
    again = await bench.driver()
    assert await again.holder(one.volume_id) is not None
    await again.stop(server_id, 0)
    assert await again.holder(one.volume_id) is None
    await again.connect_volumes(server_id, [one])
    await again.start(server_id)
    assert await power(again, server_id) is Power.RUNNING
    assert await again.holder(one.volume_id) is not None
    await again.stop(server_id, 0)
    for _ in range(2):
        await again.detach_volume(server_id, one.volume_id)
    await again.start(server_id)
    assert await again.holder(one.volume_id) is None
    await again.destroy(server_id)


async def test_a_volume_that_is_not_there_is_refused_and_keeps_no_guest_from_starting(
    qemu_bench: Bench, tmp_path: Path
) -> None:
    driver = await qemu_bench.driver()
    server_id = await guest(qemu_bench, driver)
    with pytest.raises(Failure, match="not on this host"):
        await driver.attach_volume(server_id, Volume(str(uuid.uuid4()), 1, (Layer(str(tmp_path / "none"), "raw"),)))
    broken = tmp_path / "broken"
    broken.write_bytes(b"junk" * 1024)
    with pytest.raises(Failure, match="cannot be opened"):
        await driver.attach_volume(server_id, Volume(str(uuid.uuid4()), 1, (Layer(str(broken), "qcow2"),)))
    assert (await ask(driver, server_id, "query-fdsets")) == await _own_sets(driver, server_id)
    await driver.reboot(server_id, hard=True)
    assert await power(driver, server_id) is Power.RUNNING
    await driver.destroy(server_id)


async def _own_sets(driver: Any, server_id: str) -> Any:
    return [one for one in await ask(driver, server_id, "query-fdsets") if not any("opaque" in fd for fd in one["fds"])]


async def test_a_guest_that_does_not_let_go_keeps_its_volume(qemu_bench: Bench, tmp_path: Path) -> None:
    """This one has no operating system, so nobody hears that it should."""
    driver = await qemu_bench.driver()
    server_id = await guest(qemu_bench, driver)
    one = volume(tmp_path)
    await driver.attach_volume(server_id, one)
    with pytest.raises(Failure, match="did not let go"):
        await driver.detach_volume(server_id, one.volume_id)
    assert len(await nodes_of(driver, server_id, one.volume_id)) >= 2
    assert await driver.holder(one.volume_id) is not None
    await driver.destroy(server_id)


@pytest.mark.parametrize("machine", ["pc", "q35"])
@pytest.mark.parametrize("bus", ["virtio", "scsi"])
async def test_the_disk_has_the_volumes_id_and_its_layers(
    qemu_bench: Bench, tmp_path: Path, machine: str, bus: str
) -> None:
    driver = await qemu_bench.driver()
    properties = {"hw_machine_type": machine, "hw_disk_bus": bus}
    cold = volume(tmp_path)
    server_id = await guest(qemu_bench, driver, image_properties=properties, volumes=[cold])
    hot = volume(tmp_path, read_only=True)
    await driver.attach_volume(server_id, hot)
    for one in (cold, hot):
        path = f"/machine/peripheral/volume-{one.volume_id}"
        serial = await ask(driver, server_id, "qom-get", {"path": path, "property": "serial"})
        assert serial == (one.volume_id if bus == "scsi" else one.volume_id[:20])
        formats = {node["drv"] for node in await nodes_of(driver, server_id, one.volume_id)}
        assert formats == {"qcow2", "raw"}
        ro = {node["ro"] for node in await nodes_of(driver, server_id, one.volume_id) if node["drv"] == "qcow2"}
        assert ro == {one is hot}
    await driver.destroy(server_id)


async def test_a_volume_is_frozen_under_its_guest_and_grows(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    one = volume(tmp_path)
    server_id = await guest(qemu_bench, driver, volumes=[one])
    holder = await driver.holder(one.volume_id)
    new = make(tmp_path / "new", "qcow2", "-u", "-F", "qcow2", "-b", one.layers[0].path)
    for _ in range(2):
        await holder.overlay(new)
    forgetful = await qemu_bench.driver()
    await (await forgetful.holder(one.volume_id)).overlay(new)
    assert _is_locked(new.path)
    await (await driver.holder(one.volume_id)).resize(16 * MIB)
    sizes = {node["file"]: node["image"]["virtual-size"] for node in await nodes_of(driver, server_id, one.volume_id)}
    assert max(sizes.values()) == 16 * MIB
    await driver.reboot(server_id, hard=True)
    assert _is_locked(new.path)
    await driver.destroy(server_id)
    said = subprocess.run(["qemu-img", "info", "-U", "--output=json", new.path], check=True, capture_output=True)
    assert json.loads(said.stdout)["virtual-size"] == 16 * MIB


def _is_locked(path: str) -> bool:
    """Whether a QEMU has it open to write."""
    argv = ["qemu-io", "-c", "write 0 512", f"json:{json.dumps(_node(path))}"]
    done = subprocess.run(argv, check=False, capture_output=True)
    return b"lock" in done.stderr


def _node(path: str) -> dict[str, Any]:
    file = {"driver": "file", "filename": path}
    return {"driver": "qcow2", "file": file, "backing": None}


async def test_an_overlay_that_was_laid_when_we_died_is_not_laid_twice(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    one = volume(tmp_path)
    server_id = await guest(qemu_bench, driver, volumes=[one])
    before = (driver._home(server_id).file("definition.json")).read_bytes()
    new = make(tmp_path / "new", "qcow2", "-u", "-F", "qcow2", "-b", one.layers[0].path)
    await (await driver.holder(one.volume_id)).overlay(new)
    driver._home(server_id).file("definition.json").write_bytes(before)  # as if it had not been written yet
    await (await driver.holder(one.volume_id)).overlay(new)
    assert json.loads(driver._home(server_id).file("definition.json").read_bytes())["spec"]["volumes"][0]["layers"][0][
        "path"
    ] == new.path  # fmt: skip
    await driver.destroy(server_id)


async def test_an_encrypted_volume_is_opened_with_its_key_which_lies_nowhere(qemu_bench: Bench, tmp_path: Path) -> None:
    path, volume_id, key = tmp_path / "luks", str(uuid.uuid4()), "a very secret passphrase"
    argv = [
        "qemu-img",
        "create",
        "-q",
        "--object",
        f"secret,id=k,data={key}",
        "-f",
        "luks",
        "-o",
        "key-secret=k,iter-time=10",
    ]
    await asyncio.to_thread(subprocess.run, [*argv, str(path), "8M"], check=True)
    one = Volume(volume_id, 1, (Layer(str(path), "raw"),), encrypted=True, passphrase=key)
    driver = await qemu_bench.driver()
    server_id = await guest(qemu_bench, driver)
    await driver.attach_volume(server_id, one)
    assert "luks" in {node["drv"] for node in await nodes_of(driver, server_id, volume_id)}
    await driver.reboot(server_id, hard=True)
    assert "luks" in {node["drv"] for node in await nodes_of(driver, server_id, volume_id)}
    assert all(key.encode() not in file.read_bytes() for file in qemu_bench.remains() if file.is_file())
    (pid,) = processes_of(server_id)
    assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    holder = await driver.holder(volume_id)
    size = path.stat().st_size
    await holder.resize(size + 8 * MIB)
    assert path.stat().st_size == size + 8 * MIB
    await driver.destroy(server_id)


async def test_each_volume_is_on_the_bus_that_it_asks_for(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    root = Volume(str(uuid.uuid4()), 1, (Layer(str(trial.image(tmp_path / "root")), "raw"),), root=True, bus="scsi")
    plain, later = volume(tmp_path, boot_index=1), volume(tmp_path, bus="scsi")
    server_id = await guest(qemu_bench, driver, image=None, volumes=[root, plain, later])
    await qemu_bench.booted(driver, server_id)
    found = {
        one["name"]: one["type"].removeprefix("child<").rstrip(">")
        for one in await ask(driver, server_id, "qom-list", {"path": "/machine/peripheral"})
    }
    assert found["disk-root"] == found[f"volume-{later.volume_id}"] == "scsi-hd"
    assert found[f"volume-{plain.volume_id}"] == "virtio-blk-pci"
    await driver.destroy(server_id)
    spec = qemu_bench.spec(volumes=[volume(tmp_path, bus="usb")])
    with pytest.raises(Failure, match="no bus 'usb'"):
        await driver.create(spec)


async def test_a_guest_starts_from_a_volume(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    spec = qemu_bench.spec()
    assert spec.image is not None
    one = Volume(str(uuid.uuid4()), 1, (Layer(str(tmp_path / "root"), "raw"),), root=True)
    Path(one.layers[0].path).write_bytes(spec.image.read_bytes())
    server_id = await guest(qemu_bench, driver, image=None, volumes=[one])
    await qemu_bench.booted(driver, server_id)
    await driver.destroy(server_id)


async def test_a_root_volume_is_frozen_under_its_guest(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    below = Layer(str(trial.image(tmp_path / "root")), "raw")
    root = Volume(str(uuid.uuid4()), 1, (below,), root=True)
    server_id = await guest(qemu_bench, driver, image=None, volumes=[root])
    await qemu_bench.booted(driver, server_id)
    size = Path(below.path).stat().st_size
    top = tmp_path / "top"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(top), str(size)], check=True)
    holder = await driver.holder(root.volume_id)
    for _ in range(2):
        await holder.overlay(Layer(str(top), "qcow2"))
    found = {
        one["node-name"]: one["ro"]
        for one in await nodes_of(driver, server_id, root.volume_id)
        if one["drv"] in ("raw", "qcow2")
    }
    assert sorted(found.values()) == [False, True], found
    await driver.connect_volumes(server_id, [replace(root, layers=(Layer(str(top), "qcow2"), below))])
    await driver.reboot(server_id, hard=True)
    await qemu_bench.booted(driver, server_id, 2)
    await driver.destroy(server_id)
