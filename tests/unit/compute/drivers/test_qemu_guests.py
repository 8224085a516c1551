"""What QEMU guests do and must not do beyond the contract, with real QEMU processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from wolke.compute.drivers.base import Ephemeral, GuestSpec, Nic, Power
from wolke.compute.drivers.qemu import QemuConfig, QemuDriver, process, trial
from wolke.core.drivers import Failure

pytestmark = pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="QEMU is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give guests users of their own")
needs_tap = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists() or not shutil.which("ip"), reason="needs root, tun and ip"
)


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[QemuDriver]:
    with tempfile.TemporaryDirectory(prefix="wolke-") as run_dir:
        config = QemuConfig(
            accelerator="tcg",
            run_dir=Path(run_dir),
            console_log_kib=64,
            console_trim_period_s=0.05,
            unplug_timeout_s=0.2,
            answer_timeout_s=1,
        )
        driver = QemuDriver(tmp_path / "state", config=config)
        await driver.prepare()
        try:
            yield driver
        finally:
            for guest in await driver.list():
                await driver.destroy(guest.server_id)
            await driver.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return trial.image(tmp_path / "image.raw")


def spec(image: Path | None, **changes: Any) -> GuestSpec:
    wishes = {"image": image, "image_format": "raw", "ram_mib": 32, "vcpus": 1, "root_gib": 0, "name": "guest"}
    return GuestSpec(server_id=str(uuid.uuid4()), **(wishes | changes))


async def running(driver: QemuDriver, wished: GuestSpec) -> str:
    await driver.create(wished)
    await driver.start(wished.server_id)
    return wished.server_id


async def eventually(condition: Callable[[], Awaitable[Any]], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.005)


async def says(driver: QemuDriver, server_id: str, words: str) -> None:
    async def said() -> bool:
        return words in await driver.console_output(server_id, None)

    await eventually(said)


def only_process(driver: QemuDriver, server_id: str) -> int:
    found = process.find(driver._home(server_id))
    assert found
    return found.pid


async def power(driver: QemuDriver, server_id: str) -> Power:
    guest = await driver.look(server_id)
    assert guest
    return guest.power


# ------------------------------------------------------------------------------------------------------------- power


async def test_a_guest_that_is_asked_shuts_itself_down(driver: QemuDriver, image: Path) -> None:
    server_id = await running(driver, spec(image))
    await says(driver, server_id, "booted")
    await driver.stop(server_id, 10)
    assert await power(driver, server_id) is Power.SHUTDOWN
    assert "bye" in await driver.console_output(server_id, None)


async def test_a_soft_reboot_lets_the_guest_shut_down_first(driver: QemuDriver, image: Path) -> None:
    server_id = await running(driver, spec(image))
    await says(driver, server_id, "booted 1")
    await driver.reboot(server_id, hard=False)
    await says(driver, server_id, "booted 2")
    assert "bye" in await driver.console_output(server_id, None)


async def test_a_guest_that_powers_itself_off_is_shut_down_not_crashed(driver: QemuDriver, tmp_path: Path) -> None:
    server_id = await running(driver, spec(trial.image(tmp_path / "leaves.raw", leaves=True)))
    pid = only_process(driver, server_id)

    async def off() -> bool:
        return await power(driver, server_id) is Power.SHUTDOWN

    await eventually(off)
    assert await power(driver, server_id) is Power.SHUTDOWN
    assert not process.alive(driver._home(server_id)), "its memory is given back"
    assert not Path(f"/proc/{pid}").exists()


async def test_a_suspended_guest_goes_on_where_it_was(driver: QemuDriver, image: Path) -> None:
    server_id = await running(driver, spec(image))
    await says(driver, server_id, "booted 1")
    await driver.suspend(server_id)
    before = await driver.console_output(server_id, None)
    await driver.start(server_id)
    await says(driver, server_id, before + ".")
    assert "booted 2" not in await driver.console_output(server_id, None)


async def test_saved_memory_that_cannot_be_read_fails_and_the_disk_is_kept(driver: QemuDriver, image: Path) -> None:
    server_id = await running(driver, spec(image))
    await says(driver, server_id, "booted 1")
    await driver.suspend(server_id)
    driver._home(server_id).file("memory").write_bytes(b"not what QEMU wrote")
    with pytest.raises(Failure, match="saved memory cannot be restored"):
        await driver.start(server_id)
    assert await power(driver, server_id) is Power.SUSPENDED
    await driver.reboot(server_id, hard=True)
    await says(driver, server_id, "booted 2")


async def test_a_guest_outlives_a_driver_and_a_stopped_one_does_not_answer(driver: QemuDriver, image: Path) -> None:
    server_id = await running(driver, spec(image))
    pid = only_process(driver, server_id)
    assert os.getsid(pid) == pid, "it is in a session of its own"
    os.kill(pid, signal.SIGSTOP)
    (guest,) = await asyncio.wait_for(driver.list(), 8)
    assert guest.power is Power.NOSTATE
    await driver.destroy(server_id)
    assert not Path(f"/proc/{pid}").exists()


async def test_destroy_does_not_wait_for_a_guest_that_takes_its_time(driver: QemuDriver) -> None:
    server_id = await running(driver, spec(None))  # nothing boots, so nothing hears the power button
    stopping = asyncio.create_task(driver.stop(server_id, 60))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await driver.destroy(server_id)
    assert time.monotonic() - began < 5
    await asyncio.wait_for(stopping, 5)
    assert await driver.look(server_id) is None


# ------------------------------------------------------------------------------------------------------------ images


def qcow2_header(**changes: int) -> bytes:
    fields = {"version": 3, "backing": 0, "bits": 16, "size": 1 << 20, "crypt": 0, "incompatible": 0} | changes
    head = struct.pack(
        ">4sIQIIQI",
        b"QFI\xfb",
        fields["version"],
        fields["backing"],
        8,
        fields["bits"],
        fields["size"],
        fields["crypt"],
    )
    return head.ljust(72, b"\0") + struct.pack(">Q", fields["incompatible"]) + bytes(1024)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (qcow2_header(backing=512), "backing file"),
        (qcow2_header(incompatible=4), "external data file"),
        (qcow2_header(crypt=1), "encrypted"),
        (qcow2_header(bits=63), "not a valid qcow2"),
        (qcow2_header(size=1 << 62), "not a valid qcow2"),
        (qcow2_header(version=3), "not a valid qcow2"),
        (b"QFI\xfb", "not a valid qcow2"),
        (b"\x7fELF" + bytes(4096), "not a valid qcow2"),
        (b"", "not a valid qcow2"),
    ],
)
async def test_a_hostile_image_is_refused(driver: QemuDriver, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "hostile").write_bytes(content)
    with pytest.raises(Failure, match=reason):
        await driver.create(spec(tmp_path / "hostile", image_format="qcow2"))
    assert await driver.list() == []


async def test_a_raw_image_that_looks_like_qcow2_stays_raw(driver: QemuDriver, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    sly = tmp_path / "sly"
    command = ["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", str(secret), str(sly), "1M"]
    subprocess.run(command, check=True)
    wished = spec(sly)
    await driver.create(wished)
    await driver.snapshot(wished.server_id, tmp_path / "copy", "raw")
    assert (tmp_path / "copy").read_bytes()[:4] == b"QFI\xfb"
    assert b"of the host" not in (tmp_path / "copy").read_bytes()


async def test_a_disk_whose_header_was_tampered_with_gives_no_host_file_away(
    driver: QemuDriver, image: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the host".ljust(1 << 20, b"\0"))
    wished = spec(image)
    await driver.create(wished)
    disk = driver._home(wished.server_id).file("disk")
    subprocess.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", str(secret), str(disk)], check=True)
    await driver.snapshot(wished.server_id, tmp_path / "copy", "raw")
    assert (tmp_path / "copy").read_bytes().startswith(trial.BOOT_SECTOR)


async def test_an_image_that_does_not_fit_the_flavor_is_refused_in_plain_words(
    driver: QemuDriver, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 2 << 30)
    with pytest.raises(Failure, match=r"the flavor's disk \(1 GiB\) is smaller than the image \(2 GiB\)"):
        await driver.create(spec(large, root_gib=1))


async def test_an_image_may_vanish_from_the_cache(driver: QemuDriver, image: Path) -> None:
    wished = spec(image, root_gib=1)
    await driver.create(wished)
    image.unlink()
    await driver.start(wished.server_id)
    await says(driver, wished.server_id, "booted 1")


async def test_more_memory_than_there_is_fails_in_plain_words(driver: QemuDriver, image: Path) -> None:
    wished = spec(image, ram_mib=1 << 30)
    await driver.create(wished)
    with pytest.raises(Failure, match="not enough free memory"):
        await driver.start(wished.server_id)


# --------------------------------------------------------------------------------------------------------- isolation


@needs_root
async def test_each_guest_runs_as_its_own_user_with_no_rights(driver: QemuDriver, image: Path) -> None:
    facts = []
    for _ in range(2):
        server_id = await running(driver, spec(image))
        lines = Path(f"/proc/{only_process(driver, server_id)}/status").read_text().splitlines()
        facts.append({name: value.strip() for name, _, value in (line.partition(":") for line in lines)})
    users = {fact["Uid"].split()[0] for fact in facts}
    assert len(users) == 2 and all(int(user) >= QemuConfig().uid_base for user in users)
    for fact in facts:
        assert fact["NoNewPrivs"] == "1" and fact["Seccomp"] == "2" and fact["Groups"] == ""
        assert all(int(fact[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))


async def test_no_file_of_a_guest_can_be_read_by_anybody_else(driver: QemuDriver, image: Path, tmp_path: Path) -> None:
    image.chmod(0o600)
    drive = tmp_path / "config.iso"
    drive.write_bytes(b"password".ljust(1024))
    server_id = await running(driver, spec(image, swap_mib=1, ephemerals=[Ephemeral(1)], config_drive=drive))
    home = driver._home(server_id)
    for folder in (home.root, home.run):
        status = folder.stat()
        assert stat.S_IMODE(status.st_mode) == 0o700 and status.st_uid == os.geteuid()
    assert all(stat.S_IMODE(file.stat().st_mode) & 0o077 == 0 for file in home.root.iterdir())


async def test_ephemeral_disks_begin_with_a_file_system_and_keep_what_is_written(
    driver: QemuDriver, image: Path
) -> None:
    wanted = spec(image, ephemerals=[Ephemeral(1), Ephemeral(2, "ext2"), Ephemeral(1, "")])
    server_id = await running(driver, wanted)
    home = driver._home(server_id)
    found = []
    for name in ("ephemeral", "ephemeral1", "ephemeral2"):
        argv = ["blkid", "-p", "-o", "value", "-s", "LABEL", "-s", "TYPE", home.file(name)]
        found.append(
            (home.file(name).stat().st_size >> 30, subprocess.run(argv, capture_output=True, text=True).stdout)
        )
    assert found == [(1, "ephemeral0\next4\n"), (2, "ephemeral1\next2\n"), (1, "")]
    assert home.file("ephemeral1").stat().st_blocks * 512 < 100 << 20, "it takes no room for what is not written"
    home.file("ephemeral1").write_bytes(b"mine")
    await driver.create(wanted)
    assert home.file("ephemeral1").read_bytes() == b"mine"


@needs_root
async def test_a_kernel_that_only_root_may_read_still_boots(driver: QemuDriver, tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    kernel.write_bytes(bytes(4096))
    kernel.chmod(0o600)
    wished = spec(None, kernel=kernel, kernel_arguments="a=b,c d")
    await driver.create(wished)
    await driver.start(wished.server_id)
    assert await power(driver, wished.server_id) is Power.RUNNING


async def test_a_guest_that_never_stops_talking_does_not_fill_the_disk(driver: QemuDriver, tmp_path: Path) -> None:
    server_id = await running(driver, spec(trial.image(tmp_path / "chatty.raw", chatty=True)))
    home = driver._home(server_id)

    async def trimmed() -> bool:
        return home.file("console.old").exists()

    await eventually(trimmed)
    words = await driver.console_output(server_id, None)
    assert 0 < len(words) <= 65 << 10
    assert await driver.console_output(server_id, 1)


# ---------------------------------------------------------------------------------------------------------- networks


async def test_a_port_of_the_host_is_forwarded_to_the_guest(driver: QemuDriver, image: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nic = Nic("port", "52:54:00:00:00:01", "user", options={"hostfwd": f"tcp:127.0.0.1:{port}-:22", "restrict": "on"})
    await running(driver, spec(image, nics=[nic]))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    other = spec(image, nics=[nic])
    await driver.create(other)
    with pytest.raises(Failure, match=r"host port .* is in use"):
        await driver.start(other.server_id)


@needs_tap
async def test_a_tap_in_another_namespace_is_opened_for_a_guest_without_rights(driver: QemuDriver, image: Path) -> None:
    netns, device = f"t{uuid.uuid4().hex[:8]}", "tap0"
    subprocess.run(["ip", "netns", "add", netns], check=True)
    try:
        for name in (device, "tap1"):
            subprocess.run(["ip", "-n", netns, "tuntap", "add", name, "mode", "tap", "vnet_hdr"], check=True)
        cards = [Nic(name, f"52:54:00:00:00:0{n}", "tap", name, netns) for n, name in enumerate((device, "tap1"))]
        server_id = await running(driver, spec(image, nics=cards[:1]))
        await driver.attach_nic(server_id, cards[1])
        shown = subprocess.run(["ip", "-n", netns, "link"], check=True, capture_output=True, text=True).stdout
        assert "tap0: <NO-CARRIER" not in shown and "tap1: <NO-CARRIER" not in shown
        with pytest.raises(OSError, match="no tap device tap9"):
            await driver.attach_nic(server_id, Nic("absent", "52:54:00:00:00:09", "tap", "tap9", netns))
        await driver.destroy(server_id)
    finally:
        subprocess.run(["ip", "netns", "delete", netns], check=True)


async def test_a_card_that_the_guest_does_not_let_go_of_is_trouble_that_passes(driver: QemuDriver, image: Path) -> None:
    server_id = await running(driver, spec(image, nics=[Nic("port", "52:54:00:00:00:01", "user")]))
    with pytest.raises(TimeoutError):
        await driver.detach_nic(server_id, "port")
    await driver.stop(server_id, 0)
    await driver.detach_nic(server_id, "port")
    await driver.start(server_id)


@pytest.mark.parametrize("properties", [{"hw_machine_type": "q35"}, {"hw_disk_bus": "scsi"}, {"hw_disk_bus": "ide"}])
async def test_the_machine_an_image_asks_for_boots(driver: QemuDriver, image: Path, properties: dict[str, str]) -> None:
    drive = image.with_name("config.iso")
    drive.write_bytes(bytes(2048))
    wished = spec(image, image_properties=properties, config_drive=drive, nics=[Nic("a", "52:54:00:00:00:01", "user")])
    server_id = await running(driver, wished)
    await says(driver, server_id, "booted 1")
    await driver.attach_nic(server_id, Nic("b", "52:54:00:00:00:02", "user"))
    await driver.suspend(server_id)
    await driver.start(server_id)
    assert await power(driver, server_id) is Power.RUNNING
