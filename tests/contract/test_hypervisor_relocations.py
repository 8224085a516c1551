"""A volume that goes to other files while its guest runs: nothing of what is written is lost, whoever dies."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contract.hypervisors import Bench
from tests.contract.test_hypervisor_swaps import holds, larger, write
from tests.contract.test_hypervisor_volumes import MIB, _is_locked, ask, guest, nodes_of
from wolke.compute.drivers.base import Layer, Volume
from wolke.core.drivers import Failure


@pytest.fixture
def qemu_bench(bench: Bench) -> Bench:
    if not bench.real:
        pytest.skip("nothing to look into")
    return bench


def files(tmp_path: Path, name: str, size_mib: int = 8) -> tuple[Layer]:
    """Empty, and as large as those that tests have."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / name, f"{size_mib}M"], check=True)
    return (Layer(str(tmp_path / name), "qcow2"),)


async def move(holder: Any, to: Sequence[Layer], heard: list[str] | None = None) -> None:
    """``heard``: with one word more each time that the copy is said to be ready."""

    async def ready() -> None:
        if heard is not None:
            heard.append("ready")

    await holder.move(to, ready)


async def test_the_guest_goes_on_in_the_other_files(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    old = larger(tmp_path, limits={"total_iops_sec": "500"})
    server_id = await guest(qemu_bench, driver, volumes=[old])
    await write(driver, server_id, old.volume_id, "7 1M 64k")
    new, heard = files(tmp_path, "new"), list[str]()
    for _ in range(2):
        await move(await driver.holder(old.volume_id), new, heard)
    assert heard == ["ready"] and not _is_locked(old.layers[0].path) and _is_locked(new[0].path)
    assert len(await nodes_of(driver, server_id, old.volume_id)) == 1
    assert await ask(driver, server_id, "query-jobs") == []
    [limit] = [
        one["inserted"]["iops"] for one in await ask(driver, server_id, "query-block") if "volume-" in one["qdev"]
    ]
    assert limit == 500
    await write(driver, server_id, old.volume_id, "8 2M 64k")
    back = files(tmp_path, "back")
    await move(await (await qemu_bench.driver()).holder(old.volume_id), back)
    await write(driver, server_id, old.volume_id, "9 3M 64k")
    await driver.reboot(server_id, hard=True)
    assert _is_locked(back[0].path) and not _is_locked(new[0].path)
    await driver.destroy(server_id)
    assert [holds(back[0], pattern, at) for pattern, at in ((7, "1M"), (8, "2M"), (9, "3M"), (0, "4M"))] == [True] * 4
    assert holds(new[0], 8, "2M") and not holds(new[0], 9, "3M")


async def test_a_volume_that_has_moved_can_be_frozen_grown_and_pulled_out(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    old, new = larger(tmp_path), files(tmp_path, "new")
    server_id = await guest(qemu_bench, driver, volumes=[old])
    holder = await driver.holder(old.volume_id)
    await move(holder, new)
    await holder.resize(16 * MIB)
    (top,) = files(tmp_path, "top", 16)
    await holder.overlay(top)
    await write(driver, server_id, old.volume_id, "5 12M 64k")
    assert {one["image"]["virtual-size"] for one in await nodes_of(driver, server_id, old.volume_id)} == {16 * MIB}
    with pytest.raises(Failure, match="did not let go"):
        await driver.detach_volume(server_id, old.volume_id)
    await driver.destroy(server_id)


async def test_what_cannot_be_copied_to_changes_nothing(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    old, broken = larger(tmp_path), tmp_path / "broken"
    broken.write_bytes(b"junk" * 1024)
    server_id = await guest(qemu_bench, driver, volumes=[old])
    (small,) = files(tmp_path, "small", 1)
    for layer in (Layer(str(broken), "qcow2"), Layer(str(tmp_path / "no"), "raw"), small):
        heard: list[str] = []
        with pytest.raises(Failure, match="cannot be copied"):
            await move(await driver.holder(old.volume_id), [layer], heard)
        assert heard == [] and await ask(driver, server_id, "query-jobs") == []
        assert len(await nodes_of(driver, server_id, old.volume_id)) == 1 and _is_locked(old.layers[0].path)
    await driver.destroy(server_id)


async def begun(qemu_bench: Bench, driver: Any, server_id: str, one: Volume, to: Sequence[Layer]) -> asyncio.Task[None]:
    """A copy is under way, and never gets further than being ready: whoever waits for it waits."""

    async def never() -> None:
        await asyncio.Event().wait()

    holder = await driver.holder(one.volume_id)
    task = asyncio.create_task(holder.move(to, never))
    from wolke.compute.drivers.qemu.qmp import session

    other = await qemu_bench.driver()
    async with session(other._home(server_id).run / "look", 5) as qmp, asyncio.timeout(20):
        while not any(job["status"] == "ready" for job in await qmp.execute("query-jobs")):
            await asyncio.sleep(0)
    return task


async def die(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("end", ["goes on", "stays"])
async def test_who_comes_after_us_ends_what_we_began(qemu_bench: Bench, tmp_path: Path, end: str) -> None:
    driver = await qemu_bench.driver()
    old, new = larger(tmp_path), files(tmp_path, "new")
    server_id = await guest(qemu_bench, driver, volumes=[old])
    await die(await begun(qemu_bench, driver, server_id, old, new))
    await write(driver, server_id, old.volume_id, "6 1M 64k")
    successor = await qemu_bench.driver()
    if end == "goes on":
        await move(await successor.holder(old.volume_id), new)
    else:
        with pytest.raises(Failure, match="moving to another storage backend"):
            await successor.let_go(server_id)
        await (await successor.holder(old.volume_id)).stay()
    assert await ask(successor, server_id, "query-jobs") == []
    assert _is_locked(new[0].path) is (end == "goes on") and _is_locked(old.layers[0].path) is (end == "stays")
    await successor.suspend(server_id)
    await successor.start(server_id)
    await successor.destroy(server_id)
    assert holds(new[0] if end == "goes on" else old.layers[0], 6, "1M")


async def test_a_guest_that_is_switched_off_or_suspended_takes_the_copy_along(
    qemu_bench: Bench, tmp_path: Path
) -> None:
    driver = await qemu_bench.driver()
    old, new = larger(tmp_path), files(tmp_path, "new")
    server_id = await guest(qemu_bench, driver, volumes=[old])
    await die(await begun(qemu_bench, driver, server_id, old, new))
    holder = await driver.holder(old.volume_id)
    await driver.suspend(server_id)
    with pytest.raises(Failure, match="switched off"):
        await move(holder, new)
    await driver.start(server_id)
    assert _is_locked(old.layers[0].path) and not _is_locked(new[0].path)
    await driver.destroy(server_id)
