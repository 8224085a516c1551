"""Keys as files: who opens what, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from wolke.identity.store.keys import KeyRing, KeysMissing


def ring(directory: Path, most: int = 3) -> KeyRing:
    made = KeyRing(directory, max_active=most)
    made.load()
    return made


def test_the_first_start_makes_two_keys_that_only_the_owner_reads(tmp_path: Path) -> None:
    ring(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == ["0", "1"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)


def test_a_rotation_promotes_the_staged_key_and_forgets_the_oldest(tmp_path: Path) -> None:
    one = ring(tmp_path)
    staged = (tmp_path / "0").read_bytes()
    first = one.seal(b"first")
    one.rotate()
    assert (tmp_path / "2").read_bytes() == staged != (tmp_path / "0").read_bytes()
    assert one.open(first) == b"first"
    one.rotate()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0", "2", "3"]
    assert one.open(first) is None
    assert one.open(one.seal(b"second")) == b"second"


def test_another_controller_finds_rotated_keys_by_itself(tmp_path: Path) -> None:
    one, other = ring(tmp_path), ring(tmp_path)
    for _ in range(2):  # the second primary is one that the other has never read
        one.rotate()
    assert other.open(one.seal(b"new")) == b"new"


def test_a_rotation_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    one = ring(tmp_path)
    (tmp_path / "0").rename(tmp_path / "2")
    one.rotate()
    assert (tmp_path / "0").exists()
    assert one.open(one.seal(b"x")) == b"x"


def test_foreign_and_broken_text_opens_nothing(tmp_path: Path) -> None:
    one, stranger = ring(tmp_path / "a"), ring(tmp_path / "b")
    for text in ("", "x", "é", "gAAAA", stranger.seal(b"x"), one.seal(b"x")[:-3], one.seal(b"x") + "AAAA"):
        assert one.open(text) is None


def test_a_broken_key_is_said_by_its_place_and_not_by_its_content(tmp_path: Path) -> None:
    ring(tmp_path)
    (tmp_path / "1").write_text("not-a-key")
    with pytest.raises(KeysMissing) as caught:
        ring(tmp_path)
    assert str(tmp_path) in str(caught.value) and "not-a-key" not in str(caught.value)
