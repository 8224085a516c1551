"""The first thing that anybody sees of Wolke."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.clients.running_cloud import NetworkNamespace, RunningCloud
from wolke.cli import packages
from wolke.cli.guest_image import GuestImage

pytestmark = [
    pytest.mark.root,
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(bool(packages.missing(["demo"])), reason="the host lacks programs for guests"),
]


def test_the_demo_shows_a_guest_that_answers_and_leaves_nothing(guest_image: GuestImage) -> None:
    folder = Path(tempfile.mkdtemp(prefix="wolke-demo-"))
    folder.chmod(0o711)
    cloud = RunningCloud(folder / "state")
    cloud.state.mkdir(mode=0o711)
    shutil.copytree(guest_image.disk_qcow2.parent, cloud.state / "guest-image")
    namespace = NetworkNamespace(f"wkdemo-{os.getpid()}")
    namespace.make()
    try:
        with namespace.inside():
            command = [sys.executable, "-m", "wolke", "demo", "--once", "--json", "--state", str(cloud.state)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=cloud.environment())
            assert done.returncode == 0, done.stderr + (cloud.state / "wolke.log").read_text()[-3000:]
            said = json.loads(done.stdout)
            assert "Hello from wolke-demo!" in said["answer"] and said["address"].startswith("172.24.4.")
            assert {"cloud", "server", "boot"} <= said["seconds"].keys()
            assert cloud.left() == []
    finally:
        cloud.sweep()
        namespace.remove()
        shutil.rmtree(folder)
