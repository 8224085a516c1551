from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from wolke.compute.agent.iso9660 import SECTOR, image

FILES = {
    "openstack/latest/meta_data.json": b'{"a": 1}',
    "openstack/latest/user_data": b"x" * 5000,
    "openstack/content/0000": b"",
    **{f"ec2/2009-04-04/a-rather-long-name-{n:03}.json": b"y" * n * 40 for n in range(80)},
}


def test_it_is_whole_sectors_with_a_label() -> None:
    made = image(FILES)
    assert len(made) % SECTOR == 0
    assert made[16 * SECTOR + 1 : 16 * SECTOR + 6] == b"CD001"
    assert made[16 * SECTOR + 40 : 16 * SECTOR + 48] == b"config-2"
    assert int.from_bytes(made[16 * SECTOR + 80 : 16 * SECTOR + 84], "little") * SECTOR == len(made)


def test_the_same_files_are_the_same_bytes() -> None:
    assert image(FILES) == image(dict(FILES))


@pytest.mark.skipif(shutil.which("isoinfo") is None, reason="isoinfo is not installed")
def test_another_program_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "config.iso"
    path.write_bytes(image(FILES))

    def isoinfo(*arguments: str) -> bytes:
        return subprocess.run(["isoinfo", "-J", "-i", str(path), *arguments], check=True, capture_output=True).stdout

    listed = set(isoinfo("-f").decode().split())
    assert {"/" + name for name in FILES} <= listed
    for name, content in FILES.items():
        assert isoinfo("-x", "/" + name) == content
