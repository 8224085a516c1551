"""What the simulated driver can do besides the contract: be slow, fail, and be fast."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest

from wolke.compute.drivers.base import GuestSpec, Power
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.core.drivers import Failure


def spec() -> GuestSpec:
    return GuestSpec(str(uuid.uuid4()), "n", 1, 64, 1)


async def test_failures_come_in_the_order_they_were_asked_for() -> None:
    driver, wished = SimulatedDriver(failures={"create": [None, Failure("no"), ConnectionError("later")]}), spec()
    await driver.create(wished)
    with pytest.raises(Failure, match="no"):
        await driver.create(wished)
    with pytest.raises(ConnectionError):
        await driver.create(wished)
    await driver.create(wished)


@pytest.mark.parametrize(("rate", "fails"), [(0.0, False), (1.0, True)])
async def test_failures_come_at_a_rate(rate: float, fails: bool) -> None:
    driver = SimulatedDriver(failures={"create": rate})
    try:
        await driver.create(spec())
        assert not fails
    except Failure:
        assert fails


async def test_a_verb_can_be_slow() -> None:
    driver = SimulatedDriver(delays={"create": 0.02})
    began = time.monotonic()
    await driver.create(spec())
    assert time.monotonic() - began >= 0.02


async def test_without_a_directory_it_forgets_and_with_one_it_remembers(tmp_path: Path) -> None:
    for folder, remembered in ((None, 0), (tmp_path, 1)):
        first = SimulatedDriver(folder)
        await first.prepare()
        await first.create(spec())
        second = SimulatedDriver(folder)
        await second.prepare()
        assert len(await second.list()) == remembered


async def test_a_thousand_servers_are_nothing() -> None:
    driver = SimulatedDriver()
    began = time.process_time()
    for _ in range(1000):
        await driver.create(wished := spec())
        await driver.start(wished.server_id)
    assert time.process_time() - began < 1
    assert {guest.power for guest in await driver.list()} == {Power.RUNNING}
