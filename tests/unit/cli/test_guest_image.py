"""The parts that a guest image is made of, without building one."""

import gzip
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from wolke.cli.guest_image.bootsector import CODE, Extent, Partition, boot_record, parameters
from wolke.cli.guest_image.kernel import closure, module, segments, slimmed, spelling, unwrap
from wolke.cli.guest_image.tree import MOMENT, Entry, Tree, cpio, ext4

FILES = Path(__file__).resolve().parents[3] / "src/wolke/cli/guest_image/files"


@pytest.fixture
def tree() -> Tree:
    made = Tree()
    made.file("etc/motd", b"welcome\n")
    made.directory("home/wolke", 0o700, 1000)
    made.link("bin/sh", "busybox")
    made.add("dev/console", Entry(stat.S_IFCHR | 0o600, device=(5, 1)))
    return made


def test_parents_come_before_their_children(tree: Tree) -> None:
    names = [path for path, _ in tree]
    assert names == ["bin", "bin/sh", "dev", "dev/console", "etc", "etc/motd", "home", "home/wolke"]


@pytest.mark.skipif(shutil.which("cpio") is None, reason="there is no cpio to ask")
def test_cpio_itself_reads_the_archive(tree: Tree, tmp_path: Path) -> None:
    listed = subprocess.run(["cpio", "-tv", "--numeric-uid-gid"], input=cpio(tree), capture_output=True, check=True)
    lines = listed.stdout.decode().splitlines()
    assert lines[1].startswith("lrwxrwxrwx") and lines[1].endswith("bin/sh -> busybox")
    assert lines[3].startswith("crw-------") and "5," in lines[3]
    assert lines[7].split()[:4] == ["drwx------", "2", "1000", "1000"]


@pytest.mark.skipif(shutil.which("debugfs", path="/usr/sbin:/sbin") is None, reason="there is no e2fsprogs")
def test_the_file_system_has_owners_and_modes_and_is_the_same_each_time(tree: Tree, tmp_path: Path) -> None:
    images = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        image = tmp_path / f"{name}.ext4"
        ext4(tree, image, 16, "label", tmp_path / name)
        images.append(image.read_bytes())
    assert images[0] == images[1]
    asked = ["/usr/sbin/debugfs", "-R", "stat /home/wolke", str(tmp_path / "one.ext4")]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert "Mode:  0700" in said
    assert "User:  1000" in said
    assert subprocess.run(["/usr/sbin/e2fsck", "-fn", str(tmp_path / "one.ext4")], capture_output=True).returncode == 0


@pytest.mark.skipif(shutil.which("as") is None or shutil.which("ld") is None, reason="there is no assembler")
def test_the_boot_sector_is_what_its_source_says(tmp_path: Path) -> None:
    subprocess.run(["as", "-o", str(tmp_path / "boot.o"), str(FILES / "boot.S")], check=True)
    link = ["ld", "-m", "elf_x86_64", "-Ttext=0x7c00", "--oformat", "binary"]
    subprocess.run([*link, "-o", str(tmp_path / "boot"), str(tmp_path / "boot.o")], check=True)
    assert (tmp_path / "boot").read_bytes() == CODE


def test_the_boot_record_is_one_sector_with_code_and_partitions() -> None:
    record = boot_record((Partition(0xDA, 2048, 100), Partition(0x83, 4096, 200)))
    assert len(record) == 512
    assert record.startswith(CODE)
    assert record.endswith(b"\x55\xaa")
    assert struct.unpack_from("<II", record, 446 + 16 + 8) == (4096, 200)


def test_the_parameters_say_where_everything_goes() -> None:
    page = parameters(bytes(64), "quiet", [Extent(2048, 8, 0x1000000)], (0x800000, 5000))
    assert len(page) == 16 * 512
    assert page[0x1000:0x1006] == b"quiet\0"
    assert struct.unpack_from("<II", page, 0x218) == (0x800000, 5000)
    assert struct.unpack_from("<IIIII", page, 0x1800) == (2048, 8, 0x1000000, 0, 0)


def test_a_command_line_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        parameters(bytes(64), "x" * 3000, [], (0, 0))


def _wrapped(payload: bytes) -> bytes:
    """As much of a bzImage as says where its payload is: one set-up sector, the payload right after."""
    image = bytearray(1024)
    image[0x1F1] = 1
    image[0x201] = 0x6A
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", image, 0x248, 0, len(payload))
    return bytes(image) + payload


def test_a_kernel_comes_out_of_its_wrapping() -> None:
    packed = gzip.compress(b"the kernel") + struct.pack("<I", 10)
    kernel = unwrap(_wrapped(packed))
    assert kernel.elf == b"the kernel"
    assert kernel.header[0x11:0x15] == b"HdrS"


@pytest.mark.parametrize("image", [bytes(2048), _wrapped(b"odd bytes")], ids=["no kernel", "unknown packing"])
def test_what_is_no_kernel_is_refused(image: bytes) -> None:
    with pytest.raises(ValueError, match=r"no Linux kernel|cannot unpack"):
        unwrap(image)


def test_segments_are_those_to_be_loaded() -> None:
    header = bytearray(64)
    struct.pack_into("<Q14xHH", header, 32, 64, 56, 2)
    load = struct.pack("<IIQQQQQQ", 1, 0, 176, 0, 0x1000000, 4, 4, 0)
    note = struct.pack("<IIQQQQQQ", 4, 0, 176, 0, 0x2000000, 4, 4, 0)
    assert segments(bytes(header) + load + note + b"code") == [(0x1000000, b"code")]


def test_a_slimmed_kernel_has_the_same_segments_but_for_zeros_at_the_end() -> None:
    header = bytearray(64)
    struct.pack_into("<Q14xHH", header, 32, 64, 56, 1)
    struct.pack_into("<Q", header, 40, 4096)
    load = struct.pack("<IIQQQQQQ", 1, 0, 120, 0, 0x1000000, 12, 12, 0)
    short = slimmed(bytes(header) + load + b"code" + bytes(8) + b"relocations")
    assert segments(short) == [(0x1000000, b"code")]
    assert short.endswith(b"code")
    assert struct.unpack_from("<Q", short, 64 + 40)[0] == 12  # the size in memory stays
    assert struct.unpack_from("<Q", short, 40)[0] == 0


def _module(name: str, depends: str = "", signature: bytes = b"") -> bytes:
    trailer = bytes(8) + struct.pack(">I", len(signature)) + b"~Module signature appended~\n" if signature else b""
    return b"\0depends=" + depends.encode() + b"\0alias=virtio:d1\0" + name.encode() + signature + trailer


def test_a_module_loses_its_signature_and_nothing_else() -> None:
    plain, signed = module("net", _module("net")), module("net", _module("net", signature=b"x" * 40))
    assert signed == plain
    assert plain.aliases == ("virtio:d1",)


def test_modules_come_after_what_they_need_and_built_in_ones_not_at_all() -> None:
    available = {
        name: module(name, _module(name, depends))
        for name, depends in (("virtio_net", "net-failover,virtio"), ("net_failover", "failover"), ("failover", ""))
    }
    order = closure(["virtio_net"], available, {"virtio"})
    assert [item.name for item in order] == ["failover", "net_failover", "virtio_net"]
    assert spelling("kernel/drivers/net/net-failover.ko") == "net_failover"


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no module nowhere"):
        closure(["nowhere"], {}, set())


def test_the_time_in_the_image_is_fixed(tree: Tree) -> None:
    assert cpio(tree) == cpio(tree)
    assert f"{MOMENT:08X}".encode() in cpio(tree)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="there is no shellcheck")
def test_the_guests_scripts_are_clean() -> None:
    scripts = [path for path in FILES.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh")]
    assert len(scripts) >= 10
    quiet = "--exclude=SC1091,SC2094,SC2154,SC2034"
    done = subprocess.run(["shellcheck", "-s", "dash", quiet, *map(str, scripts)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
