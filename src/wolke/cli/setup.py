"""What `wolke setup` does to a host beyond installing programs: load the kernel's modules that the cloud uses.

It is little, and on purpose. Servers run under numeric user ids that need no entry in /etc/passwd; forwarding and every
other switch is set inside the networks' own namespaces, so no sysctl of the host is changed, only looked at. Programs
are the bootstrap's work (`./wolke`), since this command cannot run before they are there.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wolke.cli import packages


@dataclass(frozen=True)
class Module:
    """A kernel module, a path that is there when its work can be done, and what that work is."""

    name: str
    evidence: str
    purpose: str


MODULES = (
    Module("tun", "/dev/net/tun", "taps connect servers to networks"),
    Module("bridge", "/sys/module/bridge", "a network is a bridge"),
    Module("br_netfilter", "/proc/sys/net/bridge", "security groups within a network"),
    Module("nf_tables", "/sys/module/nf_tables", "security groups, NAT, floating IPs"),
    Module("nf_conntrack", "/proc/sys/net/netfilter/nf_conntrack_max", "security groups are stateful"),
    Module("kvm_intel", "/dev/kvm", "servers at hardware speed, on Intel's processors"),
    Module("kvm_amd", "/dev/kvm", "servers at hardware speed, on AMD's processors"),
    Module("vhost_net", "/dev/vhost-net", "network packets without a detour through QEMU"),
)

_CONNECTIONS_FEW = 16384


@dataclass(frozen=True)
class Host:
    """The machine as this command sees it; a test hands in another."""

    root: bool
    exists: Callable[[str], bool]
    read: Callable[[str], str]
    load: Callable[[str], bool]


def _load(name: str) -> bool:
    """True if modprobe loaded it; a kernel without modules, or without this one, is no error here."""
    try:
        env = {**os.environ, "PATH": packages.SEARCH}
        return subprocess.run(["modprobe", "-q", name], capture_output=True, check=False, env=env).returncode == 0
    except OSError:
        return False


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def this_host() -> Host:
    return Host(os.geteuid() == 0, lambda path: Path(path).exists(), _read, _load)


def run(*, check: bool = False, host: Host | None = None) -> int:
    """Prepare the host, or with `check` only say what would be done. 0 if nothing stands in the cloud's way."""
    asked = host or this_host()
    wanting = [module for module in MODULES if not asked.exists(module.evidence)]
    if wanting and not check and not asked.root:
        print("wolke: loading kernel modules needs root: run `sudo wolke setup`.", file=sys.stderr)
        return 1
    for module in MODULES:
        print(f"{module.name:<14} {_treat(module, asked, check):<28} {module.purpose}")
    for line in _advice(asked):
        print(line)
    return 0


def _treat(module: Module, host: Host, check: bool) -> str:
    if host.exists(module.evidence):
        return "is there"
    if check:
        return "would be loaded if it exists"
    if host.load(module.name) and host.exists(module.evidence):
        return "loaded"
    return "no such module, or built in"


def _advice(host: Host) -> list[str]:
    """Settings of the host that limit a cloud. They are the owner's, so they are named and not changed."""
    connections = host.read("/proc/sys/net/netfilter/nf_conntrack_max")
    if connections.isdigit() and 0 < int(connections) < _CONNECTIONS_FEW:
        return [f"net.netfilter.nf_conntrack_max is {connections}: busy servers may need more connections than that."]
    return []
