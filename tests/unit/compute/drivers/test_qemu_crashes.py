"""Kill the control plane anywhere; a new one that is asked for the same must get there, and leave nothing behind.

A child process does a server's life and kills itself at its n-th system call of note (those that Python audits: files,
processes, sockets). Then a new driver looks at what is left.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

from wolke.compute.drivers.base import GuestSpec, Power
from wolke.compute.drivers.qemu import QemuConfig, QemuDriver, process, trial
from wolke.core import detached

pytestmark = pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="QEMU is not installed")

LIFE = """
import asyncio, os, signal, sys
from pathlib import Path
import qemu.qmp, concurrent.futures.thread, encodings.idna
from wolke.compute.drivers.base import GuestSpec
from wolke.compute.drivers.qemu import QemuConfig, QemuDriver

folder, run_dir, image, server_id, last = sys.argv[1:]
left = int(last)

def count(event, arguments):
    global left
    if event.startswith(("os.", "socket.", "fcntl.", "subprocess.", "shutil.")) or event == "open":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

async def life():
    driver = QemuDriver(Path(folder), config=QemuConfig(accelerator="tcg", run_dir=Path(run_dir)))
    await driver.prepare()
    sys.addaudithook(count)
    await driver.create(GuestSpec(server_id, "n", 1, 32, 0, image=Path(image), image_format="raw"))
    await driver.start(server_id)
    await driver.suspend(server_id)
    await driver.start(server_id)
    await driver.snapshot(server_id, Path(folder) / "snapshot", "qcow2")
    await driver.stop(server_id, 0)
    await driver.destroy(server_id)

asyncio.run(life())
"""


async def live_until(folder: Path, run_dir: Path, image: Path, server_id: str, last: int) -> bool:
    """Whether the child got killed at call number ``last``, rather than to the end."""
    argv = [sys.executable, "-c", LIFE, str(folder), str(run_dir), str(image), server_id, str(last)]
    child = await asyncio.create_subprocess_exec(*argv)
    code = await asyncio.wait_for(child.wait(), 30)
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.parametrize("last", [int(n) for n in os.environ.get("WOLKE_KILL_AT", "9 35 62 80 118 160 9999").split()])
async def test_whoever_comes_after_a_kill_gets_there(tmp_path: Path, last: int) -> None:
    server_id, state = str(uuid.uuid4()), tmp_path / "state"
    image = trial.image(tmp_path / "image.raw")
    with tempfile.TemporaryDirectory(prefix="wolke-") as name:
        run_dir = Path(name)
        assert await live_until(state, run_dir, image, server_id, last) == (last < 9999)
        driver = QemuDriver(state, config=QemuConfig(accelerator="tcg", run_dir=run_dir))
        await driver.prepare()
        home = driver._home(server_id)
        try:
            seen = [guest.server_id for guest in await driver.list()]
            assert seen in ([], [server_id])
            survivor = await asyncio.to_thread(process.find, home)
            await driver.create(GuestSpec(server_id, "n", 1, 32, 0, image=image, image_format="raw"))
            await driver.start(server_id)
            await driver.snapshot(server_id, state / "snapshot", "qcow2")
            guest = await driver.look(server_id)
            assert guest and guest.power is Power.RUNNING
            found = await asyncio.to_thread(process.find, home)
            assert found, "there is one, and no other that it was started beside"
            if survivor and survivor != found:
                assert detached._started(survivor.pid) != survivor.started
            assert home.run.stat().st_uid == os.geteuid()
        finally:
            await driver.destroy(server_id)
            await driver.close()
        left = [path for folder in (state, run_dir) for path in folder.rglob("*") if not path.is_dir()]
        assert left == [state / "snapshot"]
        assert not detached._search(f"\0-uuid\0{server_id}\0".encode())
