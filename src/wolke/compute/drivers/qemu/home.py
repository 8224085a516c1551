"""Where a guest lives: the names of its files and sockets.

``STATE/guests/<server_id>/`` is mode 0700 and belongs to whoever runs the control plane, never to the guest's own user:
QEMU is handed open file descriptors, so a QEMU that was broken out of cannot name another guest's files, nor rewrite the
definition that its next start is read from. Sockets are apart, because their paths must stay below 108 bytes.

What the files mean (the state of a guest is these files and the process, nothing else):

    definition.json   it was created; without it the guest is half made
    on                it ought to be running: no process but this file means that QEMU crashed
    memory            it is suspended: this is its saved memory
    process.lock      locked by the QEMU process itself for as long as that lives
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from wolke.core.drivers import Failure

LONGEST_RUN_DIR = 60  # + "/" + 36 characters of a UUID + "/serial" stays below sockaddr_un's 108
SERVER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EPHEMERALS = ("ephemeral", "ephemeral1", "ephemeral2")  # as many as the API lets a server have
WRITTEN = ("disk", "disk.part", *EPHEMERALS, "swap")
SOCKETS = ("qmp", "look", "serial")  # the control plane listens on these before QEMU is there; see process.py


@dataclass(frozen=True, slots=True)
class Home:
    """One guest's paths: ``root`` holds what must outlive a reboot of the host, ``run`` the sockets."""

    server_id: str
    root: Path
    run: Path
    disks: Path  # where what the guest writes lies: ``root``, or a directory of its own that other hosts see as well

    @classmethod
    def of(cls, server_id: str, guests: Path, run_dir: Path, disk_dir: Path | None = None) -> Home:
        """Raises ``Failure`` for anything but a UUID: it becomes part of paths."""
        if not SERVER_ID.fullmatch(server_id):
            raise Failure(f"{server_id!r} is not a server id: it must be a UUID in lower case")
        return cls(server_id, guests / server_id, run_dir / server_id, (disk_dir or guests) / server_id)

    def file(self, name: str) -> Path:
        return (self.disks if name in WRITTEN else self.root) / name

    @property
    def shares(self) -> bool:
        """Its disks may outlive it here: another host may have taken them over."""
        return self.disks != self.root

    @property
    def on(self) -> bool:
        return self.file("on").exists()

    def wish_on(self) -> None:
        self.file("on").touch(mode=0o600)

    def wish_off(self) -> None:
        self.file("on").unlink(missing_ok=True)

    @property
    def suspended(self) -> bool:
        return self.file("memory").exists()

    @property
    def exists(self) -> bool:
        return self.root.exists() or self.run.exists()


def choose_run_dir(state_dir: Path, wished: Path | None) -> Path:
    """A directory short enough for sockets, the same for the same ``state_dir`` each time; made if need be.

    Raises ``Failure`` if it is too long, or belongs to somebody else (the fallback lies in a directory that all may
    write to, where a stranger could have been first).
    """
    path = wished or state_dir / "run"
    if wished is None and len(os.fsencode(path)) > LONGEST_RUN_DIR:
        name = f"wolke-{os.geteuid()}-{hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]}"
        path = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(path)) > LONGEST_RUN_DIR:
        raise Failure(f"run_dir {path} is longer than {LONGEST_RUN_DIR} bytes, too long for unix sockets")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Failure(f"run_dir {path} belongs to another user; set another one")
    path.chmod(0o700)
    return path
