"""Folders kept in the object store by rclone and restic, by either API, also while the store's process is killed under them."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.clients.object_cloud import FULL, NEEDED, ObjectCloud, assert_same, file_of, folder_of
from tests.clients.running_cloud import eventually

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason="the host lacks clients of object stores"),
    pytest.mark.usefixtures("inside"),
]

WIDE = ("--transfers", "16", "--checkers", "16", "--stats", "0")
PARTS = ("--s3-upload-cutoff", "8M", "--s3-chunk-size", "8M", "--swift-chunk-size", "8M", "--multi-thread-cutoff", "8M")


@pytest.mark.parametrize(
    ("door", "other", "files"), [("swift", "s3", 10_000), ("s3", "swift", 10_000 if FULL else 1000)]
)
def test_rclone_synchronises_thousands_of_files_and_both_doors_have_them(
    object_cloud: ObjectCloud, tmp_path: Path, door: str, other: str, files: int
) -> None:
    cloud, name, here = object_cloud, f"many-{door}", folder_of(tmp_path / "here", files)
    cloud.run("rclone", "sync", *WIDE, here, f"{door}:{name}")
    # S3's listing says all checksums at once; Swift's client asks for each.
    assert f"{files} matching files" in cloud.run("rclone", "check", *WIDE, here, f"s3:{name}")
    some = () if FULL else ("--include", "/00[0-4]/**")
    said = cloud.run("rclone", "check", "--download", *WIDE, *some, here, f"{other}:{name}")
    assert f"{files if FULL else 500} matching files" in said


def test_rclone_follows_what_changes_and_either_door_shows_it(object_cloud: ObjectCloud, tmp_path: Path) -> None:
    cloud, here = object_cloud, folder_of(tmp_path / "here", 120)
    cloud.run("rclone", "sync", *WIDE, here, "s3:changes")
    (here / "000" / "00.bin").unlink()
    (changed := here / "001" / "01.bin").write_bytes(b"changed, and of another length" * 100)
    (here / "001" / "new").write_bytes(b"")
    cloud.run("rclone", "sync", *WIDE, here, "swift:changes")
    assert cloud.run("rclone", "cat", "s3:changes/001/01.bin").encode() == changed.read_bytes()
    cloud.run("rclone", "sync", *WIDE, "s3:changes", tmp_path / "back")
    assert_same(here, tmp_path / "back")


def test_rclone_sends_and_gets_large_files_in_parts(object_cloud: ObjectCloud, tmp_path: Path) -> None:
    (here := tmp_path / "here").mkdir()
    file_of(here / "large.bin", 33 * (1 << 20) + 1)
    for door, other in (("s3", "swift"), ("swift", "s3")):
        object_cloud.run("rclone", "copy", *PARTS, here, f"{door}:large-{door}")
        for reader in (door, other):
            back = tmp_path / f"{door}-{reader}"
            object_cloud.run("rclone", "copy", *PARTS, f"{reader}:large-{door}", back)
            assert_same(here, back)
        object_cloud.run("rclone", "delete", f"{door}:large-{door}")
    left = object_cloud.run("rclone", "lsf", "-R", "--files-only", "swift:large-swift_segments")
    assert left == "", "the segments went with what they were of"


@pytest.mark.parametrize("door", ["swift", "s3"] if FULL else ["s3"])
def test_a_sync_goes_on_when_the_store_is_killed_and_loses_nothing(
    object_cloud: ObjectCloud, tmp_path: Path, door: str
) -> None:
    """Once: the more often a process dies within a minute, the longer the cloud waits before it starts it again."""
    cloud, name, files = object_cloud, f"killed-{door}", 600
    here = folder_of(tmp_path / "here", files, seed=3)
    log = tmp_path / "log"
    # A file that was acknowledged is not looked at again: there is one pass.
    once = ("--retries", "1", "--low-level-retries", "30", "--no-check-dest", "--log-level", "INFO", "--log-file", log)
    started = cloud.popen("rclone", "copy", *WIDE, *once, here, f"{door}:{name}")
    eventually(lambda: _copied(log) > 150, "some are there", 60, 0.02)
    cloud.kill_store()
    assert _copied(log) < files
    cloud.finish(started)
    assert _copied(log) == files
    back = tmp_path / "back"
    cloud.run("rclone", "copy", *WIDE, f"s3:{name}", back)
    assert_same(here, back)


def _copied(log: Path) -> int:
    return log.read_text().count(": Copied (new)") if log.exists() else 0


@pytest.mark.parametrize("door", ["swift", "s3"])
def test_restic_keeps_backups_and_gives_them_back(object_cloud: ObjectCloud, tmp_path: Path, door: str) -> None:
    """The second by Swift's API while the store is killed."""
    cloud = object_cloud
    where = f"swift:backups-{door}:/" if door == "swift" else f"s3:{cloud.store_url}/backups-{door}"
    to = ("restic", "-r", where, "--cache-dir", tmp_path / "cache")
    here = folder_of(tmp_path / "here", 200, largest=20_000, seed=4)
    file_of(here / "large.bin", 16 << 20)
    cloud.run(*to, "init")
    cloud.run(*to, "backup", "--tag", "first", here)
    shutil.copytree(here, first := tmp_path / "first")
    (here / "000" / "00.bin").unlink()
    file_of(here / "other.bin", 12 << 20, seed=5)
    running = cloud.popen(*to, "backup", "--tag", "second", here)
    if door == "swift":
        time.sleep(0.7)
        cloud.kill_store()
    cloud.finish(running)

    for tag, kept in (("first", first), ("second", here)):
        cloud.run(*to, "restore", "latest", "--tag", tag, "--target", tmp_path / f"back-{tag}")
        assert_same(kept, tmp_path / f"back-{tag}" / here.relative_to("/"))
    cloud.run(*to, "forget", "--keep-last", "1", "--group-by", "paths", "--prune")
    assert "no errors were found" in cloud.run(*to, "check", "--read-data")
