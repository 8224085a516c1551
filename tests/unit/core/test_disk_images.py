"""Images that users brought, from their first bytes."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from wolke.core.disk_images import HEADER, Image, ImageCheck, inspect
from wolke.core.drivers import Failure


def qcow2(
    path: Path, *, magic: bytes = b"QFI\xfb", version: int = 3, backing: int = 0, clusters: int = 16,
    size: int = 1 << 30, crypt: int = 0, incompatible: int = 0,
) -> Path:  # fmt: skip
    head = HEADER.pack(magic, version, backing, 4, clusters, size, crypt).ljust(72, b"\0")
    path.write_bytes(head + struct.pack(">Q", incompatible) + bytes(512))
    return path


def test_its_size_is_what_a_guest_sees(tmp_path: Path) -> None:
    assert inspect(qcow2(tmp_path / "one"), "qcow2") == Image("qcow2", 1 << 30)
    (tmp_path / "raw").write_bytes(bytes(1000))
    assert inspect(tmp_path / "raw", "raw") == Image("raw", 1024)


@pytest.mark.parametrize(
    "wrong",
    [
        {"magic": b"QFI\0"}, {"version": 4}, {"clusters": 8}, {"clusters": 22}, {"size": 0}, {"size": 1000},
        {"backing": 200}, {"crypt": 1}, {"incompatible": 1 << 2},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_broken_or_names_other_files_is_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(Failure):
        inspect(qcow2(tmp_path / "one", **wrong), "qcow2")


def test_a_layer_may_name_what_it_lies_on_but_not_where_its_data_is(tmp_path: Path) -> None:
    assert inspect(qcow2(tmp_path / "one", backing=200), "qcow2", backed=True).size == 1 << 30
    with pytest.raises(Failure, match="external data file"):
        inspect(qcow2(tmp_path / "one", backing=200, incompatible=1 << 2), "qcow2", backed=True)


def test_what_cannot_be_read_is_told_in_words(tmp_path: Path) -> None:
    for path, image_format in ((tmp_path / "none", "raw"), (tmp_path / "none", "qcow2")):
        with pytest.raises(Failure, match="No such file"):
            inspect(path, image_format)
    (tmp_path / "empty").touch()
    for image_format in ("raw", "qcow2", "vmdk"):
        with pytest.raises(Failure):
            inspect(tmp_path / "empty", image_format)


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
async def test_qemu_looks_at_it_as_well(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="not a valid qcow2"):
        await ImageCheck(10)(qcow2(tmp_path / "one", clusters=9, size=1 << 62), "qcow2")
