"""Another volume in the place of one that a guest has while it runs: nothing of what was written is lost, whoever dies."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.hypervisors import Bench
from tests.contract.test_hypervisor_volumes import MIB, _is_locked, ask, guest, make, nodes_of, volume
from wolke.compute.drivers.base import Layer, Volume
from wolke.core.drivers import Failure


@pytest.fixture
def qemu_bench(bench: Bench) -> Bench:
    if not bench.real:
        pytest.skip("nothing to look into")
    return bench


async def write(driver: Any, server_id: str, disk: str, line: str) -> None:
    """Through the disk that the guest has, as it would."""
    path = f"/machine/peripheral/volume-{disk}/virtio-backend"
    await ask(driver, server_id, "human-monitor-command", {"command-line": f'qemu-io -d {path} "write -P {line}"'})


def holds(layer: Layer, pattern: int, at: str) -> bool:
    """Once nobody has it open."""
    argv = ["qemu-io", "-f", layer.format, "-c", f"read -P {pattern} {at} 64k", layer.path]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def larger(folder: Path, **more: Any) -> Volume:
    one = volume(folder)
    return Volume(one.volume_id, 1, (make(folder / f"{one.volume_id}.2"),), **more)


async def stands_on(driver: Any, server_id: str, disk: str) -> str:
    found = await ask(driver, server_id, "query-block")
    return next(str(one["inserted"]["node-name"]) for one in found if disk in one["qdev"])


def prefix(one: Volume) -> str:
    return f"v{one.volume_id.replace('-', '')[:14]}-"


async def test_the_guest_goes_on_with_the_other_volume(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    old, new = volume(tmp_path), larger(tmp_path, limits={"total_iops_sec": "500"})
    subprocess.run(["qemu-img", "resize", "-q", "-f", "raw", new.layers[0].path, "16M"], check=True)
    server_id = await guest(qemu_bench, driver, volumes=[old])
    await write(driver, server_id, old.volume_id, "7 1M 64k")
    for _ in range(2):
        await driver.swap_volume(server_id, old.volume_id, new)
    assert (await stands_on(driver, server_id, old.volume_id)).startswith(prefix(new))
    assert await nodes_of(driver, server_id, old.volume_id) == [] and not _is_locked(old.layers[0].path)
    sizes = {one["image"]["virtual-size"] for one in await nodes_of(driver, server_id, new.volume_id)}
    assert sizes == {16 * MIB} and await ask(driver, server_id, "query-jobs") == []
    [limit] = [
        one["inserted"]["iops"] for one in await ask(driver, server_id, "query-block") if old.volume_id in one["qdev"]
    ]
    assert limit == 500
    await write(driver, server_id, old.volume_id, "8 2M 64k")
    again = await qemu_bench.driver()
    assert await again.holder(new.volume_id) is not None and await again.holder(old.volume_id) is None
    await again.attach_volume(server_id, old)
    assert await again.holder(old.volume_id) is not None and len(await nodes_of(again, server_id, old.volume_id)) >= 2
    with pytest.raises(Failure, match="did not let go"):
        await again.detach_volume(server_id, new.volume_id)
    await driver.reboot(server_id, hard=True)
    assert (await stands_on(driver, server_id, new.volume_id)).startswith(prefix(new))
    await driver.destroy(server_id)
    assert holds(new.layers[0], 7, "1M") and holds(new.layers[0], 8, "2M") and holds(new.layers[0], 0, "3M")
    assert not holds(new.layers[0], 7, "2M")


async def test_a_volume_that_cannot_take_the_place_changes_nothing(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    old, broken = volume(tmp_path), tmp_path / "broken"
    broken.write_bytes(b"junk" * 1024)
    server_id = await guest(qemu_bench, driver, volumes=[old])
    for layer, why in (
        (Layer(str(broken), "qcow2"), "cannot be opened"),
        (Layer(str(tmp_path / "no"), "raw"), "not on"),
    ):
        other = Volume(volume(tmp_path).volume_id, 1, (layer,))
        with pytest.raises(Failure, match=why):
            await driver.swap_volume(server_id, old.volume_id, other)
        assert await nodes_of(driver, server_id, other.volume_id) == []
    assert (await stands_on(driver, server_id, old.volume_id)).startswith(prefix(old))
    await write(driver, server_id, old.volume_id, "7 1M 64k")
    await driver.stop(server_id, 0)
    with pytest.raises(Failure, match="not running"):
        await driver.swap_volume(server_id, old.volume_id, larger(tmp_path))
    await driver.destroy(server_id)


async def under_way(qemu_bench: Bench, driver: Any, server_id: str, old: Volume, new: Volume) -> None:
    """We die while it copies; or just after, where the copy was faster than we could look."""
    from wolke.compute.drivers.qemu.qmp import session

    other = await qemu_bench.driver()
    async with session(other._home(server_id).run / "look", 5) as qmp, asyncio.timeout(20):
        task = asyncio.create_task(driver.swap_volume(server_id, old.volume_id, new))
        while not task.done() and not await qmp.execute("query-jobs"):
            pass
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("end", ["goes on", "is taken back"])
async def test_who_comes_after_us_ends_what_we_began(qemu_bench: Bench, tmp_path: Path, end: str) -> None:
    driver = await qemu_bench.driver()
    old, new = volume(tmp_path), larger(tmp_path)
    server_id = await guest(qemu_bench, driver, volumes=[old])
    await write(driver, server_id, old.volume_id, "7 1M 64k")
    await under_way(qemu_bench, driver, server_id, old, new)
    successor = await qemu_bench.driver()
    if end == "goes on":
        await successor.swap_volume(server_id, old.volume_id, new)
        mine, other = new, old
    else:
        for _ in range(2):
            await successor.swap_volume(server_id, new.volume_id, old)
        mine, other = old, new
    assert (await stands_on(successor, server_id, old.volume_id)).startswith(prefix(mine))
    assert await nodes_of(successor, server_id, other.volume_id) == []
    assert await ask(successor, server_id, "query-jobs") == [] and await successor.holder(mine.volume_id) is not None
    await successor.destroy(server_id)
    if mine is new:
        assert holds(new.layers[0], 7, "1M")


async def test_a_swap_that_was_done_is_taken_back_with_all_that_was_written(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    old, new = larger(tmp_path), larger(tmp_path)
    server_id = await guest(qemu_bench, driver, volumes=[old])
    await driver.swap_volume(server_id, old.volume_id, new)
    await write(driver, server_id, old.volume_id, "9 1M 64k")
    await driver.swap_volume(server_id, new.volume_id, old)
    assert (await stands_on(driver, server_id, old.volume_id)).startswith(prefix(old))
    await driver.destroy(server_id)
    assert holds(old.layers[0], 9, "1M")
