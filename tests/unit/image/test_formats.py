"""Formats told from bytes, on real images and on hostile ones."""

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wolke.image.formats import Inspector, judge
from wolke.image.formats.head import HEAD_BYTES

MIB = 1 << 20


def inspected(data: bytes, step: int = 65536) -> Inspector:
    inspector = Inspector()
    for at in range(0, len(data), step):
        inspector.feed(data[at : at + step])
    return inspector


def refusal(data: bytes, disk_format: str) -> str | None:
    return judge(inspected(data), disk_format)[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """What qemu-img makes, by format and options."""
    directory = tmp_path_factory.mktemp("formats")

    def make(disk_format: str, *options: str) -> bytes:
        path = directory / "image"
        path.unlink(missing_ok=True)
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", disk_format, *options, str(path), "4M"], check=True, cwd=directory
        )
        return path.read_bytes()

    return make


@pytest.mark.parametrize(
    ("disk_format", "arguments"),
    [
        ("qcow2", ["qcow2"]),
        ("qcow2", ["qcow2", "-o", "compat=0.10"]),
        ("qcow2", ["qcow2", "-o", "cluster_size=2M,extended_l2=on"]),
        ("qcow2", ["qcow2", "-o", "lazy_refcounts=on,compression_type=zlib"]),
        ("vmdk", ["vmdk"]),
        ("vmdk", ["vmdk", "-o", "subformat=streamOptimized"]),
        ("vdi", ["vdi"]),
        ("vdi", ["vdi", "-o", "static=on"]),
        ("vhd", ["vpc", "-o", "force_size=on"]),
        ("vhd", ["vpc", "-o", "subformat=fixed,force_size=on"]),
        ("vhdx", ["vhdx"]),
        ("raw", ["raw"]),
    ],
)
@pytest.mark.parametrize("step", [511, 1 << 20])
def test_what_qemu_makes_is_taken_for_what_it_is(made, disk_format, arguments, step) -> None:
    data = made(*arguments)
    assert judge(inspected(data, step), disk_format) == (4 * MIB, None)
    for other in {"qcow2", "vmdk", "vdi", "vhdx", "iso"} - {disk_format}:
        assert refusal(data, other) is not None


def test_a_fixed_vhd_is_raw_as_well(made) -> None:
    data = made("vpc", "-o", "subformat=fixed,force_size=on")
    assert judge(inspected(data), "raw") == (len(data), None)


@pytest.mark.parametrize("disk_format", ["qcow2", "vmdk", "vdi", "vpc", "vhdx", "qed"])
def test_nothing_structured_passes_as_raw(made, disk_format) -> None:
    assert "does not match" in (refusal(made(disk_format), "raw") or "")
    assert "does not match" in (refusal(b"LUKS\xba\xbe" + bytes(1000), "raw") or "")


def test_what_reaches_for_other_files_is_refused(made) -> None:
    assert "backing" in (refusal(made("qcow2", "-b", "/etc/shadow", "-F", "raw", "-u"), "qcow2") or "")
    assert "another file" in (refusal(made("qcow2", "-o", "data_file=other,data_file_raw=on"), "qcow2") or "")
    assert "other files" in (refusal(made("vmdk", "-o", "subformat=twoGbMaxExtentSparse"), "vmdk") or "")
    assert "other files" in (refusal(made("vmdk", "-o", "subformat=monolithicFlat"), "vmdk") or "")


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def test_qcow2_with_a_twist_is_refused(made) -> None:
    data = made("qcow2")
    for at, value, why in (
        (4, struct.pack(">I", 4), "version"),
        (8, struct.pack(">Q", 2048), "backing"),
        (20, struct.pack(">I", 63), "cluster"),
        (72, struct.pack(">Q", 1 << 2), "another file"),
        (72, struct.pack(">Q", 1 << 40), "not known"),
        (72, struct.pack(">Q", 1 << 1), "corrupt"),
        (100, struct.pack(">I", 1 << 31), "header length|cut off"),
        (24, struct.pack(">Q", 2**64 - 1), "impossible"),
    ):
        reason = refusal(patched(data, at, value), "qcow2")
        assert reason is not None, why
        assert any(word in reason for word in why.split("|")), reason
    names_file = patched(
        data, struct.unpack_from(">I", data, 100)[0], struct.pack(">II", 0x44415441, 8) + b"passwd\0\0"
    )
    assert "data file" in (refusal(names_file, "qcow2") or "")
    assert refusal(data[:50], "qcow2") is not None


def test_vmdk_with_a_twist_is_refused(made) -> None:
    data = made("vmdk")
    for old, new in (
        (b"monolithicSparse", b"monolithicFlat  "),
        (b'SPARSE "image"', b'SPARSE "/tmp/a"'[:14]),
        (b" SPARSE ", b" FLAT   "),
        (b"parentCID=ffffffff", b"parentCID=12345678"),
    ):
        assert old in data
        assert refusal(data.replace(old, new), "vmdk") is not None, new
    hint = data.replace(b"# The Disk Data Base", b'parentFileNameHint="')
    assert refusal(hint, "vmdk") is not None
    assert "capacity" in (refusal(patched(data, 12, bytes(8)), "vmdk") or "")
    assert refusal(b'# Disk DescriptorFile\nversion=1\nRW 1 FLAT "/etc/shadow" 0\n', "vmdk") is not None
    assert refusal(b"\n\n# nothing\nversion=1\n", "raw") is not None


def test_differences_to_a_parent_are_refused(made) -> None:
    vhd = made("vpc", "-o", "force_size=on")
    assert "parent" in (refusal(patched(vhd, 60, struct.pack(">I", 4)), "vhd") or "")
    vdi = made("vdi")
    assert "difference" in (refusal(patched(vdi, 0x4C, struct.pack("<I", 4)), "vdi") or "")
    vhdx = made("vhdx")
    parameters = vhdx.index(bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b"))
    offset = struct.unpack_from("<I", vhdx, parameters + 16)[0]
    start = vhdx.index(b"metadata") + offset
    assert "parent" in (refusal(patched(vhdx, start + 4, struct.pack("<I", 2)), "vhdx") or "")


def test_an_iso_may_have_a_partition_table_too() -> None:
    data = bytearray(100_000)
    data[0x8001:0x8006] = b"CD001"
    data[510:512] = b"\x55\xaa"
    data[512:520] = b"EFI PART"
    assert judge(inspected(bytes(data)), "iso") == (100_000, None)
    assert "does not match" in (refusal(bytes(data), "raw") or "")
    data[0x8001:0x8006] = bytes(5)
    assert judge(inspected(bytes(data)), "raw") == (100_000, None)


def test_two_formats_at_once_are_none(made) -> None:
    both = patched(made("qcow2"), 0x40, struct.pack("<I", 0xBEDA107F))
    assert "at once" in (refusal(both, "qcow2") or "")
    assert refusal(both, "vdi") is not None


MAGICS = [
    b"QFI\xfb\0\0\0\3",
    b"KDMV\1\0\0\0",
    b"vhdxfile",
    b"conectix",
    b"QED\0",
    b"LUKS\xba\xbe",
    b"# Disk DescriptorFile\n",
    b"COWD",
    b"",
]


@settings(max_examples=100, deadline=None)
@given(
    magic=st.sampled_from(MAGICS),
    body=st.binary(max_size=2000),
    patches=st.lists(st.tuples(st.integers(0, HEAD_BYTES + 4096), st.binary(min_size=1, max_size=64)), max_size=8),
    size=st.integers(0, HEAD_BYTES + 8192),
    disk_format=st.sampled_from(["raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso"]),
    step=st.integers(1000, 300_000),
)
def test_no_bytes_confuse_the_inspector(magic, body, patches, size, disk_format, step) -> None:
    data = bytearray(max(size, len(magic) + len(body)))
    data[: len(magic) + len(body)] = magic + body
    for at, value in patches:
        if at + len(value) <= len(data):
            data[at : at + len(value)] = value
    virtual_size, problem = judge(inspected(bytes(data), step), disk_format)
    assert (problem is None) != (virtual_size is None)
    if virtual_size is not None:
        assert 0 <= virtual_size < 2**63
    assert judge(inspected(bytes(data), 7777), disk_format) == (virtual_size, problem)
    if disk_format == "raw" and problem is None:
        assert not data.startswith((b"QFI\xfb", b"KDMV", b"vhdxfile", b"QED\0"))


def test_memory_is_bounded_by_the_head() -> None:
    inspector = Inspector()
    for _ in range(40):
        inspector.feed(b"vhdxfile" * (MIB // 8))
    held = sum(len(value) for value in vars(inspector).values() if isinstance(value, bytes | bytearray))
    assert held <= HEAD_BYTES + (128 << 10) + 512


def test_qemu_agrees_with_what_is_taken(made, tmp_path: Path) -> None:
    """Whatever passes as qcow2 refers to nothing else in QEMU's eyes."""
    path = tmp_path / "x"
    path.write_bytes(made("qcow2"))
    shown = subprocess.run(
        ["qemu-img", "info", "--output=json", str(path)], check=True, capture_output=True, text=True
    ).stdout
    assert '"format": "qcow2"' in shown
    assert "backing-filename" not in shown
