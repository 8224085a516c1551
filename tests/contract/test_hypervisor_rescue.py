"""What drivers promise that can start a guest from another disk than its own."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.contract.hypervisors import Bench, power
from wolke.compute.drivers.base import Layer, Power, RescueSpec, Volume
from wolke.compute.drivers.qemu import trial
from wolke.core.drivers import Failure


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return trial.image(tmp_path / "rescue.raw")


STABLE = [("disk", bus) for bus in ("virtio", "scsi", "usb")] + [("cdrom", "scsi"), ("cdrom", "ide")]


@pytest.mark.parametrize(("device", "bus"), [("", ""), *STABLE])
async def test_a_guest_starts_from_another_disk_and_then_from_its_own(
    bench: Bench, image: Path, device: str, bus: str
) -> None:
    driver, spec = await bench.driver(), bench.spec()
    server_id = spec.server_id
    await driver.create(spec)
    stable = {"stable": True, "device": device, "bus": bus} if device else {}
    for _ in range(2):
        await driver.rescue(server_id, RescueSpec(image, "raw", **stable))
    await driver.start(server_id)
    if device != "cdrom":  # a boot sector starts from no CD; that it is there at all is what can be seen
        await bench.booted(driver, server_id)
    assert await power(driver, server_id) in (Power.RUNNING, Power.SHUTDOWN)
    if bench.real:
        with pytest.raises(Failure, match="running"):
            await driver.rescue(server_id, RescueSpec(image, "raw"))
    driver = await bench.driver()
    for _ in range(2):
        await driver.unrescue(server_id)
    assert await power(driver, server_id) is Power.SHUTDOWN
    assert not [path for path in bench.remains() if path.name.startswith("rescue")]
    await driver.start(server_id)
    await bench.booted(driver, server_id, 1 if device == "cdrom" or not bench.real else 2)
    assert await power(driver, server_id) is Power.RUNNING


@pytest.mark.parametrize("stable", [False, True])
async def test_a_guest_whose_root_is_a_volume_is_rescued(
    bench: Bench, image: Path, tmp_path: Path, stable: bool
) -> None:
    driver = await bench.driver()
    root = Volume(str(uuid.uuid4()), 1, (Layer(str(trial.image(tmp_path / "root")), "raw"),), root=True)
    spec = bench.spec(image=None, volumes=[root])
    await driver.create(spec)
    await driver.rescue(spec.server_id, RescueSpec(image, "raw", stable=stable))
    await driver.connect_volumes(spec.server_id, [root])
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id)
    await driver.unrescue(spec.server_id)
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id, 2 if bench.real else 1)
    assert await power(driver, spec.server_id) is Power.RUNNING


async def test_a_bus_that_is_not_there_is_refused_and_the_guest_starts_as_before(bench: Bench, image: Path) -> None:
    driver, spec = await bench.driver(), bench.spec()
    await driver.create(spec)
    with pytest.raises(Failure):
        await driver.rescue(spec.server_id, RescueSpec(image, "raw", stable=True, bus="floppy"))
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id)
