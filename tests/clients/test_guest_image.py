"""The guest image, built and booted for real: emulated, with QEMU's own network and a config drive that carries a key."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from wolke.cli import packages
from wolke.cli.guest_image import KERNEL_ARGUMENTS, GuestImage, build
from wolke.compute.agent.iso9660 import image as iso9660

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(bool(packages.missing(["image", "demo"])), reason="the host lacks programs for guests"),
]

LIMIT_S = 180
PLACED = (
    '"files": [{"path": "/opt/new/one.txt", "content_path": "/content/0000"},'
    ' {"content_path": "/content/0001", "path": "two *"}]'
)
CONTENTS = {"openstack/content/0000": b"first\n", "openstack/content/0001": b"second {"}
SHOWN = "cat /opt/new/one.txt '/two *'"
INSTANCE = "3f0c1d0e-1111-4222-8333-444455556666"
MACHINE = ["-accel", "tcg", "-cpu", "max,erms=off,fsrm=off", "-m", "256", "-nodefaults", "-no-user-config"]


@dataclass
class Guest:
    key: Path
    port: int
    console: Path
    process: subprocess.Popen[bytes]
    monitor: Path

    def ssh(self, command: str, user: str = "root", *options: str) -> subprocess.CompletedProcess[str]:
        quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        limits = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-p", str(self.port), "-i", str(self.key)]
        return subprocess.run(
            ["ssh", "-F", "none", *quiet, *limits, *options, f"{user}@127.0.0.1", command],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": os.environ["PATH"]},
        )

    def says(self, text: str, times: int = 1) -> str:
        """The console's log, once it holds the text so many times."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            log = self.console.read_text(errors="replace") if self.console.exists() else ""
            if log.count(text) >= times:
                return log
            assert self.process.poll() is None, f"QEMU ended: {log}"
            time.sleep(0.1)
        raise AssertionError(f"the guest did not say {text!r}:\n{log}")

    def order(self, command: str) -> None:
        """One command to QEMU's monitor for people, and wait until it asks for the next."""
        with socket.socket(socket.AF_UNIX) as monitor, monitor.makefile("rwb", buffering=0) as stream:
            monitor.connect(str(self.monitor))
            for text in ("", f"{command}\n"):
                stream.write(text.encode())
                answer = b""
                while not answer.endswith(b"(qemu) "):
                    answer += monitor.recv(4096)


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _key(folder: Path, kind: str) -> str:
    key = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", 'a "quoted" name', "-f", str(folder / "key")]
    subprocess.run(key, check=True)
    return (folder / "key.pub").read_text()


def _config_drive(folder: Path, kind: str, device: list[str]) -> list[str]:
    """QEMU's arguments for a drive with a key of that kind and a script to run."""
    public = _key(folder, kind).replace('"', '\\"').replace("\n", "\\n")
    script = "#!/bin/sh\necho user data runs as $(id -un) on $(hostname)\n"
    metadata = f'{{"uuid":"{INSTANCE}","hostname":"web-1.example","public_keys":{{"me":"{public}"}},{PLACED}}}'
    files = {"openstack/latest/meta_data.json": metadata.encode(), "openstack/latest/user_data": script.encode()}
    (folder / "config").write_bytes(iso9660(files | CONTENTS))
    return ["-drive", f"if=none,id=config,format=raw,readonly=on,file={folder / 'config'}", *device]


def _start(folder: Path, arguments: list[str], network: str = "") -> Iterator[Guest]:
    port = _free_port()
    nic = f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22{network}"
    outside = ["-display", "none", "-serial", f"file:{folder / 'console'}", "-device", "virtio-rng-pci"]
    monitor = ["-monitor", f"unix:{folder / 'monitor'},server=on,wait=off"]
    wire = ["-netdev", nic, "-device", "virtio-net-pci,netdev=net,romfile="]
    command = ["qemu-system-x86_64", *MACHINE, *outside, *monitor, *arguments, *wire]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield Guest(folder / "key", port, folder / "console", process, folder / "monitor")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def disk_guest(guest_image: GuestImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("disk")
    backing = ["-b", str(guest_image.disk_qcow2), "-F", "qcow2"]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(folder / "root"), "1G"], check=True)
    disk = ["-drive", f"if=none,id=root,format=qcow2,file={folder / 'root'}"]
    image = [*disk, "-device", "virtio-blk-pci,drive=root,bootindex=0", "-vga", "std", "-smp", "2"]
    # The drive before the disk: the guest must find its root whatever the kernel calls it.
    yield from _start(folder, [*_config_drive(folder, "ed25519", ["-device", "virtio-blk-pci,drive=config"]), *image])


@pytest.fixture(scope="module")
def ram_guest(guest_image: GuestImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Direct boot, on the newer machine, with the config drive as a CD on SCSI and a key of another kind."""
    folder = tmp_path_factory.mktemp("ram")
    drive = _config_drive(folder, "ecdsa", ["-device", "virtio-scsi-pci", "-device", "scsi-cd,drive=config"])
    yield from _start(folder, ["-machine", "q35", *_direct(guest_image), *drive])


def _direct(image: GuestImage) -> list[str]:
    return ["-kernel", str(image.kernel), "-initrd", str(image.ramdisk), "-append", KERNEL_ARGUMENTS]


def test_the_disk_boots_and_says_hello_by_ssh(disk_guest: Guest) -> None:
    disk_guest.says("guest: ssh ready")
    answer = disk_guest.ssh("hello")
    assert "Hello from web-1!" in answer.stdout, answer.stderr
    assert "config drive" in answer.stdout
    assert disk_guest.ssh(SHOWN).stdout == "first\nsecond {"


def test_the_ordinary_user_logs_in_with_the_key_and_is_not_root(disk_guest: Guest) -> None:
    disk_guest.says("guest: ssh ready")
    assert disk_guest.ssh("id -un", "wolke").stdout == "wolke\n"


def test_a_password_is_never_taken_over_ssh(disk_guest: Guest) -> None:
    disk_guest.says("guest: ssh ready")
    refused = disk_guest.ssh("true", "wolke", "-o", "PubkeyAuthentication=no")
    assert refused.returncode == 255
    assert "(publickey)" in refused.stderr


def test_user_data_is_run_once_and_milestones_are_on_the_console(disk_guest: Guest) -> None:
    log = disk_guest.says("guest: done")
    assert "user-data: user data runs as root on web-1" in log
    assert "guest: dhcp eth0 10.0.2.15/24" in log
    assert "guest: metadata config drive" in log
    assert "guest: host key ssh-ed25519 " in log


def test_all_processors_work_and_what_is_plugged_in_later_is_seen_and_let_go(disk_guest: Guest) -> None:
    disk_guest.says("guest: done")
    assert disk_guest.ssh("nproc").stdout == "2\n"
    disk_guest.order("drive_add 0 if=none,id=late,file=null-co://,file.size=1048576,format=raw")
    disk_guest.order("device_add virtio-blk-pci,drive=late,id=late,serial=late")
    disk_guest.order("netdev_add user,id=more")
    disk_guest.order("device_add virtio-net-pci,netdev=more,id=card,mac=52:54:00:00:00:77")
    disk = "grep -ls late /sys/block/vd*/serial"
    seen = f"until {disk} && ip -4 addr show eth1 | grep inet; do usleep 100000; done; dd if=/dev/vdc of=/dev/null"
    answer = disk_guest.ssh(f"timeout 20 sh -c '{seen}'")
    assert "2048+0 records in" in answer.stderr, answer.stderr
    disk_guest.order("device_del late")
    disk_guest.order("device_del card")
    gone = f"while {disk} || test -e /sys/class/net/eth1; do usleep 100000; done"
    assert disk_guest.ssh(f"timeout 20 sh -c '{gone}'").returncode == 0


def test_files_and_host_key_outlive_a_reboot(disk_guest: Guest) -> None:
    before = disk_guest.says("guest: done")
    key = next(line for line in before.splitlines() if "guest: host key" in line)
    disk_guest.ssh("echo kept >/root/kept; sync; reboot")
    log = disk_guest.says("guest: done", times=2)
    assert disk_guest.ssh("cat /root/kept").stdout == "kept\n"
    assert log.count(key) == 2
    assert log.count("user data runs as") == 1


def test_the_power_button_ends_the_guest(disk_guest: Guest) -> None:
    disk_guest.says("guest: done")
    disk_guest.order("system_powerdown")
    disk_guest.says("guest: power button")
    assert disk_guest.process.wait(60) == 0


def test_direct_boot_says_hello_and_reads_a_cd(ram_guest: Guest) -> None:
    ram_guest.says("guest: ssh ready")
    answer = ram_guest.ssh("hello")
    assert "Hello from web-1!" in answer.stdout, answer.stderr
    assert "/dev/sr0" in answer.stdout


def test_a_second_build_returns_what_is_there(guest_image: GuestImage) -> None:
    began = time.monotonic()
    assert build(guest_image.disk_qcow2.parent, cache_dir=Path("/nowhere")) == guest_image
    assert time.monotonic() - began < 1


_SERVICE = """
import json, sys
path = sys.stdin.readline().split()[1]
while sys.stdin.readline().strip():
    pass
body = json.load(open(sys.argv[1])).get(path)
status = "404 Not Found" if body is None else "200 OK"
sys.stdout.write(f"HTTP/1.0 {status}\\r\\nContent-Length: {len(body or '')}\\r\\n\\r\\n{body or ''}")
"""


def _metadata_service(folder: Path, pages: dict[str, str]) -> str:
    """For QEMU's network: an address that starts a program for each connection, which answers one request."""
    (folder / "pages").write_text(json.dumps(pages))
    (folder / "service").write_text(_SERVICE)
    command = f"{sys.executable} -I -S {folder / 'service'} {folder / 'pages'}"
    return f",net=169.254.169.0/24,guestfwd=tcp:169.254.169.254:80-cmd:{command}"


def _openstack(key: str) -> dict[str, str]:
    metadata = f'{{\n  "uuid": "{INSTANCE}",\n  "hostname": "web-2.example",\n  "public_keys": {{"me": "{key}"}},\n  {PLACED}\n}}'
    contents = {f"/{path}": content.decode() for path, content in CONTENTS.items()}
    return contents | {
        "/openstack/latest/meta_data.json": metadata,
        "/openstack/latest/user_data": "#!/bin/sh\necho ran\n",
    }


def _ec2(key: str) -> dict[str, str]:
    pages = {"instance-id": "i-00000001", "hostname": "web-2.example", "public-keys/0/openssh-key": f"{key} me\n"}
    return {f"/latest/meta-data/{name}": page for name, page in pages.items()} | {"/latest/user-data": "no script"}


@pytest.mark.parametrize(
    ("style", "source"), [(_openstack, "http\n"), (_ec2, "http (ec2)\n")], ids=["openstack", "ec2"]
)
def test_metadata_comes_over_http_in_either_format(guest_image: GuestImage, tmp_path: Path, style, source: str) -> None:
    key = " ".join(_key(tmp_path, "rsa").split()[:2])
    running = _start(tmp_path, _direct(guest_image), _metadata_service(tmp_path, style(key)))
    guest = next(running)
    try:
        guest.says("guest: ssh ready")
        answer = guest.ssh("hello")
        assert f"metadata  {source}" in answer.stdout, answer.stderr
        assert "Hello from web-2!" in answer.stdout
        assert guest.ssh(SHOWN).stdout == ("first\nsecond {" if style is _openstack else "")
        expected = "user-data: ran" if style is _openstack else "user data is no script, ignored"
        assert expected in guest.says("guest: done")
    finally:
        running.close()
