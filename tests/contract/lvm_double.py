"""A stand-in for the program ``lvm`` where the kernel has no device mapper: thin volumes are sparse files, and a snapshot is a copy.

It knows the few commands and options that ``drivers/lvm.py`` says, and refuses everything else, so that what the driver says is checked;
what LVM makes of it is not. ``install`` makes a folder to be put before others in PATH.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import struct
import sys
from pathlib import Path

GROUP, POOL = "group", "pool"
POOL_BYTES = 1 << 40


def install(folder: Path) -> Path:
    """Its ``dev`` holds the volumes, as /dev does."""
    (folder / "dev" / GROUP).mkdir(parents=True)
    program = folder / "lvm"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{__file__}" "{folder}" "$@"\n')
    program.chmod(0o755)
    return folder


class Group:
    def __init__(self, folder: Path) -> None:
        self._devices = folder / "dev" / GROUP
        self._memory = folder / "tags.json"
        self.tags: dict[str, list[str]] = json.loads(self._memory.read_text()) if self._memory.exists() else {}

    def keep(self) -> None:
        self._memory.write_text(json.dumps(self.tags))

    def device(self, name: str, *, there: bool) -> Path:
        group, _, name = name.rpartition("/")
        if group not in ("", GROUP) or not name or name.startswith(("snapshot", "pvmove")):
            sys.exit(f"  Invalid logical volume name {name!r}.")
        path = self._devices / name
        if path.exists() != there:
            sys.exit(f"  {name} {'was not found' if there else 'already exists'}.")
        return path

    def lvs(self, said: argparse.Namespace) -> None:
        rows = [self._row(name) for name in sorted(self.tags)]
        rows.append(
            {"lv_name": POOL, "lv_size": str(POOL_BYTES), "lv_tags": "", "lv_device_open": "", "data_percent": "0.10"}
        )
        print(json.dumps({"report": [{"lv": rows}]}))

    def _row(self, name: str) -> dict[str, str]:
        path = self._devices / name
        size, opened = str(path.stat().st_size), "open" if is_open(path) else ""
        tags = ",".join(self.tags[name])
        return {"lv_name": name, "lv_size": size, "lv_tags": tags, "lv_device_open": opened, "data_percent": "0.00"}

    def lvcreate(self, said: argparse.Namespace) -> None:
        path = self.device(said.name, there=False)
        if said.snapshot:
            if said.setactivationskip != "n":
                sys.exit("  a thin snapshot is not active unless that is said")
            argv = ["cp", "--sparse=always", str(self.device(said.rest[0], there=True)), str(path)]
            if os.waitpid(os.posix_spawnp("cp", argv, os.environ), 0)[1]:
                sys.exit("  not copied")
        elif said.thin == f"{GROUP}/{POOL}":
            with path.open("xb") as file:
                file.truncate(size_of(said.virtualsize))
        else:
            sys.exit(f"  there is no pool {said.thin}")
        self.tags[path.name] = said.addtag

    def lvremove(self, said: argparse.Namespace) -> None:
        path = self.device(said.rest[0], there=True)
        if is_open(path):
            sys.exit(f"  Logical volume {path.name} is used by another device.")
        path.unlink()
        del self.tags[path.name]

    def lvrename(self, said: argparse.Namespace) -> None:
        _, old, new = said.rest
        self.device(old, there=True).rename(self.device(new, there=False))
        self.tags[new] = self.tags.pop(old)

    def lvextend(self, said: argparse.Namespace) -> None:
        path = self.device(said.rest[0], there=True)
        if size_of(said.size) <= path.stat().st_size:
            sys.exit("  New size is not larger than existing size.")
        os.truncate(path, size_of(said.size))

    def lvchange(self, said: argparse.Namespace) -> None:
        self.tags[self.device(said.rest[0], there=True).name] += said.addtag


def is_open(path: Path) -> bool:
    """By a QEMU, which locks some bytes from the hundredth on."""
    with path.open("r+b") as file:
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 100, 200, 0)
        answer = fcntl.fcntl(file.fileno(), fcntl.F_OFD_GETLK, asked)
        return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)


def size_of(text: str) -> int:
    return int(text.removesuffix("b")) // 512 * 512


def main(folder: str, argv: list[str]) -> None:
    command = argparse.ArgumentParser(allow_abbrev=False)
    for flag in ("-q", "-y", "-f", "--nosuffix"):
        command.add_argument(flag, action="store_true")
    for name in ("--reportformat", "--units", "-o"):
        command.add_argument(name)
    for short, name in (
        ("-V", "virtualsize"),
        ("-T", "thin"),
        ("-n", "name"),
        ("-L", "size"),
        ("-k", "setactivationskip"),
    ):
        command.add_argument(short, dest=name)
    command.add_argument("-s", dest="snapshot", action="store_true")
    command.add_argument("--addtag", action="append", default=[])
    command.add_argument("verb")
    command.add_argument("rest", nargs="*")
    said = command.parse_intermixed_args(argv)
    group = Group(Path(folder))
    getattr(group, said.verb)(said)
    group.keep()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
