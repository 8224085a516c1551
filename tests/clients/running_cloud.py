"""A whole cloud in a process and a network of its own: what it makes on the wire, nobody else on this machine sees."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wolke.network.drivers.linux.names import derived_tag

T = TypeVar("T")
BIN = Path(sys.executable).parent
LIMIT_S = 180.0
_CLONE_NEWNET = 0x40000000
SSH = ("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
        "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=5",
        "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4")  # fmt: skip


def eventually(look: Callable[[], T], what: str, limit_s: float = LIMIT_S, pause_s: float = 0.2) -> T:
    """What ``look`` finds, once it is true."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}"
        time.sleep(pause_s)
    return found


class NetworkNamespace:
    """Named, so that it outlives every process in it; entered by one thread, and what that thread starts stays inside."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._path = Path("/run/netns") / name

    def make(self) -> None:
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], check=True)

    @contextmanager
    def inside(self) -> Iterator[None]:
        with open("/proc/thread-self/ns/net") as before, self._path.open() as here:
            _enter(here.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@dataclass
class RunningCloud:
    """``wolke up`` on a state directory; started, stopped and killed by the tests, which are inside its network."""

    state: Path
    listen: str = "127.0.0.1:8765"
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.listen}"

    @property
    def tag(self) -> str:
        return derived_tag(self.state / "host" / "network")

    @property
    def log(self) -> Path:
        return self.state.parent / f"{self.state.name}.log"

    def environment(self, cloud: str = "wolke") -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "SSH_", "WOLKE_"))}
        return kept | {
            "OS_CLIENT_CONFIG_FILE": str(self.state / "clouds.yaml"),
            "OS_CLOUD": cloud,
            "PYTHONWARNINGS": "ignore",
        }

    def wolke(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wolke", *words, "--state", str(self.state)]
        return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env=self.environment(), **more)

    def start(self, **environment: str) -> None:
        command = [sys.executable, "-m", "wolke", "up", "--state", str(self.state), "--listen", self.listen]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=self.environment() | environment, start_new_session=True,
            )  # fmt: skip
        eventually(self._ready, "the cloud is up", 60, 0.05)

    def _ready(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return bool(json.loads((self.state / "wolke.lock").read_text().strip() or "{}").get("ready")) and (
                str(self.process.pid) in (self.state / "wolke.lock").read_text()
            )
        except (OSError, ValueError):
            return False

    def down(self) -> None:
        answer = self.wolke("down")
        assert answer.returncode == 0, answer.stderr
        assert self.process is not None
        assert self.process.wait(30) == 0, self.log.read_text()[-3000:]

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def end(self) -> None:
        """However the tests left it."""
        if self.process is not None and self.process.poll() is not None:
            self.start()
        self.down()

    # -- its clients

    def openstack(self, *words: str, cloud: str = "wolke") -> Any:
        """The stock command; what it answers in JSON."""
        command = [str(BIN / "openstack"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env=self.environment(cloud))
        assert done.returncode == 0, f"openstack {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout) if "json" in words else done.stdout

    def connect(self, cloud: str = "wolke") -> Any:
        import openstack

        auth = json.loads((self.state / "clouds.yaml").read_text())["clouds"][cloud]["auth"]
        return openstack.connection.Connection(auth=auth, region_name="RegionOne")

    # -- its guests

    def ssh(self, key: Path, address: str, command: str, user: str = "wolke") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ssh", *SSH, "-i", str(key), f"{user}@{address}", command],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env=self.environment(),
        )  # fmt: skip

    def answer(self, key: Path, address: str, command: str = "true", user: str = "wolke") -> str:
        """What the guest says, as soon as it answers by ssh; 255 is ssh's own failure, anything else the command's."""
        done: list[subprocess.CompletedProcess[str]] = []

        def ask() -> bool:
            done[:] = [self.ssh(key, address, command, user)]
            return done[0].returncode != 255

        eventually(ask, f"ssh to {address} answers")
        assert done[0].returncode == 0, f"{command}: {done[0].stderr}{done[0].stdout}"
        return done[0].stdout

    # -- what it has on this machine

    def left(self) -> list[str]:
        """Processes, namespaces, links and tables of this cloud; nothing when it is down."""
        processes = [f"process {pid}: {line[:100]}" for pid, line in self._processes()]
        links = [link["ifname"] for link in json.loads(_out("ip", "-j", "link")) if link["ifname"] != "lo"]
        tables = [line for line in _out("nft", "list", "tables").splitlines() if line]
        return [*processes, *self._namespaces(), *links, *tables]

    def guests(self) -> list[int]:
        """The processes of QEMU."""
        return [pid for pid, line in self._processes() if "qemu-system" in line]

    def sweep(self) -> None:
        """After a test that failed: the next must not suffer from what this one left."""
        for pid, _ in self._processes():
            os.kill(pid, signal.SIGKILL)
        for name in self._namespaces():
            subprocess.run(["ip", "netns", "delete", name], check=False)

    def _processes(self) -> list[tuple[int, str]]:
        """Whoever holds a file of its state, which is all that QEMU has of it, or serves one of its networks."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
                held = f"/wolke-{self.tag}/" in line or _holds(folder, self.state)
            except OSError:
                continue  # it has ended
            if held:
                found.append((int(folder.name), line))
        return found

    def _namespaces(self) -> list[str]:
        return [name for name in os.listdir("/run/netns") if name.startswith(f"wk-{self.tag}-")]


def _holds(process: Path, state: Path) -> bool:
    return any(os.readlink(link).startswith(f"{state}/") for link in (process / "fd").iterdir())


def _out(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
