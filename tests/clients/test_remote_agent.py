"""A host whose controllers run elsewhere: it has their address and a credential, and nothing else of theirs."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.processes import free_port
from tests.clients.running_cloud import RunningCloud, eventually

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")


@pytest.fixture
def controllers(tmp_path: Path) -> Iterator[RunningCloud]:
    made = RunningCloud(tmp_path / "controllers", listen=f"127.0.0.1:{free_port()}")
    made.start(WOLKE_HOST__ENABLED="false")
    yield made
    made.end()


class Agent:
    """``wolke agent`` with simulated machines."""

    def __init__(self, controllers: RunningCloud, folder: Path) -> None:
        folder.mkdir()
        shutil.copy(controllers.state / "agent.json", folder / "agent.json")
        self._log = (folder / "log").open("ab")
        command = [sys.executable, "-m", "wolke", "agent", "--controller", controllers.url, "--host", "far"]
        drivers = ("--hypervisor", "simulated", "--dataplane", "simulated")
        more = (*drivers, "--credential", str(folder / "agent.json"), "--state", str(folder / "state"))
        environment = controllers.environment()
        self._process = subprocess.Popen([*command, *more], stdout=self._log, stderr=self._log, env=environment)

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        self._log.close()
        return code


@pytest.fixture
def agent(controllers: RunningCloud, tmp_path: Path) -> Iterator[None]:
    """On a host called far."""
    made = Agent(controllers, tmp_path / "far")
    yield
    assert made.stop() == 0


@pytest.fixture
def sdk(controllers: RunningCloud) -> Iterator[Any]:
    connection = controllers.connect("wolke-admin")
    yield connection
    connection.close()


@pytest.mark.usefixtures("agent")
def test_a_server_is_built_on_a_host_that_knows_only_an_address(controllers: RunningCloud, sdk: Any) -> None:
    eventually(lambda: [one.name for one in sdk.compute.hypervisors()] == ["far"], "the host is known", 60)
    network = sdk.network.create_network(name="net")
    sdk.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.40.0.0/24")
    image = sdk.image.create_image("any", data=bytes(65536), disk_format="raw", container_format="bare", wait=True)
    flavor = sdk.compute.find_flavor("m1.micro")
    wish = {"image_id": image.id, "flavor_id": flavor.id, "networks": [{"uuid": network.id}]}
    server = sdk.compute.wait_for_server(sdk.compute.create_server(name="one", **wish), interval=0.2, wait=60)
    assert server.compute_host == "far" and server.power_state == 1
    sdk.compute.stop_server(server.id)
    sdk.compute.wait_for_server(server, "SHUTOFF", interval=0.2, wait=60)
    assert not list((controllers.state / "host").iterdir()), "the controllers have a host's files"
    sdk.compute.delete_server(server.id)
    sdk.compute.wait_for_delete(server, interval=0.2, wait=60)


def test_without_a_host_a_server_says_that_there_is_none(controllers: RunningCloud, sdk: Any) -> None:
    image = sdk.image.create_image("any", data=bytes(65536), disk_format="raw", container_format="bare", wait=True)
    flavor = sdk.compute.find_flavor("m1.micro")
    made = sdk.compute.create_server(name="one", image_id=image.id, flavor_id=flavor.id, networks="none")
    failed = eventually(lambda: (now := sdk.compute.get_server(made.id)).status == "ERROR" and now, "ERROR", 60)
    assert "No valid host" in failed.fault["message"]
