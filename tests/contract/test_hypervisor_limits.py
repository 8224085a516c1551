"""How fast real guests may read and write their volumes: QEMU keeps to it, from the first moment and over restarts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.contract.hypervisors import Bench
from tests.contract.test_hypervisor_volumes import MIB, ask, guest, volume
from wolke.core.drivers import Failure

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def qemu_bench(bench: Bench) -> Bench:
    if not bench.real:
        pytest.skip("nothing to look into")
    return bench


async def limits_of(driver: Any, server_id: str, name: str) -> dict[str, int]:
    found = await ask(driver, server_id, "query-block")
    (disk,) = [one for one in found if name in one["qdev"]]
    return {key: value for key, value in disk["inserted"].items() if key.startswith(("bps", "iops")) and value}


@pytest.mark.parametrize("bus", ["virtio", "scsi"])
async def test_limits_hold_when_plugged_in_and_from_each_start_on(qemu_bench: Bench, tmp_path: Path, bus: str) -> None:
    driver = await qemu_bench.driver()
    cold = volume(tmp_path, limits={"total_bytes_sec": "1000000", "total_bytes_sec_max": "2000000"})
    hot = volume(tmp_path, limits={"read_iops_sec": "100", "write_iops_sec": "50", "size_iops_sec": "4096", "x": "y"})
    free = volume(tmp_path)
    server_id = await guest(qemu_bench, driver, image_properties={"hw_disk_bus": bus}, volumes=[cold, free])
    await driver.attach_volume(server_id, hot)

    async def kept() -> None:
        wanted = {"bps": 1000000, "bps_max": 2000000, "bps_max_length": 1}
        assert await limits_of(driver, server_id, f"volume-{cold.volume_id}") == wanted
        wanted = {"iops_rd": 100, "iops_wr": 50, "iops_size": 4096}
        assert await limits_of(driver, server_id, f"volume-{hot.volume_id}") == wanted
        assert await limits_of(driver, server_id, f"volume-{free.volume_id}") == {}

    await kept()
    await driver.reboot(server_id, hard=True)
    await kept()
    await driver.destroy(server_id)


async def test_limits_that_cannot_be_kept_are_said_and_leave_nothing(qemu_bench: Bench, tmp_path: Path) -> None:
    driver = await qemu_bench.driver()
    server_id = await guest(qemu_bench, driver)
    for limits, why in (
        ({"total_iops_sec": "5", "read_iops_sec": "5"}, "exclude each other"),
        ({"read_bytes_sec": "many"}, "no whole number"),
        ({"read_bytes_sec": "10", "read_bytes_sec_max": "5"}, "a burst"),
        ({"size_iops_sec": "4096"}, "needs a limit"),
    ):
        with pytest.raises(Failure, match=why):
            await driver.attach_volume(server_id, volume(tmp_path, limits=limits))
    names = [one["name"] for one in await ask(driver, server_id, "qom-list", {"path": "/machine/peripheral"})]
    assert not [name for name in names if name.startswith("volume-")]
    await driver.destroy(server_id)


async def test_the_rate_is_held_within_a_tenth(qemu_bench: Bench, tmp_path: Path) -> None:
    """Read through the disk that the guest has, as it would."""
    driver = await qemu_bench.driver()
    rate = 8 * MIB
    one = volume(tmp_path, limits={"total_bytes_sec": str(rate)})
    server_id = await guest(qemu_bench, driver, volumes=[one])

    disk = f"/machine/peripheral/volume-{one.volume_id}/virtio-backend"

    async def read(times: int) -> float:
        began = time.monotonic()
        for at in range(times):
            line = f'qemu-io -d {disk} "read {at % 16 * 512}k 512k"'
            await ask(driver, server_id, "human-monitor-command", {"command-line": line})
        return time.monotonic() - began

    await read(4)  # what it may take at once, after it has rested
    measured = 20 * 512 * 1024 / await read(20)
    assert 0.9 < measured / rate < 1.1
    await driver.destroy(server_id)
