"""What doctor finds: on this machine, and on machines that lack one thing each."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wolke.cli.doctor import CHECKS, Finding, Host, examine, exit_code, render

EVERYTHING = frozenset({"nft", "bridge", "ip", "tap", "ipv6", "namespace"})
VERSIONS = {
    "qemu-system-x86_64": "QEMU emulator version 7.2.22 (Debian)\nCopyright",
    "nft": "nftables v1.0.6",
    "dnsmasq": "Dnsmasq version 2.90",
    "ip": "ip utility, iproute2-6.1.0",
}
FILES = {
    "/proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\nSwapTotal: 4000000 kB\n",
    "/proc/sys/kernel/random/entropy_avail": "256\n",
    "/sys/kernel/security/lsm": "capability,yama",
}


@pytest.fixture
def fit(tmp_path: Path) -> Host:
    """A machine that has everything."""
    return Host(
        tmp_path,
        kernel="6.1.0-30-amd64",
        machine="x86_64",
        root=True,
        year=2026,
        open_files=1 << 20,
        has=lambda name: True,
        run=lambda command: VERSIONS.get(command[0]),
        read=FILES.get,
        kvm=lambda: (True, "a trial guest ran"),
        network=lambda: EVERYTHING,
        folder=lambda folder: frozenset({"write", "sparse", "direct", "reflink"}),
        free_bytes=lambda folder: 100 << 30,
        port_is_free=lambda port: True,
    )


def _by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_machine_that_has_everything_is_fit(fit: Host) -> None:
    findings = examine(fit.state_dir, fit)
    assert {finding.level for finding in findings} == {"ok"}
    assert exit_code(findings) == 0
    assert render(findings).endswith("This machine is fit for a cloud.")


LACKING: list[tuple[dict[str, Any], str, str]] = [
    ({"python": (3, 9, 2)}, "python", "problem"),
    ({"kernel": "4.19.0"}, "kernel", "warning"),
    ({"machine": "aarch64"}, "machine", "warning"),
    ({"has": lambda name: name != "nft"}, "program nft", "problem"),
    ({"has": lambda name: name != "debugfs"}, "program debugfs", "warning"),
    ({"run": lambda command: "QEMU emulator version 5.2.0"}, "qemu", "problem"),
    ({"kvm": lambda: (False, "/dev/kvm may not be opened by this user")}, "kvm", "note"),
    ({"root": False}, "root", "warning"),
    ({"network": lambda: frozenset()}, "namespaces", "problem"),
    ({"network": lambda: EVERYTHING - {"nft"}}, "nftables", "problem"),
    ({"network": lambda: EVERYTHING - {"bridge"}}, "br_netfilter", "problem"),
    ({"network": lambda: EVERYTHING - {"tap"}}, "tun", "problem"),
    ({"network": lambda: EVERYTHING - {"ip"}}, "bridge", "problem"),
    ({"network": lambda: EVERYTHING - {"ipv6"}}, "ipv6", "note"),
    ({"free_bytes": lambda folder: 2 << 30}, "disk", "warning"),
    ({"free_bytes": lambda folder: 0}, "disk", "problem"),
    ({"folder": lambda folder: frozenset()}, "state", "problem"),
    ({"folder": lambda folder: frozenset({"write"})}, "sparse files", "warning"),
    ({"open_files": 1024}, "open files", "warning"),
    ({"year": 1970}, "clock", "problem"),
    ({"port_is_free": lambda port: False}, "port", "note"),
    ({"read": {**FILES, "/proc/meminfo": "MemAvailable: 500000 kB\n"}.get}, "memory", "warning"),
    ({"read": {**FILES, "/proc/meminfo": "MemAvailable: 9000000 kB\nSwapTotal: 0 kB\n"}.get}, "swap", "note"),
    ({"read": {**FILES, "/proc/sys/kernel/random/entropy_avail": "3"}.get}, "entropy", "warning"),
    ({"read": {**FILES, "/sys/kernel/security/lsm": "capability,apparmor"}.get}, "apparmor", "note"),
]


@pytest.mark.parametrize(("change", "name", "level"), LACKING, ids=[f"{name}-{level}" for _, name, level in LACKING])
def test_what_is_lacking_is_told_with_its_meaning_and_remedy(
    fit: Host, change: dict[str, Any], name: str, level: str
) -> None:
    findings = examine(fit.state_dir, replace(fit, **change))
    finding = _by_name(findings)[name]
    assert finding.level == level
    assert finding.meaning
    assert finding.remedy
    assert exit_code(findings) == (level == "problem")


def test_one_lack_does_not_raise_others(fit: Host) -> None:
    findings = examine(fit.state_dir, replace(fit, kvm=lambda: (False, "there is no /dev/kvm")))
    assert [finding.name for finding in findings if finding.level != "ok"] == ["kvm"]
    assert "TCG is used" in _by_name(findings)["kvm"].meaning


def test_without_root_the_fallback_is_named_and_no_namespace_is_tried(fit: Host) -> None:
    def never() -> frozenset[str]:
        raise AssertionError("a namespace was tried without root")

    findings = _by_name(examine(fit.state_dir, replace(fit, root=False, network=never)))
    assert "user-mode networking" in findings["root"].meaning


def test_every_check_runs_on_this_machine_and_leaves_nothing(tmp_path: Path) -> None:
    links = sorted(Path("/sys/class/net").iterdir())
    findings = examine(tmp_path / "not" / "there" / "yet")
    assert len(findings) >= len(CHECKS)
    assert sorted(Path("/sys/class/net").iterdir()) == links
    assert list(tmp_path.iterdir()) == []


def test_programs_can_read_the_findings(fit: Host) -> None:
    read = json.loads(render(examine(fit.state_dir, fit), as_json=True))
    assert set(read[0]) == {"name", "level", "summary", "meaning", "remedy"}


def test_problems_are_counted(fit: Host) -> None:
    nothing: Callable[[Path], frozenset[str]] = lambda folder: frozenset()  # noqa: E731
    assert "1 problem to mend." in render(examine(fit.state_dir, replace(fit, folder=nothing)))
