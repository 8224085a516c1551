#!/usr/bin/env python3
"""The one list of host programs that Wolke uses: which Debian package has each, what it is for, which commands need it.

The bootstrap `./wolke` asks this file before there is any environment, so it must run with the standard library alone
and without the rest of the package:

    python3 src/wolke/cli/packages.py missing --for demo        # names of packages to install, one a line
    python3 src/wolke/cli/packages.py explain --for demo        # the same, with what each is for
"""

import argparse
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"))
"""PATH and the folders of administrators' programs, which an ordinary user's PATH leaves out."""

COMMANDS = ("environment", "up", "agent", "image", "demo", "test", "bench")


@dataclass(frozen=True)
class Program:
    """`name` is found on the path; one with a `/` is a pattern of files, one with `import ` a module of Python's."""

    name: str
    package: str
    purpose: str
    needed_for: tuple[str, ...]


_CLOUD = ("up", "agent", "demo", "test")
_IMAGE = ("image", "demo", "test")

PROGRAMS = (
    Program("import ensurepip", "python3-venv", "makes the Python environment", ("environment",)),
    Program("qemu-system-x86_64", "qemu-system-x86", "runs the servers", _CLOUD),
    Program("qemu-img", "qemu-utils", "makes and converts disks", (*_CLOUD, "image")),
    Program("ip", "iproute2", "makes bridges, taps and network namespaces", _CLOUD),
    Program("nft", "nftables", "security groups, NAT and floating IPs", _CLOUD),
    # dnsmasq-base has the program alone; the package dnsmasq would start a service of its own.
    Program("dnsmasq", "dnsmasq-base", "DHCP and DNS on the networks", _CLOUD),
    Program("setpriv", "util-linux", "runs the servers' processes without privileges", _CLOUD),
    Program("modprobe", "kmod", "loads the kernel's network and KVM modules", _CLOUD),
    Program("mke2fs", "e2fsprogs", "file systems of the guest image and of ephemeral disks", (*_CLOUD, "image")),
    Program("debugfs", "e2fsprogs", "fills the guest image without root", _IMAGE),
    Program("dpkg-deb", "dpkg", "unpacks what the guest image is made of", _IMAGE),
    Program("ssh", "openssh-client", "logs in to the guest", ("demo", "test")),
    Program("ssh-keygen", "openssh-client", "makes the demo's key pair", ("demo", "test")),
    Program("/usr/lib/postgresql/*/bin/initdb", "postgresql", "the second database that the tests run on", ("test",)),
    Program("chromium", "chromium", "opens the pages in tests", ("test",)),
    Program("ping", "iputils-ping", "asks whether a guest is there", ("test",)),
    Program("isoinfo", "genisoimage", "reads config drives back in tests", ("test",)),
    Program("cpio", "cpio", "reads the guest image back in tests", ("test",)),
    Program("as", "binutils", "assembles the guest image's boot sector again in tests", ("test",)),
    Program("rclone", "rclone", "keeps folders in the object store, in tests", ("test",)),
    Program("restic", "restic", "keeps backups in the object store, in tests", ("test",)),
    Program("s3cmd", "s3cmd", "speaks S3 to the object store, in tests", ("test",)),
    Program("shellcheck", "shellcheck", "checks the bootstrap", ("test",)),
    Program("nginx", "nginx-light", "the reference that measurements are a ratio to", ("bench",)),
)


def present(name: str) -> bool:
    """Whether this machine has the program, file or module."""
    if name.startswith("import "):
        return importlib.util.find_spec(name.removeprefix("import ")) is not None
    if name.startswith("/"):
        return any(Path("/").glob(name.removeprefix("/")))
    return shutil.which(name, path=SEARCH) is not None


def needed(commands: Iterable[str]) -> list[Program]:
    wanted = set(commands)
    return [program for program in PROGRAMS if wanted.intersection(program.needed_for)]


def missing(commands: Iterable[str], has: Callable[[str], bool] = present) -> list[Program]:
    """What the commands need and this machine lacks, in the order of the table."""
    return [program for program in needed(commands) if not has(program.name)]


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 if nothing is missing, else 3: the shell tells this from a failure of Python itself."""
    parser = argparse.ArgumentParser(description="Host programs that Wolke uses, and the packages that have them.")
    parser.add_argument("question", choices=("missing", "explain", "list"))
    parser.add_argument("--for", dest="commands", action="append", default=[], help="a command; may be given again")
    options = parser.parse_args(arguments)
    commands = options.commands or list(COMMANDS)
    found = needed(commands) if options.question == "list" else missing(commands)
    if options.question == "missing":
        lines = list(dict.fromkeys(program.package for program in found))
    else:
        lines = [f"  {program.package:<18} {program.name.rpartition('/')[2]}: {program.purpose}" for program in found]
    if lines:
        print("\n".join(lines))
    return 3 if found and options.question != "list" else 0


if __name__ == "__main__":
    raise SystemExit(main())
