"""What drivers promise that can send a running guest to another host."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from tests.contract.hypervisors import Bench, eventually, power
from wolke.compute.drivers.base import Ephemeral, GuestSpec, Power
from wolke.compute.drivers.qemu import trial
from wolke.core.drivers import Failure


@pytest.fixture
async def there(bench: Bench, tmp_path: Path) -> AsyncIterator[Any]:
    """A driver on another host."""
    other = Bench(bench.name, tmp_path / "elsewhere", bench.run_dir / "o")
    driver = await other.driver()
    yield driver
    for guest in await driver.list():
        await driver.destroy(guest.server_id)
    await driver.close()
    assert other.remains() == []


async def running(bench: Bench, driver: Any, **changes: Any) -> GuestSpec:
    spec = bench.spec(**changes)
    await driver.create(spec)
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id)
    return spec


async def awaited(here: Any, there: Any, spec: GuestSpec) -> None:
    """As the agent of the other host does it."""
    folder = await there.incoming(spec.server_id)
    for name, path in (await here.still_parts(spec.server_id)).items():
        shutil.copy(path, folder / name)
    for _ in range(2):
        await there.receive(spec, await here.shape(spec.server_id))


def towards(there: Any, server_id: str) -> Any:
    async def connect(name: str) -> socket:
        found: socket = await there.channel(server_id, name)
        return found

    return connect


async def silent(progress: Mapping[str, int]) -> str | None:
    return None


async def words(driver: Any, server_id: str) -> str:
    return str(await driver.console_output(server_id, None))


@pytest.mark.parametrize("was", [Power.RUNNING, Power.PAUSED])
async def test_a_guest_goes_on_elsewhere_where_it_was(bench: Bench, there: Any, was: Power) -> None:
    here = await bench.driver()
    spec = await running(bench, here, ephemerals=[Ephemeral(1), Ephemeral(1, "")], swap_mib=1)
    if was is Power.PAUSED:
        await here.pause(spec.server_id)
    await awaited(here, there, spec)
    await here.send(spec.server_id, towards(there, spec.server_id), silent)
    await here.send(spec.server_id, towards(there, spec.server_id), silent)
    for _ in range(2):
        await there.settle(spec.server_id)
    assert await power(there, spec.server_id) is was
    await here.destroy(spec.server_id)
    if was is Power.PAUSED:
        await there.unpause(spec.server_id)
    if not bench.real:
        return

    async def ticks() -> bool:
        return (await words(there, spec.server_id)).count(".") > 3

    await eventually(ticks)
    assert "booted" not in await words(there, spec.server_id), "it did not start again: it goes on"
    await there.reboot(spec.server_id, hard=True)
    await bench.booted(there, spec.server_id)
    assert "booted 2" in await words(there, spec.server_id), "its disk came along"


async def test_disks_that_both_hosts_see_are_not_copied(bench: Bench, tmp_path: Path) -> None:
    if bench.name != "qemu":
        pytest.skip("only QEMU has disks that hosts share")
    from wolke.compute.drivers.qemu import QemuConfig, QemuDriver

    disks, hosts = tmp_path / "shared", []
    for name in ("here", "there"):
        run = bench.run_dir / name
        config = QemuConfig(accelerator="tcg", run_dir=run, disk_dir=disks)
        hosts.append(QemuDriver(tmp_path / name, config=config))
        await hosts[-1].prepare()
    here, there = hosts
    try:
        assert here.capabilities.shared_disks == there.capabilities.shared_disks != ""
        spec = await running(bench, here, swap_mib=1)
        disk = disks / spec.server_id / "disk"
        before = disk.stat().st_ino
        await awaited(here, there, spec)
        await there.destroy(spec.server_id)
        assert disk.exists() and await power(here, spec.server_id) is Power.RUNNING, "who waited in vain has no disks"
        await awaited(here, there, spec)
        await here.send(spec.server_id, towards(there, spec.server_id), silent)
        await there.settle(spec.server_id)
        await here.destroy(spec.server_id)
        assert disk.stat().st_ino == before, "whose guest it is not any more leaves them alone"
        await there.reboot(spec.server_id, hard=True)
        await bench.booted(there, spec.server_id)
        assert "booted 2" in await words(there, spec.server_id)
        await there.stop(spec.server_id, 0)
        await there.set_aside(spec.server_id)
        await there.take_back(spec.server_id)
        await here.create(spec)  # an evacuation: the disks are there, and are taken over
        await here.start(spec.server_id)
        await bench.booted(here, spec.server_id)
        await there.destroy(spec.server_id)
        assert disk.exists()
        await here.destroy(spec.server_id)
        assert [path.name for path in disks.iterdir()] == [".pool"]
    finally:
        for driver in hosts:
            for guest in await driver.list():
                await driver.destroy(guest.server_id)
            await driver.close()


async def test_a_guest_that_cannot_go_runs_on_here(bench: Bench, there: Any) -> None:
    here = await bench.driver()
    spec = await running(bench, here)
    await awaited(here, there, spec)

    async def broken(name: str) -> socket:
        if name == "memory":
            raise Failure("simulated: the other host is gone")
        found: socket = await there.channel(spec.server_id, name)
        return found

    with pytest.raises(Failure, match="the other host is gone"):
        await here.send(spec.server_id, broken, silent)
    assert await power(here, spec.server_id) is Power.RUNNING
    await there.destroy(spec.server_id)
    await awaited(here, there, spec)
    await here.send(spec.server_id, towards(there, spec.server_id), silent)
    await there.settle(spec.server_id)
    assert await power(there, spec.server_id) is Power.RUNNING


async def test_a_migration_that_is_called_off_leaves_the_guest_here(bench: Bench, there: Any) -> None:
    here = await bench.driver()
    spec = await running(bench, here)
    await awaited(here, there, spec)

    async def abort(progress: Mapping[str, int]) -> str | None:
        assert set(progress) >= {"memory_total", "memory_remaining", "disk_total"}
        return "abort"

    with pytest.raises(Failure, match="aborted"):
        await here.send(spec.server_id, towards(there, spec.server_id), abort)
    assert await power(here, spec.server_id) is Power.RUNNING
    await there.destroy(spec.server_id)
    assert await power(there, spec.server_id) is None


async def test_whoever_sends_may_be_cut_off_and_another_begins_anew(bench: Bench, there: Any) -> None:
    here = await bench.driver()
    spec = await running(bench, here)
    await awaited(here, there, spec)
    waiting = asyncio.Event()

    async def hang(name: str) -> socket:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(here.send(spec.server_id, hang, silent))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    here = await bench.driver()
    await here.send(spec.server_id, towards(there, spec.server_id), silent)
    await there.settle(spec.server_id)


async def test_nobody_comes_where_nobody_waits(bench: Bench, there: Any) -> None:
    here = await bench.driver()
    spec = await running(bench, here)
    with pytest.raises(Failure):
        await there.channel(spec.server_id, "memory")
    with pytest.raises(Failure):
        await here.channel(spec.server_id, "memory")
    await here.stop(spec.server_id, 0)
    with pytest.raises(Failure, match="not running"):
        await here.send(spec.server_id, towards(there, spec.server_id), silent)


async def test_a_guest_that_has_not_come_is_no_guest(bench: Bench, there: Any) -> None:
    here = await bench.driver()
    spec = await running(bench, here)
    await awaited(here, there, spec)
    with pytest.raises(Failure):
        await there.settle(spec.server_id)
    assert trial.BOOT_SECTOR
