"""A file tree held in memory, and the two forms in which a guest gets it: a cpio archive and an ext4 file system.

Owners, modes and times are data here, so neither root nor fakeroot nor a loop mount is needed and two builds of the same
tree are the same bytes. `mke2fs -d` was rejected: it copies owners, change times and directory order from the host.
"""

import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MOMENT = 1_700_000_000
"""The time stamp on everything in the image (SOURCE_DATE_EPOCH of the build)."""

_UUID = "5a3b7a32-7761-4c6b-8565-000000000001"
_HASH_SEED = "5a3b7a32-7761-4c6b-8565-000000000002"


@dataclass(frozen=True)
class Entry:
    """One node; `data` is a file's bytes, a symbolic link's target, or empty."""

    mode: int
    data: bytes = b""
    uid: int = 0
    gid: int = 0
    device: tuple[int, int] = (0, 0)


class Tree:
    """Paths without a leading slash to entries; parents come into being with their children."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        """Parents before children, in an order that depends on nothing but the names."""
        return iter(sorted(self._entries.items(), key=lambda item: PurePosixPath(item[0]).parts))

    def add(self, path: str, entry: Entry) -> None:
        for parent in list(PurePosixPath(path).parents)[:-1]:
            self._entries.setdefault(str(parent), Entry(stat.S_IFDIR | 0o755))
        self._entries[path] = entry

    def directory(self, path: str, mode: int = 0o755, owner: int = 0) -> None:
        self.add(path, Entry(stat.S_IFDIR | mode, uid=owner, gid=owner))

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self.add(path, Entry(stat.S_IFREG | mode, data))

    def link(self, path: str, target: str) -> None:
        self.add(path, Entry(stat.S_IFLNK | 0o777, target.encode()))

    def merged(self, other: "Tree") -> "Tree":
        """Both trees in a new one; the other's entries win."""
        result = Tree()
        result._entries = {**self._entries, **other._entries}
        return result


def cpio(tree: Tree) -> bytes:
    """The tree as an uncompressed `newc` archive: under TCG copying it is quicker than unpacking a compressed one."""
    parts = [_cpio_record(number, path, entry) for number, (path, entry) in enumerate(tree, start=1)]
    archive = b"".join((*parts, _cpio_record(0, "TRAILER!!!", Entry(0))))
    return archive + bytes(-len(archive) % 512)


def _cpio_record(number: int, path: str, entry: Entry) -> bytes:
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    moment = MOMENT if entry.mode else 0
    numbers = (number, entry.mode, entry.uid, entry.gid, links, moment, len(entry.data), 0, 0)
    fields = (*numbers, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return header + bytes(-len(header) % 4) + entry.data + bytes(-len(entry.data) % 4)


def ext4(tree: Tree, image: Path, size_mib: int, label: str, scratch: Path) -> None:
    """Make `image` an ext4 file system of that size with the tree in it; `scratch` is a folder for pieces."""
    with image.open("wb") as out:
        out.truncate(size_mib << 20)
    options = f"hash_seed={_HASH_SEED},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0"
    identity = ["-L", label, "-U", _UUID, "-E", options]
    shape = ["-t", "ext4", "-m", "0", "-N", "4096", "-J", "size=4", "-O", "^metadata_csum_seed"]
    _run(["mke2fs", "-q", "-F", *shape, *identity, str(image)])
    script = scratch / "debugfs"
    script.write_text("".join(f"{line}\n" for line in _debugfs(tree, scratch)))
    complaints = _run(["debugfs", "-w", "-f", str(script), str(image)]).stderr.splitlines()
    if len(complaints) > 1:  # the first line is the program's name and version
        raise RuntimeError(f"debugfs could not fill the file system: {complaints[1]}")


def _debugfs(tree: Tree, scratch: Path) -> Iterator[str]:
    for number, (path, entry) in enumerate(tree):
        if stat.S_ISDIR(entry.mode):
            yield f"mkdir /{path}"
        elif stat.S_ISLNK(entry.mode):
            yield f"symlink /{path} {entry.data.decode()}"
        elif stat.S_ISREG(entry.mode):
            piece = scratch / f"piece-{number}"
            piece.write_bytes(entry.data)
            yield f"write {piece} /{path}"
        else:
            continue  # devices live on devtmpfs
        if not stat.S_ISLNK(entry.mode):
            yield f"set_inode_field /{path} mode 0{entry.mode:o}"
        yield f"set_inode_field /{path} uid {entry.uid}"
        yield f"set_inode_field /{path} gid {entry.gid}"


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    fixed = {"LC_ALL": "C", "TZ": "UTC", "E2FSPROGS_FAKE_TIME": str(MOMENT), "SOURCE_DATE_EPOCH": str(MOMENT)}
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **fixed, "PATH": path}, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done
