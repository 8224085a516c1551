"""Two hosts' agents on this machine, with real guests that go from one to the other."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.processes import free_port
from tests.clients.running_cloud import RunningCloud, eventually
from wolke.compute.drivers.qemu import trial
from wolke.compute.drivers.qemu.home import choose_run_dir

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
    pytest.mark.guest,
    pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="QEMU is not installed"),
]


@pytest.fixture(scope="module")
def controllers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    made = RunningCloud(tmp_path_factory.mktemp("two") / "controllers", listen=f"127.0.0.1:{free_port()}")
    made.start(WOLKE_HOST__ENABLED="false")
    yield made
    made.end()


@pytest.fixture(scope="module")
def agents(controllers: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The hosts one and two; QEMU for guests, no network to speak of. Each host's state directory. Two always serves its volumes, one
    only those that others need."""
    processes, folders = [], {}
    for name in ("one", "two"):
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(controllers.state / "agent.json", folder / "agent.json")
        command = [sys.executable, "-m", "wolke", "agent", "--controller", controllers.url, "--host", name]
        command += ["--hypervisor", "qemu", "--dataplane", "simulated"]
        command += ["--credential", str(folder / "agent.json"), "--state", str(folder / "state")]
        environment = {**controllers.environment(), "WOLKE_QEMU__ACCELERATOR": "tcg"}
        environment |= {"WOLKE_HOST__VOLUME_BACKENDS": "file=file,more=file"}
        environment |= {"WOLKE_HOST__SERVE_VOLUMES": "true" if name == "two" else "false"}
        with (folder / "log").open("ab") as log:
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
        folders[name] = folder
    yield folders
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in processes] == [0, 0]


@pytest.fixture(scope="module")
def sdk(controllers: RunningCloud, agents: dict[str, Path]) -> Iterator[Any]:
    connection = controllers.connect("wolke-admin")
    eventually(lambda: {one.name for one in connection.compute.hypervisors()} == {"one", "two"}, "two hosts", 60)
    yield connection
    connection.close()


@pytest.fixture
def server(sdk: Any, tmp_path: Path) -> Iterator[Any]:
    """A guest that counts its boots on its disk, and then the ticks of its clock on its console."""
    image = sdk.image.create_image(
        "counter",
        data=trial.image(tmp_path / "image").read_bytes(),
        disk_format="raw",
        container_format="bare",
        wait=True,
    )
    flavor = sdk.compute.find_flavor("m1.micro")
    made = sdk.compute.create_server(name="counter", image_id=image.id, flavor_id=flavor.id, networks="none")
    yield sdk.compute.wait_for_server(made, interval=0.1, wait=60)
    sdk.compute.delete_server(made.id)
    sdk.compute.wait_for_delete(made, interval=0.1, wait=60)


def console(sdk: Any, server: Any) -> str:
    return str(sdk.compute.get_server_console_output(server.id)["output"])


def settled(sdk: Any, server: Any, status: str) -> Any:
    def look() -> Any:
        found = sdk.compute.get_server(server.id)
        assert found.status != "ERROR", found.fault
        return found.status == status and found.task_state is None and found

    return eventually(look, status, 60, 0.1)


def test_a_running_guest_goes_to_the_other_host_and_its_counter_goes_on(sdk: Any, server: Any) -> None:
    eventually(lambda: console(sdk, server).count(".") > 2, "it counts", 30, 0.1)
    source = server.compute_host
    sdk.compute.live_migrate_server(server.id, host=None, block_migration="auto")
    there = settled(sdk, server, "ACTIVE")
    assert there.compute_host != source
    eventually(lambda: console(sdk, server).count(".") > 2, "it counts there", 30, 0.1)
    assert "booted" not in console(sdk, server), "it did not start again"
    [move] = [one for one in sdk.compute.migrations() if one.server_id == server.id]
    assert (move.status, move.migration_type) == ("completed", "live-migration")
    sdk.compute.reboot_server(server.id, "HARD")
    eventually(lambda: "booted 2" in console(sdk, server), "its disk came along", 30, 0.1)


def test_a_guest_moves_with_its_disk_and_stays_when_that_is_confirmed(
    sdk: Any, server: Any, agents: dict[str, Path]
) -> None:
    eventually(lambda: "booted" in console(sdk, server), "it has booted", 30, 0.1)
    source = server.compute_host
    sdk.compute.migrate_server(server.id)
    there = settled(sdk, server, "VERIFY_RESIZE")
    assert there.compute_host != source
    eventually(lambda: "booted 2" in console(sdk, server), "its disk remembers the first boot", 30, 0.1)
    sdk.compute.confirm_server_resize(server.id)
    settled(sdk, server, "ACTIVE")
    left = [path for path in (agents[source] / "state").rglob(f"{server.id}*") if path.suffix != ".lock"]
    assert [path for path in left if "guests" in path.parts] == []


def from_volume(sdk: Any, tmp_path: Path, host: str) -> tuple[Any, str]:
    """A server on that host that counts its boots on its root volume, which goes with it; and that volume."""
    data = trial.image(tmp_path / "image").read_bytes()
    image = sdk.image.create_image(tmp_path.name, data=data, disk_format="raw", container_format="bare", wait=True)
    disk = {"source_type": "image", "uuid": image.id, "destination_type": "volume", "volume_size": 1, "boot_index": 0}
    made = sdk.compute.create_server(
        name="from-volume",
        flavor_id=sdk.compute.find_flavor("m1.micro").id,
        networks="none",
        availability_zone=f"nova:{host}",
        block_device_mapping=[{**disk, "delete_on_termination": True}],
    )
    server = sdk.compute.wait_for_server(made, interval=0.1, wait=60)
    assert server.compute_host == host
    eventually(lambda: "booted 1" in console(sdk, server), "it starts", 30, 0.1)
    [volume_id] = [one.id for one in server.attached_volumes]
    return server, volume_id


def goes_on(sdk: Any, server: Any) -> None:
    eventually(lambda: console(sdk, server).count(".") > 2, "it goes on", 30, 0.1)


def seen_gib(folder: Path, server: Any) -> set[int]:
    """How large the guest's QEMU on that host takes its disks to be."""
    state = next((folder / "state").rglob("guests")).parent
    with socket.socket(socket.AF_UNIX) as link, link.makefile("rw") as stream:
        link.connect(str(choose_run_dir(state, None) / server.id / "look"))
        for command in ("qmp_capabilities", "query-block"):
            stream.write(json.dumps({"execute": command}) + "\n")
            stream.flush()
        said: Any = []
        while not said:
            said = json.loads(stream.readline()).get("return")
    return {one["inserted"]["image"]["virtual-size"] >> 30 for one in said if "inserted" in one}


def test_a_volume_that_is_always_served_moves_with_its_server_and_grows_while_it_is_used(
    sdk: Any, agents: dict[str, Path], tmp_path: Path
) -> None:
    server, volume_id = from_volume(sdk, tmp_path, "two")
    assert seen_gib(agents["two"], server) == {1}
    sdk.compute.live_migrate_server(server.id, host=None, block_migration="auto")
    assert settled(sdk, server, "ACTIVE").compute_host == "one"
    assert "volumes are served from now on" not in (agents["two"] / "log").read_text(), "it never stood still"
    goes_on(sdk, server)
    sdk.block_storage.extend_volume(volume_id, 2)
    eventually(lambda: seen_gib(agents["one"], server) == {2}, "the guest sees it grow", 60, 0.1)
    goes_on(sdk, server)
    assert "booted" not in console(sdk, server), "it did not start again"
    settled(sdk, server, "ACTIVE")
    sdk.compute.reboot_server(server.id, "HARD")
    eventually(lambda: "booted 2" in console(sdk, server), "what it wrote is there", 30, 0.1)
    settled(sdk, server, "ACTIVE")
    sdk.compute.delete_server(server.id)
    sdk.compute.wait_for_delete(server, interval=0.1, wait=60)


def test_a_running_guest_takes_its_volume_to_another_back_end(
    sdk: Any, agents: dict[str, Path], tmp_path: Path
) -> None:
    server, volume_id = from_volume(sdk, tmp_path, "one")
    was = sdk.block_storage.get_volume(volume_id).host
    there = was.replace("@file#", "@more#") if "@file#" in was else was.replace("@more#", "@file#")
    sdk.block_storage.migrate_volume(volume_id, host=there)

    def moved() -> bool:
        volume = sdk.block_storage.get_volume(volume_id)
        assert volume.migration_status != "error"
        return bool(volume.host == there and volume.status == "in-use")

    eventually(moved, "it is there", 60, 0.1)
    before = console(sdk, server).count(".")
    eventually(lambda: console(sdk, server).count(".") > before, "the guest goes on", 30, 0.1)
    backend = was.partition("@")[2].partition("#")[0]
    assert [path for path in (agents["one"] / "state").rglob(f"{volume_id}*") if backend in path.parts] == []
    sdk.compute.reboot_server(server.id, "HARD")
    eventually(lambda: "booted 2" in console(sdk, server), "and starts again from where it is", 30, 0.1)
    settled(sdk, server, "ACTIVE")
    sdk.compute.delete_server(server.id)
    sdk.compute.wait_for_delete(server, interval=0.1, wait=60)


def test_a_guest_that_starts_from_a_volume_leaves_its_host_and_comes_back_running(sdk: Any, tmp_path: Path) -> None:
    """The volume stays where it is: at first it is a file there; so that another host can open it, it is served from then on."""
    server, volume_id = from_volume(sdk, tmp_path, "one")
    home = server.compute_host
    for away in (True, False):
        sdk.compute.live_migrate_server(server.id, host=None, block_migration="auto")
        assert (settled(sdk, server, "ACTIVE").compute_host != home) is away
        goes_on(sdk, server)
        assert "booted" not in console(sdk, server), "it did not start again"
    sdk.compute.migrate_server(server.id)
    assert settled(sdk, server, "VERIFY_RESIZE").compute_host != home
    eventually(lambda: "booted 2" in console(sdk, server), "it reads its volume from afar", 30, 0.1)
    sdk.compute.confirm_server_resize(server.id)
    settled(sdk, server, "ACTIVE")
    [attachment] = sdk.block_storage.get_volume(volume_id).attachments
    assert attachment["server_id"] == server.id
    sdk.compute.reboot_server(server.id, "HARD")
    eventually(lambda: "booted 3" in console(sdk, server), "and starts again from its volume", 30, 0.1)
    sdk.compute.delete_server(server.id)
    sdk.compute.wait_for_delete(server, interval=0.1, wait=60)
    eventually(lambda: sdk.block_storage.find_volume(volume_id) is None, "the volume goes with it", 30, 0.2)
