"""What is in a guest: the packages' programs and modules and our own files, as the trees that become its two images."""

import re
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from wolke.cli.guest_image.debian import Package, members
from wolke.cli.guest_image.kernel import Kernel, Module, closure, module, spelling, unwrap
from wolke.cli.guest_image.tree import Entry, Tree

DISK_MODULES = ("virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod")
"""What the disk's initramfs may need to find its root file system."""

MODULES = (
    *DISK_MODULES,
    "virtio_net",
    "virtio_rng",
    "sr_mod",
    "ata_piix",
    "isofs",
    "vfat",
    "nls_cp437",
    "nls_ascii",
    "nls_utf8",
    "button",
    "evdev",
)

_LIBRARIES = re.compile(r"(^|/)(ld-linux-x86-64|lib(c|crypt|z|gmp|tomcrypt|tommath))\.so\.[\d.]+$")
_SONAME = re.compile(r"\.so\.\d+$")
_PROGRAMS = {"bin/busybox", "usr/sbin/dropbear", "usr/bin/dropbearkey"}
_USER = 1000
_OUTSIDE_BIN = {"init": "sbin", "udhcpc": "sbin", "modprobe": "sbin", "uevent": "sbin", "reboot": "sbin"}


@dataclass(frozen=True)
class Parts:
    """The packages taken apart."""

    kernel: Kernel
    release: str
    modules: dict[str, Module]
    builtin: set[str]
    programs: dict[str, bytes]


def take_apart(packages: list[Package]) -> Parts:
    """Read what the guest needs out of the packages; the kernel's is the first."""
    found = members(packages[0], _is_kernel_part)
    image = next(path for path in found if path.startswith("boot/vmlinuz-"))
    modules = {spelling(path): module(spelling(path), data) for path, data in found.items() if path.endswith(".ko")}
    builtin = {spelling(line) for path in found if path.endswith(".builtin") for line in found[path].decode().split()}
    programs: dict[str, bytes] = {}
    for package in packages[1:]:
        programs |= members(package, lambda path: path in _PROGRAMS or _LIBRARIES.search(path) is not None)
    return Parts(unwrap(found[image]), image.removeprefix("boot/vmlinuz-"), modules, builtin, programs)


def _is_kernel_part(path: str) -> bool:
    return path.startswith("boot/vmlinuz-") or path.endswith((".ko", "/modules.builtin"))


def root(parts: Parts) -> Tree:
    """The guest's root file system."""
    tree = Tree()
    for path in ("dev", "proc", "sys", "run", "mnt", "new", "var/lib/wolke"):
        tree.directory(path)
    tree.directory("tmp", 0o1777)
    for home, owner in (("root", 0), ("home/wolke", _USER)):
        tree.directory(home, 0o700, owner)
        tree.directory(f"{home}/.ssh", 0o700, owner)
        tree.add(f"{home}/.ssh/authorized_keys", Entry(stat.S_IFREG | 0o600, uid=owner, gid=owner))
    for path, data in parts.programs.items():
        if path in _PROGRAMS or _SONAME.search(path):
            tree.file(_place(path), data, 0o755)
    for applet in _applets(parts.programs["bin/busybox"]):
        folder = _OUTSIDE_BIN.get(applet, "bin")
        tree.link(f"{folder}/{applet}", "busybox" if folder == "bin" else "/bin/busybox")
    _add_files(tree, resources.files(__package__) / "files" / "root", "")
    tree.link("etc/resolv.conf", "/run/resolv.conf")
    _add_modules(tree, parts, MODULES)
    return tree


def disk_start(parts: Parts) -> Tree:
    """The initramfs of the disk: it finds the root file system and goes there."""
    tree = _first_program()
    tree.file("bin/busybox", parts.programs["bin/busybox"], 0o755)
    for applet in ("sh", "mount", "grep", "modprobe", "usleep", "sleep", "switch_root", "insmod"):
        tree.link(f"bin/{applet}", "busybox")
    tree.link("sbin/modprobe", "/bin/busybox")
    _add_modules(tree, parts, DISK_MODULES)
    tree.directory("new")
    return tree


def ram_guest(parts: Parts) -> Tree:
    """The whole guest as an initramfs."""
    return root(parts).merged(_first_program())


def _first_program() -> Tree:
    tree = Tree()
    folder = resources.files(__package__) / "files" / "initramfs"
    tree.file("init", (folder / "init").read_bytes(), 0o755)
    tree.file("etc/fstab.first", (folder / "fstab").read_bytes())
    for path in ("dev", "proc", "sys"):
        tree.directory(path)
    # The kernel opens this for the first program before devtmpfs is there.
    tree.add("dev/console", Entry(stat.S_IFCHR | 0o600, device=(5, 1)))
    return tree


def _place(path: str) -> str:
    """Where the dynamic linker looks: one folder of libraries, and the linker under the name programs ask for."""
    name = path.rpartition("/")[2]
    if name.startswith("ld-linux"):
        return f"lib64/{name}"
    return f"lib/x86_64-linux-gnu/{name}" if ".so." in name else path


def _applets(busybox: bytes) -> Iterable[str]:
    """Ask the program itself which names it answers to; it is static, so it runs on any machine of its kind."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "busybox"
        program.write_bytes(busybox)
        program.chmod(0o700)
        listed = subprocess.run([str(program), "--list"], capture_output=True, text=True, check=True).stdout.split()
    return sorted(set(listed) - {"busybox"})


def _add_files(tree: Tree, folder: Traversable, prefix: str) -> None:
    for item in folder.iterdir():
        path = f"{prefix}{item.name}"
        if item.is_dir():
            _add_files(tree, item, f"{path}/")
        else:
            data = item.read_bytes()
            mode = 0o755 if data.startswith(b"#!") else 0o644
            tree.file(path, data, 0o600 if path == "etc/shadow" else mode)


def _add_modules(tree: Tree, parts: Parts, names: Iterable[str]) -> None:
    """The modules in one folder with the index files that modprobe reads (depmod's, in the little that is needed)."""
    chosen = closure(names, parts.modules, parts.builtin)
    folder = f"lib/modules/{parts.release}"
    for item in chosen:
        tree.file(f"{folder}/{item.name}.ko", item.data)
    known = {item.name for item in chosen}
    depends = "".join(_depends(item, parts, known) for item in chosen)
    aliases = "".join(f"alias {alias} {item.name}\n" for item in chosen for alias in item.aliases)
    tree.file(f"{folder}/modules.dep", depends.encode())
    tree.file(f"{folder}/modules.alias", aliases.encode())
    tree.file(f"{folder}/modules.symbols", b"")


def _depends(item: Module, parts: Parts, known: set[str]) -> str:
    needed = [other.name for other in closure([item.name], parts.modules, parts.builtin) if other.name != item.name]
    return f"{item.name}.ko:{''.join(f' {name}.ko' for name in reversed(needed) if name in known)}\n"
