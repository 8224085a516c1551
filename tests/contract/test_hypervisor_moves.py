"""What drivers promise that can take a guest elsewhere and keep what it was."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.hypervisors import Bench, eventually, power
from wolke.compute.drivers.base import Ephemeral, GuestSpec, Layer, Power, Volume
from wolke.compute.drivers.qemu import trial
from wolke.core.drivers import Failure


@pytest.fixture
async def there(bench: Bench, tmp_path: Path) -> Any:
    """A driver on another host."""
    other = Bench(bench.name, tmp_path / "elsewhere", bench.run_dir / "o")
    driver = await other.driver()
    yield driver
    for guest in await driver.list():
        await driver.destroy(guest.server_id)
    await driver.close()
    assert other.remains() == []


async def carry(source: Any, target: Any, spec: GuestSpec, **changes: Any) -> GuestSpec:
    """As an agent does it."""
    folder = await target.incoming(spec.server_id)
    for name, path in (await source.parts(spec.server_id)).items():
        shutil.copy(path, folder / name)
    await target.adopt(wished := replace(spec, **changes))
    return wished


async def running(bench: Bench, driver: Any) -> GuestSpec:
    spec = bench.spec()
    await driver.create(spec)
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id)
    return spec


async def aside(driver: Any, server_id: str) -> None:
    await driver.stop(server_id, 0)
    for _ in range(2):
        await driver.set_aside(server_id)
    assert await driver.look(server_id) is None and await driver.list() == []
    assert list(await driver.asides()) == [server_id]


async def test_a_running_guest_is_not_set_aside(bench: Bench) -> None:
    driver = await bench.driver()
    spec = await running(bench, driver)
    with pytest.raises(Failure, match="running"):
        await driver.set_aside(spec.server_id)
    assert await power(driver, spec.server_id) is Power.RUNNING


async def test_what_was_set_aside_comes_back_as_it_was(bench: Bench) -> None:
    driver = await bench.driver()
    spec = await running(bench, driver)
    await aside(driver, spec.server_id)
    driver = await bench.driver()
    for _ in range(2):
        await driver.take_back(spec.server_id)
    assert list(await driver.asides()) == [] and await power(driver, spec.server_id) is Power.SHUTDOWN
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id, 2)


async def test_what_is_not_there_cannot_be_set_aside_or_taken_back(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    for verb in (driver.set_aside, driver.take_back, driver.parts):
        with pytest.raises(Failure):
            await verb(spec.server_id)
    await driver.forget_aside(spec.server_id)


async def test_a_guest_goes_to_another_host_with_its_disk(bench: Bench, there: Any) -> None:
    here = await bench.driver()
    spec = await running(bench, here)
    await aside(here, spec.server_id)
    await carry(here, there, spec)
    await there.adopt(spec)
    await there.start(spec.server_id)
    await bench.booted(there, spec.server_id)
    if bench.real:
        words = await there.console_output(spec.server_id, None)
        assert "booted 2" in words, "its disk remembers the first boot"
    await here.forget_aside(spec.server_id)
    assert list(await here.asides()) == [] and await here.list() == []


async def test_the_image_need_not_be_there_any_more(bench: Bench, there: Any) -> None:
    here = await bench.driver()
    spec = await running(bench, here)
    await aside(here, spec.server_id)
    await carry(here, there, spec, image=None)
    await there.start(spec.server_id)
    await bench.booted(there, spec.server_id)
    await here.forget_aside(spec.server_id)


async def test_a_guest_becomes_larger_where_it_is_and_smaller_again(bench: Bench) -> None:
    driver = await bench.driver()
    spec = await running(bench, driver)
    await aside(driver, spec.server_id)
    larger = await carry(driver, driver, spec, vcpus=2, ram_mib=64, root_gib=1, ephemerals=[Ephemeral(1)])
    await driver.start(larger.server_id)
    await bench.booted(driver, spec.server_id)
    if bench.real:
        from wolke.compute.drivers.qemu.definition import load
        from wolke.compute.drivers.qemu.home import Home

        found = load(Home.of(spec.server_id, bench.folder / "guests", bench.run_dir))
        assert found is not None and (found.disks.root, found.spec.vcpus) == (1 << 30, 2)
    await driver.destroy(spec.server_id)
    assert list(await driver.asides()) == [spec.server_id], "what it was survives what it became"
    await driver.take_back(spec.server_id)
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id, 2)


async def test_a_guest_without_a_disk_of_its_own_goes_to_another_host(bench: Bench, there: Any, tmp_path: Path) -> None:
    driver = await bench.driver()
    root = Volume(str(uuid.uuid4()), 1, (Layer(str(trial.image(tmp_path / "root")), "raw"),), root=True)
    spec = bench.spec(image=None, volumes=[root])
    await driver.create(spec)
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id)
    await aside(driver, spec.server_id)
    await carry(driver, there, spec, vcpus=2)
    await there.start(spec.server_id)
    await bench.booted(there, spec.server_id)
    await driver.forget_aside(spec.server_id)


async def test_destroying_takes_away_what_has_half_come(bench: Bench) -> None:
    driver, spec = await bench.driver(), bench.spec()
    folder = await driver.incoming(spec.server_id)
    (folder / "disk.part").write_text("half")
    await driver.destroy(spec.server_id)

    async def gone() -> bool:
        return not folder.exists()

    await eventually(gone)
