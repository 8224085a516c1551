"""What every hypervisor driver promises, asked of every one in the map.

A driver that this machine has no means for is a visible skip. QEMU runs for real, without KVM, the guest
of ``trial.py``: a boot sector that counts its boots on its disk and tells the serial port.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path

import pytest

from tests.contract.hypervisors import Bench, eventually, power, processes_of
from wolke.compute.drivers.base import Nic, Power
from wolke.compute.drivers.qemu import trial
from wolke.core.drivers import Failure, Unsupported


async def test_a_server_goes_through_all_its_states(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    server_id = spec.server_id
    assert await power(driver, server_id) is None
    await driver.create(spec)
    for verb, expected in (
        (lambda: driver.start(server_id), Power.RUNNING),
        (lambda: driver.pause(server_id), Power.PAUSED),
        (lambda: driver.unpause(server_id), Power.RUNNING),
        (lambda: driver.suspend(server_id), Power.SUSPENDED),
        (lambda: driver.start(server_id), Power.RUNNING),
        (lambda: driver.reboot(server_id, hard=True), Power.RUNNING),
        (lambda: driver.pause(server_id), Power.PAUSED),
        (lambda: driver.start(server_id), Power.RUNNING),
        (lambda: driver.stop(server_id, 0), Power.SHUTDOWN),
        (lambda: driver.reboot(server_id, hard=False), Power.RUNNING),
        (lambda: driver.destroy(server_id), None),
    ):
        await verb()
        assert await power(driver, server_id) is expected


async def test_every_verb_may_be_called_twice(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    server_id = spec.server_id
    for verb, expected in (
        (lambda: driver.create(spec), Power.SHUTDOWN),
        (lambda: driver.start(server_id), Power.RUNNING),
        (lambda: driver.pause(server_id), Power.PAUSED),
        (lambda: driver.unpause(server_id), Power.RUNNING),
        (lambda: driver.suspend(server_id), Power.SUSPENDED),
        (lambda: driver.start(server_id), Power.RUNNING),
        (lambda: driver.stop(server_id, 0), Power.SHUTDOWN),
        (lambda: driver.destroy(server_id), None),
    ):
        for _ in range(2):
            await verb()
            assert await power(driver, server_id) is expected


async def test_a_new_driver_sees_and_controls_what_the_last_one_left(bench: Bench) -> None:
    first, running, stopped = await bench.driver(), bench.spec(), bench.spec()
    await first.create(running)
    await first.create(stopped)
    await first.start(running.server_id)
    await first.close()

    second = await bench.driver()
    seen = {guest.server_id: guest.power for guest in await second.list()}
    assert seen == {running.server_id: Power.RUNNING, stopped.server_id: Power.SHUTDOWN}
    await second.stop(running.server_id, 0)
    await second.start(stopped.server_id)
    assert await power(second, running.server_id) is Power.SHUTDOWN
    assert await power(second, stopped.server_id) is Power.RUNNING


async def test_destroy_leaves_nothing(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec(swap_mib=1)
    await driver.create(spec)
    await driver.start(spec.server_id)
    await driver.destroy(spec.server_id)
    assert bench.remains() == []
    assert processes_of(spec.server_id) == []
    assert await driver.list() == []


async def test_a_server_that_never_was_can_be_destroyed_and_nothing_else(bench: Bench) -> None:
    driver, nobody = await bench.driver(), str(uuid.uuid4())
    await driver.destroy(nobody)
    assert await driver.look(nobody) is None
    for verb in (driver.start, driver.pause, driver.unpause, driver.suspend):
        with pytest.raises(Failure, match="no such server"):
            await verb(nobody)


async def test_a_server_that_is_off_cannot_be_paused_or_suspended(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    await driver.create(spec)
    for verb in (driver.pause, driver.unpause, driver.suspend):
        with pytest.raises(Failure, match="not running"):
            await verb(spec.server_id)


async def test_starts_at_the_same_time_make_one_guest(bench: Bench) -> None:
    spec = bench.spec()
    drivers = [await bench.driver() for _ in range(2 if bench.real else 1)] * 2
    await drivers[0].create(spec)
    await asyncio.gather(*(driver.start(spec.server_id) for driver in drivers))
    assert await power(drivers[0], spec.server_id) is Power.RUNNING
    if bench.real:
        assert len(processes_of(spec.server_id)) == 1


async def test_a_guest_that_dies_is_seen_as_crashed_and_starts_again(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    await driver.create(spec)
    await driver.start(spec.server_id)
    await bench.crash(driver, spec.server_id)

    async def crashed() -> bool:
        return await power(driver, spec.server_id) is Power.CRASHED

    await eventually(crashed)
    await driver.start(spec.server_id)
    assert await power(driver, spec.server_id) is Power.RUNNING


async def test_the_console_is_kept_over_stop_and_start(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    if not driver.capabilities.console_output:
        pytest.skip(f"{bench.name} keeps no console output")
    await driver.create(spec)
    assert await driver.console_output(spec.server_id, None) == ""
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id)
    await driver.stop(spec.server_id, 0)
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id, times=2)
    assert await driver.console_output(spec.server_id, 0) == ""
    whole = await driver.console_output(spec.server_id, None)
    assert await driver.console_output(spec.server_id, 2) == "\n".join(whole.split("\n")[-2:])
    assert await driver.console_output(spec.server_id, 100_000) == whole


@pytest.mark.parametrize("disk_format", ["raw", "qcow2"])
async def test_a_snapshot_stands_alone(bench: Bench, tmp_path: Path, disk_format: str) -> None:
    driver, spec = await bench.driver(), bench.spec()
    if not driver.capabilities.snapshot:
        pytest.skip(f"{bench.name} takes no snapshots")
    await driver.create(spec)
    off, running = tmp_path / "off", tmp_path / "running"
    await driver.snapshot(spec.server_id, off, disk_format)
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id)
    await driver.snapshot(spec.server_id, running, disk_format)
    assert await power(driver, spec.server_id) is Power.RUNNING
    await driver.destroy(spec.server_id)
    if not bench.real:
        return
    assert spec.image
    spec.image.unlink()
    for image, boots in ((off, 0), (running, 1)):
        raw = tmp_path / "raw"
        command = ("qemu-img", "convert", "-f", disk_format, "-O", "raw", str(image), str(raw))
        assert await (await asyncio.create_subprocess_exec(*command)).wait() == 0
        assert raw.read_bytes()[: len(trial.BOOT_SECTOR)] == trial.BOOT_SECTOR
        assert raw.read_bytes()[512] == boots
    assert {path.name for path in tmp_path.iterdir()} == {"off", "raw", "running", "state"}


async def test_an_unknown_image_format_is_refused(bench: Bench, tmp_path: Path) -> None:
    driver, spec = await bench.driver(), bench.spec()
    await driver.create(spec)
    with pytest.raises(Failure, match="vmdk"):
        await driver.snapshot(spec.server_id, tmp_path / "target", "vmdk")


async def test_a_card_is_plugged_into_a_running_server_and_stays_over_a_restart(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    if not driver.capabilities.nic_hotplug:
        pytest.skip(f"{bench.name} cannot plug cards into a running server")
    backend = "user" if bench.real else "none"
    await driver.create(spec)
    await driver.start(spec.server_id)
    for number in range(2):
        nic = Nic(str(uuid.uuid4()), f"52:54:00:00:00:0{number}", backend)
        await driver.attach_nic(spec.server_id, nic)
        await driver.attach_nic(spec.server_id, nic)
    await driver.suspend(spec.server_id)  # memory that is saved fits only the same cards in the same places
    await driver.start(spec.server_id)
    assert await power(driver, spec.server_id) is Power.RUNNING
    await driver.stop(spec.server_id, 0)
    for _ in range(2):
        await driver.detach_nic(spec.server_id, nic.port_id)
    await driver.start(spec.server_id)
    assert await power(driver, spec.server_id) is Power.RUNNING


async def test_screen_and_serial_port_are_private_sockets_or_refused(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    await driver.create(spec)
    await driver.start(spec.server_id)
    for offered, verb in ((driver.capabilities.vnc, driver.vnc), (driver.capabilities.serial, driver.serial)):
        if not offered:
            with pytest.raises(Unsupported):
                await verb(spec.server_id)
            continue
        path = await verb(spec.server_id)
        assert path.is_socket() and len(os.fsencode(path)) < 108
        assert path.parent.stat().st_mode & 0o077 == 0
        _, writer = await asyncio.open_unix_connection(path)
        writer.close()
        await writer.wait_closed()


async def test_the_host_says_what_it_has(bench: Bench) -> None:
    driver = await bench.driver()
    inventory = await driver.inventory()
    assert inventory.vcpus > 0 and inventory.ram_mib > 0 and inventory.disk_gib > 0
    assert set(inventory.cpu_topology) == {"sockets", "cores", "threads"}
    assert driver.capabilities.hypervisor_version > 0
