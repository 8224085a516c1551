"""The pieces of the QEMU driver that need no QEMU."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from wolke.compute.drivers.base import Ephemeral, GuestSpec, Layer, Nic, Volume
from wolke.compute.drivers.qemu import console, disks, faults, host, kvm, uids, volume_nodes, volumes
from wolke.compute.drivers.qemu.definition import Definition, Disks, load, save
from wolke.compute.drivers.qemu.home import Home, choose_run_dir
from wolke.compute.drivers.qemu.volume_nodes import Way
from wolke.core.drivers import Failure
from wolke.core.files import exclusive


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.of(str(uuid.uuid4()), tmp_path, tmp_path / "run")
    home.root.mkdir()
    return home


@pytest.mark.parametrize("server_id", ["../../etc", "", "a/b", "x" * 36, f"{uuid.UUID(int=1)}\n"])
def test_only_a_uuid_becomes_part_of_a_path(tmp_path: Path, server_id: str) -> None:
    with pytest.raises(Failure, match="UUID"):
        Home.of(server_id, tmp_path, tmp_path)


def test_a_long_state_directory_gets_a_short_place_for_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path) if len(str(tmp_path)) < 20 else "/tmp")
    far = tmp_path / ("x" * 80)
    first = choose_run_dir(far, None)
    try:
        assert first == choose_run_dir(far, None) and len(str(first)) <= 60
        assert first.stat().st_mode & 0o077 == 0
    finally:
        first.rmdir()


def test_a_place_for_sockets_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "r").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure, match="run_dir"):
        choose_run_dir(tmp_path, tmp_path / "r")


def test_a_definition_comes_back_as_it_was_written(home: Home) -> None:
    nic = Nic("port", "52:54:00:00:00:01", "tap", "tap0", "ns", options={"a": "b"})
    disks = [Ephemeral(1, "ext4")]
    spec = GuestSpec(home.server_id, "ü", 1, 64, 1, disks, image=Path("/a b"), nics=[nic], extra_specs={"x": "y"})
    definition = Definition(spec, "pc", 7, Disks(1, 2, 3, 4), {"port": 0})
    assert load(home) is None
    save(home, definition)
    assert load(home) == definition
    assert home.file("definition.json").stat().st_mode & 0o077 == 0


async def test_one_verb_at_a_time_and_no_lock_is_left_of_a_guest_that_is_gone(home: Home) -> None:
    async with exclusive(home.root, 0):
        with pytest.raises(TimeoutError, match="still under way"):
            async with exclusive(home.root, 0):
                pass
        home.root.rmdir()
    async with exclusive(home.root, 0):
        pass
    assert list(home.root.parent.iterdir()) == []


def test_no_two_guests_get_the_same_user(tmp_path: Path) -> None:
    servers = [str(uuid.uuid4()) for _ in range(20)]
    given = [uids.claim(tmp_path, server, 1000, 20) for server in servers]
    assert sorted(given) == list(range(1000, 1020))
    assert [uids.claim(tmp_path, server, 1000, 20) for server in servers] == given
    with pytest.raises(Failure, match="no free user id"):
        uids.claim(tmp_path, str(uuid.uuid4()), 1000, 20)
    uids.release(tmp_path, servers[3])
    assert uids.claim(tmp_path, str(uuid.uuid4()), 1000, 20) == given[3]


def test_users_that_a_container_has_not_are_noticed() -> None:
    assert uids.mapped(1_900_000_000, 65_536, "         0          0 4294967295\n")
    assert not uids.mapped(1_900_000_000, 65_536, "0 100000 65536\n")


def test_the_console_keeps_its_end(home: Home) -> None:
    live = home.file("console.log")
    console.trim(home, 100)
    live.write_bytes(b"".join(b"line %d\n" % n for n in range(100)))
    console.trim(home, 100)
    assert live.stat().st_size == 0
    live.write_bytes(b"more\rover\xff\n")
    assert console.read(home, 3) == "line 99\nmore\rover\ufffd\n"
    assert console.read(home, 1) == ""
    assert len(console.read(home, None)) < 100
    assert console.read(home, 0) == ""


def test_swap_space_is_ready_to_use() -> None:
    page = disks.swap_header(1 << 20)
    assert len(page) == 4096 and page.endswith(b"SWAPSPACE2")
    assert int.from_bytes(page[1028:1032], "little") == 255


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("2026-01-01T00:00:00Z qemu-system-x86_64: cannot set up guest memory 'pc.ram': no", "not enough free memory"),
        ("qemu-system-x86_64: load of migration failed: Invalid argument", "saved memory cannot be restored"),
    ],
)
def test_what_qemu_says_is_told_in_plain_words(words: str, meaning: str) -> None:
    failure = faults.explain(words)
    assert failure and meaning in str(failure)
    assert not faults.last_line(words).startswith(("2026", "qemu"))


def test_what_nobody_knows_is_not_called_terminal() -> None:
    assert faults.explain("qemu-system-x86_64: something new") is None
    assert faults.last_line("") == ""


def test_topology_is_counted_from_what_the_kernel_shows() -> None:
    rows = [{"physical id": str(n // 4), "core id": str(n % 4 // 2)} for n in range(8)]
    assert host.topology(rows) == {"sockets": 2, "cores": 2, "threads": 2}
    assert host.topology([{}, {}]) == {"sockets": 1, "cores": 2, "threads": 1}


def test_kvm_is_tried_once_and_the_answer_says_why() -> None:
    works, why = kvm.usable()
    assert why and kvm.usable() == (works, why)
    if not os.access(kvm.DEVICE, os.R_OK | os.W_OK):
        assert not works


def test_what_a_volume_writes_to_is_opened_past_the_page_cache_and_what_volumes_share_is_not() -> None:
    volume = Volume(str(uuid.uuid4()), 1, (Layer("/top", "qcow2"), Layer("/image", "qcow2")))
    below, top = volume_nodes.nodes(volume, (1, 2), [Way(block=False, direct=True)] * 2)
    assert top["cache"] == top["file"]["cache"] == {"direct": True}
    assert "cache" not in below and "cache" not in below["file"]


def test_a_volume_that_cannot_do_without_the_page_cache_is_opened_with_it() -> None:
    volume = Volume(str(uuid.uuid4()), 1, (Layer("/top", "raw"),))
    [node] = volume_nodes.nodes(volume, (1,), [Way(block=False, direct=False)])
    assert "cache" not in node and "cache" not in node["file"]


def test_a_file_system_that_needs_the_page_cache_is_found_out() -> None:
    with Path("/proc/self/status").open("rb") as file:
        assert volumes.way(file.fileno()) == Way(block=False, direct=False)
