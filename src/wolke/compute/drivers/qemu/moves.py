"""What a guest was, kept beside what it is: the files of setting aside, handing on and adopting.

    guests/<server_id>.aside       a guest's directory, whole, under another name: one rename there, one back
    guests/<server_id>.incoming    what another host, or this one, has copied for ``adopt``

Copying the disk, rather than an overlay on the old one, costs time once and leaves two guests that know nothing of each other:
nothing has to be merged while the new one runs. Where the file system shares blocks, a copy costs nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from wolke.compute.drivers.qemu import uids
from wolke.compute.drivers.qemu.definition import load, save
from wolke.compute.drivers.qemu.home import EPHEMERALS, WRITTEN, Home
from wolke.core.drivers import Failure
from wolke.core.files import rename_durably

ASIDE, INCOMING = ".aside", ".incoming"
CARRIED = ("disk", *EPHEMERALS, "base", "kernel", "ramdisk")  # swap and config drive are made anew
STILL = ("base", "config", "kernel", "ramdisk")  # what does not change while the guest runs


def aside(home: Home) -> Path:
    return home.root.with_name(home.root.name + ASIDE)


def aside_disks(home: Home) -> Path:
    return home.disks.with_name(home.disks.name + ASIDE)


def incoming(home: Home) -> Path:
    return home.root.with_name(home.root.name + INCOMING)


def set_aside(home: Home) -> None:
    """Of the guest in ``home``, which is off. What an older move left there goes."""
    if not home.root.exists():
        if not aside(home).exists():
            raise Failure("there is no such server on this host")
        return
    forget(home)
    if home.shares and home.disks.exists():
        rename_durably(home.disks, aside_disks(home))
    rename_durably(home.root, aside(home))


def take_back(home: Home, ids: Path | None, base: int, count: int) -> None:
    """``ids``: the folder of claims, where guests have user ids of their own; the guest may get another one."""
    if load(home) is not None:
        return
    if not aside(home).exists():
        raise Failure("nothing of the server was set aside on this host")
    if home.root.exists():
        shutil.rmtree(home.root)  # half made
    if home.shares and aside_disks(home).exists():
        if home.disks.exists():
            shutil.rmtree(home.disks)
        rename_durably(aside_disks(home), home.disks)
    rename_durably(aside(home), home.root)
    definition = load(home)
    if ids is None or definition is None:
        return
    uid = uids.claim(ids, home.server_id, base, count)
    if uid != definition.uid:
        from dataclasses import replace

        for name in ("kernel", "ramdisk"):
            if home.file(name).exists() and not home.file(name).stat().st_mode & 0o004:
                os.chown(home.file(name), uid, uid)
        save(home, replace(definition, uid=uid))


def forget(home: Home) -> None:
    for folder in (aside_disks(home), aside(home)) if home.shares else (aside(home),):
        if folder.exists():
            shutil.rmtree(folder)


def parts(home: Home) -> Mapping[str, Path]:
    folder = aside(home)
    if not folder.exists():
        raise Failure("nothing of the server was set aside on this host")
    found = {name: (aside_disks(home) if name in WRITTEN else folder) / name for name in CARRIED}
    return {name: path for name, path in found.items() if path.exists()}


def bring_in(home: Home) -> None:
    """What has come becomes the beginning of a guest: files under their own names, no definition yet."""
    home.root.mkdir(mode=0o700, exist_ok=True)
    home.disks.mkdir(mode=0o700, exist_ok=True)
    if not incoming(home).exists():
        return
    for path in incoming(home).iterdir():
        if path.name in {*CARRIED, *STILL} and not home.file(path.name).exists():
            path.chmod(0o600)
            shutil.move(path, home.file(path.name))
    shutil.rmtree(incoming(home))
