"""Keeping one dnsmasq per network (or router): started, reloaded, replaced, adopted from a process that died, ended.

The name of its configuration file holds the digest of the text and stands on its command line, so /proc alone tells
which configuration runs, in which namespace. A process is signalled through a pidfd, after a look at who it is.
"""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import pwd
import select
import shutil
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wolke.network.drivers.base import DhcpHost
from wolke.network.drivers.linux.dnsmasq import Files, pruned_leases, survives_sighup
from wolke.network.drivers.linux.namespaces import run

STOP_TIMEOUT_S = 2.0
_FLAG = "--conf-file="


@dataclass(frozen=True, slots=True)
class Running:
    pid: int
    configuration: str


def ensure(directory: Path, files: Files, hosts: Sequence[DhcpHost] = ()) -> None:
    """Exactly this configuration runs in the namespace this thread is in, and has read exactly these lists."""
    user = _user()
    _make(directory, user.pw_gid)
    text = _configuration(directory, files, user)
    path = directory / f"conf-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    gentle = survives_sighup(_read(directory / "hosts"))
    changed = [_write(directory / name, content, user.pw_gid) for name, content in files.lists.items()]
    leases = _read(directory / "leases")
    pruned = pruned_leases(leases, hosts)
    alive = find(directory)
    current = [process for process in alive if process.configuration == str(path) and _is_here(process.pid)]
    if len(alive) != 1 or current != alive or pruned != leases:
        _replace(directory, alive, path, text, user.pw_gid, pruned)
    elif any(changed) and gentle:
        _signal(current[0], signal.SIGHUP)
    elif any(changed) or _read(directory / "read") != _lists_digest(files, current[0].pid):
        _replace(directory, alive, path, text, user.pw_gid, pruned)
    else:
        return
    _write(directory / "read", _lists_digest(files, find(directory)[0].pid), user.pw_gid)


def remove(directory: Path) -> None:
    """No process and no file of it is left. The directory is there before the process and goes after it."""
    if not directory.exists():
        return
    for process in find(directory):
        _stop(process)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(directory)


def remove_all(root: Path) -> None:
    for process in _scan(f"{_FLAG}{root}/"):
        _stop(process)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(root)


def find(directory: Path) -> list[Running]:
    """Those that serve from this directory: by the pid file, and by looking at every process if that says nothing."""
    prefix = f"{_FLAG}{directory}/conf-"
    text = _read(directory / "pid").strip()
    process = _process(int(text), prefix) if text.isdigit() else None
    return [process] if process else _scan(prefix)


def _replace(directory: Path, alive: Sequence[Running], path: Path, text: str, group: int, leases: str) -> None:
    for process in alive:
        _stop(process)
    for old in directory.glob("conf-*"):
        if old != path:
            old.unlink(missing_ok=True)
    _write(path, text, group)
    _write(directory / "leases", leases, group)
    run(["dnsmasq", f"{_FLAG}{path}"])


def _configuration(directory: Path, files: Files, user: pwd.struct_passwd) -> str:
    lists = {"hosts": "dhcp-hostsfile", "options": "dhcp-optsfile", "names": "addn-hosts"}
    lines = [
        # It binds to the device, not the name: with a new device of the same name, it must be a new process as well.
        *(f"interface={name}\n# number {socket.if_nametoindex(name)}" for name in files.interfaces),
        *files.configuration,
        f"user={user.pw_name}",
        f"group={grp.getgrgid(user.pw_gid).gr_name}",
        f"pid-file={directory}/pid",
        f"dhcp-leasefile={directory}/leases",
        f"log-facility={directory}/log",
        *(f"{lists[name]}={directory}/{name}" for name in files.lists),
    ]
    return "\n".join(lines) + "\n"


def _user() -> pwd.struct_passwd:
    """Whoever is meant for it on this system."""
    for name in ("dnsmasq", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return pwd.getpwuid(os.getuid())


def _make(directory: Path, group: int) -> None:
    """Nobody but root and dnsmasq needs to know who has which address."""
    if not directory.is_dir():
        directory.mkdir(mode=0o750, parents=True)
        os.chown(directory, -1, group)


def _write(path: Path, text: str, group: int) -> bool:
    """Whole or not at all; True if it was different before."""
    if path.exists() and _read(path) == text:
        return False
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    draft.chmod(0o640)
    os.chown(draft, -1, group)
    draft.replace(path)
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _lists_digest(files: Files, pid: int) -> str:
    return hashlib.sha256(repr((sorted(files.lists.items()), pid, _started(pid))).encode()).hexdigest()


def _scan(prefix: str) -> list[Running]:
    pids = sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [process for pid in pids if (process := _process(pid, prefix))]


def _process(pid: int, prefix: str) -> Running | None:
    """That process, if it is a dnsmasq with such a configuration (a dead one has no command line)."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    if not words[0].endswith("dnsmasq"):
        return None
    flags = [word for word in words if word.startswith(prefix)]
    return Running(pid, flags[0].removeprefix(_FLAG)) if flags else None


def _is_here(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino == Path("/proc/thread-self/ns/net").stat().st_ino
    except OSError:
        return False


def _started(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _signal(process: Running, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(process.pid)
        try:
            if _process(process.pid, _FLAG + process.configuration):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _stop(process: Running) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(process.pid)
            try:
                _signal(process, number)
                if select.select([handle], [], [], STOP_TIMEOUT_S)[0]:
                    return
            finally:
                os.close(handle)
