from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.hypervisors import Bench
from wolke.compute.drivers import DRIVERS


@pytest.fixture(params=sorted(DRIVERS))
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    if request.param == "qemu" and not (shutil.which("qemu-system-x86_64") and shutil.which("qemu-img")):
        pytest.skip("QEMU is not installed")
    with tempfile.TemporaryDirectory(prefix="wolke-") as run_dir:
        bench = Bench(request.param, tmp_path / "state", Path(run_dir))
        try:
            yield bench
        finally:
            last = await bench.driver()
            for guest in await last.list():
                await last.destroy(guest.server_id)
            for driver in bench.drivers:
                await driver.close()
        assert bench.remains() == []
