"""What `wolke doctor` finds: is this machine fit for a cloud, and where it is not, what that means and what mends it.

A check is a function from the host to findings, and `CHECKS` is the list of them. Everything that a check wants to know
it asks the `Host` it is given, which tries rather than looks up where that can be done without a trace: a device file
that is there proves nothing. Tests hand in a host with other answers.
"""

import fcntl
import json
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from wolke.cli import packages
from wolke.compute.drivers.qemu import kvm

Level = Literal["ok", "note", "warning", "problem"]

PORT = 8765
_MARKS: dict[Level, str] = {"ok": "✓", "note": "·", "warning": "!", "problem": "✗"}
_GIB = 1 << 30
_QEMU_OLDEST = (6, 0)
_KERNEL_OLDEST = (5, 10)
_FILES_ENOUGH = 4096
_FICLONE = 0x40049409
_TRIAL = """
nft add table inet wolke_trial && echo nft
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] && echo bridge
ip link add name wolke-trial type bridge && echo ip
ip tuntap add dev wolke-tap mode tap && echo tap
[ -d /proc/sys/net/ipv6 ] && echo ipv6
echo namespace
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the machine: in short, what it means for the cloud, and what to do (empty if nothing is)."""

    name: str
    level: Level
    summary: str
    meaning: str = ""
    remedy: str = ""


def _run(command: Sequence[str]) -> str | None:
    """The output of a program; nothing if it cannot be run or fails."""
    try:
        env = {**os.environ, "PATH": packages.SEARCH, "LC_ALL": "C"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, env=env)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None


def _port_is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _network_trial() -> frozenset[str]:
    """What works in a network namespace made for the purpose, which is gone with everything in it afterwards."""
    return frozenset((_run(["unshare", "--net", "sh", "-c", _TRIAL]) or "").split())


def _folder_trial(folder: Path) -> frozenset[str]:
    """What the file system under a folder can do: sparse files, direct I/O, copies that share blocks."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    can = set()
    try:
        with tempfile.TemporaryFile(dir=there) as one, tempfile.TemporaryFile(dir=there) as two:
            can.add("write")
            one.truncate(1 << 20)
            if os.fstat(one.fileno()).st_blocks < 8:
                can.add("sparse")
            if _accepts(lambda: fcntl.ioctl(two.fileno(), _FICLONE, one.fileno())):
                can.add("reflink")
            flags = fcntl.fcntl(one.fileno(), fcntl.F_GETFL)
            if _accepts(lambda: fcntl.fcntl(one.fileno(), fcntl.F_SETFL, flags | os.O_DIRECT)):
                can.add("direct")
    except OSError:
        pass
    return frozenset(can)


def _accepts(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _free_bytes(folder: Path) -> int:
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    return shutil.disk_usage(there).free


@dataclass(frozen=True)
class Host:
    """Where the checks ask. Each member is the real machine's answer unless a test puts another in its place."""

    state_dir: Path
    python: tuple[int, ...] = tuple(sys.version_info[:3])
    kernel: str = field(default_factory=platform.release)
    machine: str = field(default_factory=platform.machine)
    root: bool = field(default_factory=lambda: os.geteuid() == 0)
    year: int = field(default_factory=lambda: time.gmtime().tm_year)
    open_files: int = field(default_factory=lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    has: Callable[[str], bool] = packages.present
    run: Callable[[Sequence[str]], str | None] = _run
    read: Callable[[str], str | None] = _read
    kvm: Callable[[], tuple[bool, str]] = kvm.usable
    network: Callable[[], frozenset[str]] = _network_trial
    folder: Callable[[Path], frozenset[str]] = _folder_trial
    free_bytes: Callable[[Path], int] = _free_bytes
    port_is_free: Callable[[int], bool] = _port_is_free


def _number(text: str | None) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", text or "")
    return (int(found[1]), int(found[2])) if found else ()


def _python(host: Host) -> Iterator[Finding]:
    version = ".".join(map(str, host.python))
    if host.python >= (3, 11):
        yield Finding("python", "ok", f"Python {version}")
    else:
        yield Finding("python", "problem", f"Python {version} is too old", "Wolke needs 3.11.", "Install python3.11.")


def _system(host: Host) -> Iterator[Finding]:
    if host.machine != "x86_64":
        meaning = "Guests of x86-64 run here emulated only, and the demo's guest image cannot be built."
        yield Finding("machine", "warning", f"this is a {host.machine} machine", meaning, "Use an x86-64 host.")
    if _number(host.kernel) >= _KERNEL_OLDEST:
        yield Finding("kernel", "ok", f"Linux {host.kernel}")
    else:
        meaning = "Network namespaces and nftables are tried with 5.10 and newer."
        yield Finding("kernel", "warning", f"Linux {host.kernel} is old", meaning, "Upgrade the distribution's kernel.")


def _programs(host: Host) -> Iterator[Finding]:
    lacking = packages.missing(("up", "image", "demo"), host.has)
    for program in lacking:
        level: Level = "problem" if "up" in program.needed_for else "warning"
        install = f"apt-get install --no-install-recommends {program.package}"
        meaning = (
            f"It {program.purpose}." if level == "problem" else f"Only `wolke demo` needs it: it {program.purpose}."
        )
        yield Finding(f"program {program.name}", level, f"{program.name} is missing", meaning, install)
    if not lacking:
        yield Finding("programs", "ok", "every program that servers, networks and the demo need is there")


def _versions(host: Host) -> Iterator[Finding]:
    qemu = host.run(["qemu-system-x86_64", "--version"])
    if qemu is not None and _number(qemu) < _QEMU_OLDEST:
        meaning = "Commands that Wolke gives to a running server are missing in it."
        yield Finding("qemu", "problem", f"{qemu.splitlines()[0]} is too old", meaning, "Install QEMU 6.0 or newer.")
    for name, command in (("qemu", "qemu-system-x86_64"), ("nft", "nft"), ("dnsmasq", "dnsmasq"), ("ip", "ip")):
        option = "-V" if name == "ip" else "--version"
        said = host.run([command, option])
        if said and not (name == "qemu" and _number(said) < _QEMU_OLDEST):
            yield Finding(name, "ok", said.splitlines()[0].strip())


def _kvm(host: Host) -> Iterator[Finding]:
    works, reason = host.kvm()
    if works:
        yield Finding("kvm", "ok", f"KVM works: {reason}")
        return
    meaning = "TCG is used: servers run emulated, some ten times slower, and otherwise the same."
    remedy = "Enable virtualisation in the firmware or, in a virtual machine, nested virtualisation."
    if "may not be opened" in reason:
        remedy = "Add the user to the group kvm, or run Wolke as root."
    yield Finding("kvm", "note", f"KVM is not used: {reason}", meaning, remedy)


def _network(host: Host) -> Iterator[Finding]:
    if not host.root:
        meaning = (
            "Networks need root. QEMU's user-mode networking is used instead: servers reach out, and ssh comes in by a "
            "forwarded port, but there are no networks between servers, floating IPs or security groups."
        )
        yield Finding("root", "warning", "not running as root", meaning, "Run as root for real networks.")
        return
    can = host.network()
    if "namespace" not in can:
        meaning = "The real dataplane is not possible; user-mode networking is the fallback."
        remedy = "In a container, start it with CAP_SYS_ADMIN and CAP_NET_ADMIN (docker: --privileged)."
        yield Finding("namespaces", "problem", "network namespaces are not permitted", meaning, remedy)
        return
    yield Finding("namespaces", "ok", "root, and network namespaces can be made")
    for ability, finding in _NETWORK_NEEDS.items():
        if ability not in can:
            yield finding
    if can.issuperset(_NETWORK_NEEDS):
        yield Finding("network", "ok", "bridges, taps, nftables and filtering on bridges work (tried)")


_NETWORK_NEEDS = {
    "nft": Finding(
        "nftables",
        "problem",
        "nft cannot make a table",
        "Security groups, NAT and floating IPs need nftables.",
        "modprobe nf_tables, or use a kernel with CONFIG_NF_TABLES.",
    ),
    "ip": Finding(
        "bridge",
        "problem",
        "a bridge cannot be made",
        "Every network is a bridge.",
        "modprobe bridge, or use a kernel with CONFIG_BRIDGE.",
    ),
    "tap": Finding(
        "tun",
        "problem",
        "a tap device cannot be made",
        "Servers are connected by taps.",
        "modprobe tun; in a container, pass /dev/net/tun in.",
    ),
    "bridge": Finding(
        "br_netfilter",
        "problem",
        "bridged packets cannot be filtered",
        "Security groups would not see traffic within one network.",
        "Run `wolke setup`, or modprobe br_netfilter.",
    ),
    "ipv6": Finding(
        "ipv6",
        "note",
        "this kernel has no IPv6",
        "IPv6 subnets will not carry packets; IPv4 is not touched.",
        "Boot without ipv6.disable=1.",
    ),
}


def _memory(host: Host) -> Iterator[Finding]:
    lines = (host.read("/proc/meminfo") or "").splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines if len(line.split()) > 1}
    free = sizes.get("MemAvailable", 0)
    text = f"{free / _GIB:.1f} GiB of memory available"
    if free < _GIB:
        yield Finding("memory", "warning", text, "One small server beside the cloud itself is the most.", "Free some.")
    else:
        yield Finding("memory", "ok", text)
    if not sizes.get("SwapTotal", 0):
        meaning = "Servers together must fit in memory: when it is used up, the kernel ends one of them."
        yield Finding("swap", "note", "there is no swap", meaning, "Keep reserved memory for the host, or add swap.")


def _disk(host: Host) -> Iterator[Finding]:
    free = host.free_bytes(host.state_dir)
    can = host.folder(host.state_dir)
    where = f"the file system of {host.state_dir}"
    if "write" not in can:
        remedy = "Choose another with --state or WOLKE_STATE."
        yield Finding("state", "problem", f"{where} cannot be written", "The cloud has nowhere to keep things.", remedy)
        return
    level: Level = "ok" if free >= 5 * _GIB else "warning" if free >= _GIB else "problem"
    meaning = "" if level == "ok" else "Images and servers' disks will not fit for long."
    remedy = "" if level == "ok" else "Free some space, or choose another place with --state."
    yield Finding("disk", level, f"{free / _GIB:.1f} GiB free on {where}", meaning, remedy)
    if "sparse" not in can:
        meaning = "A server's disk takes its whole size at once."
        yield Finding("sparse files", "warning", f"{where} has no sparse files", meaning, "Use ext4, xfs or btrfs.")
    if "direct" not in can:
        meaning = "Servers' disks are cached twice, by the host and by the guest."
        yield Finding("direct I/O", "note", f"{where} has no direct I/O", meaning, "Use ext4, xfs or btrfs.")
    if "reflink" not in can:
        meaning = "Copies of images take time and space; nothing else changes."
        yield Finding("reflink", "note", f"{where} cannot share blocks between files", meaning, "xfs or btrfs can.")


def _limits(host: Host) -> Iterator[Finding]:
    if 0 <= host.open_files < _FILES_ENOUGH:
        meaning = "A cloud of many servers runs out of file descriptors."
        yield Finding("open files", "warning", f"at most {host.open_files} open files", meaning, "ulimit -n 65536")
    if host.year < 2024:
        meaning = "Tokens and certificates would be expired or not yet valid."
        yield Finding("clock", "problem", f"the clock says {host.year}", meaning, "Set the clock; run an NTP client.")
    entropy = int(host.read("/proc/sys/kernel/random/entropy_avail") or 0)
    if entropy < 128:
        meaning = "Making keys may wait for the kernel to gather randomness."
        yield Finding("entropy", "warning", f"only {entropy} bits of entropy", meaning, "Add a virtio-rng device.")
    taken = [port for port in (PORT, PORT + 1) if not host.port_is_free(port)]
    if taken:
        meaning = (
            "If that is a cloud of yours (the second is its object store's), all is well; a second one needs others."
        )
        what = " and ".join(f"port {port}" for port in taken) + (" are in use" if len(taken) > 1 else " is in use")
        yield Finding("port", "note", what, meaning, "wolke up --listen 127.0.0.1:PORT --object-store 127.0.0.1:PORT")


def _confinement(host: Host) -> Iterator[Finding]:
    active = (host.read("/sys/kernel/security/lsm") or "").strip().split(",")
    if "selinux" in active and (host.read("/sys/fs/selinux/enforce") or "0").strip() == "1":
        meaning = "Its policy may keep QEMU from files below the state directory."
        remedy = "Look for denials with `ausearch -m avc` if a server fails to start."
        yield Finding("selinux", "note", "SELinux is enforcing", meaning, remedy)
    elif "apparmor" in active:
        meaning = "Profiles for dnsmasq, where there are any, may keep it from the state directory."
        yield Finding("apparmor", "note", "AppArmor is active", meaning, "`aa-status` and the kernel's log tell.")


CHECKS: tuple[Callable[[Host], Iterator[Finding]], ...] = (
    _python,
    _system,
    _programs,
    _versions,
    _kvm,
    _network,
    _memory,
    _disk,
    _limits,
    _confinement,
)


def examine(state_dir: Path, host: Host | None = None) -> list[Finding]:
    """Everything found out about this machine, in the order of the table. Changes nothing."""
    asked = host or Host(state_dir)
    return [finding for check in CHECKS for finding in check(asked)]


def exit_code(findings: Sequence[Finding]) -> int:
    return int(any(finding.level == "problem" for finding in findings))


def render(findings: Sequence[Finding], *, as_json: bool = False) -> str:
    """The findings for people or for programs."""
    if as_json:
        return json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False)
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.level]} {finding.summary}")
        lines += [f"    {text}" for text in (finding.meaning, finding.remedy and f"→ {finding.remedy}") if text]
    problems = sum(finding.level == "problem" for finding in findings)
    plural = "" if problems == 1 else "s"
    lines += ["", f"{problems} problem{plural} to mend." if problems else "This machine is fit for a cloud."]
    return "\n".join(lines)
