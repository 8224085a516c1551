"""From a definition to a running QEMU process: open its files, hand them over, wait until it speaks.

Also the way back: what a process that is there says of itself.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack

from wolke.compute.drivers.base import Power
from wolke.compute.drivers.qemu import command, limits, memory, process, remote, volumes
from wolke.compute.drivers.qemu.definition import Definition
from wolke.compute.drivers.qemu.faults import explain, last_line
from wolke.compute.drivers.qemu.home import EPHEMERALS, Home
from wolke.compute.drivers.qemu.qmp import Gone, session
from wolke.compute.drivers.qemu.taps import open_tap
from wolke.core.files import whole

APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
FILES = (  # descriptor, how it is opened; those that a guest has not are left out
    ("base", os.O_RDONLY),
    ("disk", os.O_RDWR),
    *((name, os.O_RDWR) for name in EPHEMERALS),
    ("swap", os.O_RDWR),
    ("config", os.O_RDONLY),
    ("kernel", os.O_RDONLY),
    ("ramdisk", os.O_RDONLY),
    ("rescue-base", os.O_RDONLY),
    ("rescue", os.O_RDWR),
    ("rescue-kernel", os.O_RDONLY),
    ("rescue-ramdisk", os.O_RDONLY),
)
POWER = {
    "running": Power.RUNNING,
    "suspended": Power.RUNNING,  # the guest sleeps by its own wish; it still occupies its memory
    "inmigrate": Power.RUNNING,
    "restore-vm": Power.RUNNING,
    "shutdown": Power.SHUTDOWN,
    "guest-panicked": Power.CRASHED,
    "internal-error": Power.CRASHED,
}
DETAILS = {
    "io-error": "the server stopped because the host could not read or write its disk",
    "guest-panicked": "the server's operating system crashed",
    "internal-error": "the server's virtual processor stopped with an error",
}


async def launch(
    home: Home, definition: Definition, host: command.Host, timeout_s: float, *, waits: bool = False
) -> None:
    """A QEMU process that answers, with the guest running in it; from saved memory if there is some. ``waits``: its memory
    comes from elsewhere, later, and then it does what it did there.

    Raises ``BlockingIOError`` if a process is there already, ``Failure`` where QEMU's last words are known to be terminal.
    """
    with ExitStack() as read_soon:
        lock = process.hold_lock(home)
        restore = home.suspended
        with ExitStack() as stack:
            stack.callback(os.close, lock)
            keys = _keys(home, definition, read_soon)
            descriptors = await _open_all(home, definition, stack) | keys
            home.wish_on()
            argv = command.arguments(definition, host, descriptors, restore=restore, waits=waits)
            confined = command.confined(argv, definition)
            await whole(process.spawn, home, confined, [lock, *descriptors.values()])
        await _until_it_speaks(home, definition, timeout_s, restore=restore)


async def _until_it_speaks(home: Home, definition: Definition, timeout_s: float, *, restore: bool) -> None:
    try:
        async with session(home.run / "qmp", timeout_s) as qmp:
            process.seal(home)
            await limits.keep(qmp, definition)
            if restore:
                await memory.restore(qmp, home, timeout_s)
    except (Gone, TimeoutError) as error:
        await process.kill(home)
        words = process.last_words(home)
        failure = explain(words)
        if failure:
            home.wish_off()
            raise failure from error
        raise Gone(f"QEMU did not start: {last_line(words) or error}") from error


def _keys(home: Home, definition: Definition, stack: ExitStack) -> dict[str, int]:
    """The folders with the keys of volumes that others serve."""
    there = [one for one in definition.spec.volumes if one.remote]
    folders = [stack.enter_context(remote.key_folder(home, definition.uid, one)) for one in there]
    return {f"volume:{one.volume_id}:tls": folder for one, folder in zip(there, folders, strict=True)}


async def _open_all(home: Home, definition: Definition, stack: ExitStack) -> dict[str, int]:
    """Everything that QEMU inherits, by name; closed on our side with ``stack``."""
    opened: dict[str, int] = {}

    def keep(name: str, descriptor: int) -> None:
        stack.callback(os.close, descriptor)
        opened["root" if name == "disk" else name] = descriptor

    for nic in definition.spec.nics:
        if nic.backend == "tap":
            keep(f"tap:{nic.port_id}", await open_tap(nic))
    for name, flags in FILES:
        path = home.file(name)
        if path.exists():
            keep(name, os.open(path, flags | os.O_CLOEXEC))
    for volume in definition.spec.volumes:
        for name, writable in command.volume_files(volume).items():
            if name.endswith(":key"):
                keep(name, _sealed(volume.passphrase))
                continue
            at = name.rpartition(":")[2]
            if at == "tls":
                continue
            descriptor = volumes.open_layer(volume.layers[0 if at == "top" else int(at)], writable=writable)
            keep(name, descriptor)
            way = volumes.way(descriptor)
            opened |= {f"{name}:{what}": descriptor for what in ("block", "direct") if getattr(way, what)}
    keep("console", os.open(home.file("console.log"), APPEND | os.O_CLOEXEC, 0o600))
    for name, listener in process.listen(home, definition.uid).items():
        keep(name, listener.detach())
    keep("run", os.open(home.run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return opened


def _sealed(passphrase: str) -> int:
    """A file with a key, in memory, without a name, for our child only."""
    if not passphrase:
        raise ConnectionError("the key of a volume has not come yet")  # with the next wish it does
    descriptor = os.memfd_create("key", os.MFD_CLOEXEC)
    os.write(descriptor, passphrase.encode())
    return descriptor


async def observe(home: Home, timeout_s: float) -> tuple[Power, str]:
    """What a guest does, and why, where that is known; also of one that is half made."""
    if home.suspended:
        return Power.SUSPENDED, ""
    for _ in range(3):
        if not process.alive(home):
            return _off(home)
        try:
            async with session(home.run / "look", timeout_s) as qmp:
                status = await qmp.status()
            return POWER.get(status, Power.PAUSED), DETAILS.get(status, "")
        except Gone:  # it ends just now, or the last one's socket was still there: look again
            await asyncio.sleep(0.01)
    raise Gone(f"the QEMU process of {home.server_id} does not answer")


def _off(home: Home) -> tuple[Power, str]:
    if not home.file("definition.json").exists():
        return Power.NOSTATE, "half made"
    if home.on:
        return Power.CRASHED, last_line(process.last_words(home)) or "QEMU was killed"
    return Power.SHUTDOWN, ""
