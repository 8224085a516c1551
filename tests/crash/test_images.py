"""Die before and after every call of an upload and a delete; start again; rows and files must agree, byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.processes import free_port
from tests.clients.running_cloud import RunningCloud, eventually
from tests.crash.door import Door
from tests.crash.images import SCENES, play, prepare, settled
from tests.crash.points import Story

LEAST_POINTS = 9


@pytest.mark.parametrize("scene", sorted(SCENES))
async def test_dying_anywhere_leaves_the_image_whole_or_waiting(scene: str, tmp_path: Path) -> None:
    story = Story(prepare, play, settled, LEAST_POINTS)
    assert await story.wrong_after_deaths(scene, tmp_path) == []


# ---------------------------------------------------------------------------------- a process that is really killed


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[RunningCloud]:
    drivers = ("--hypervisor", "simulated", "--dataplane", "simulated")
    made = RunningCloud(tmp_path / "state", f"127.0.0.1:{free_port()}", drivers)
    made.start()
    yield made
    made.end()


def test_an_upload_whose_cloud_is_killed_can_be_made_again(cloud: RunningCloud) -> None:
    door, content = Door(cloud), os.urandom(5_000_000)
    wish = {"name": "half", "disk_format": "raw", "container_format": "bare"}
    images = [json.loads(door.call("POST", "/image/v2/images", wish)[1])["id"] for _ in range(2)]
    lines = [door.begin(image, len(content), content[:3_000_000]) for image in images]
    folder = cloud.state / "images"
    eventually(lambda: [p.stat().st_size >= 2_000_000 for p in folder.iterdir()] == [True] * 2, "half is there", 30)
    assert [door.image(image)["status"] for image in images] == ["saving"] * 2
    cloud.kill()
    for line in lines:
        line.close()
    cloud.start()
    door = Door(cloud)
    eventually(lambda: {door.image(image)["status"] for image in images} == {"queued"}, "both wait again", 30)
    eventually(lambda: list(folder.iterdir()) == [], "no half is left", 30)
    answer, _ = door.call("PUT", f"/image/v2/images/{images[0]}/file", content=content)
    assert answer.status == 204
    assert door.image(images[0])["os_hash_value"] == hashlib.sha512(content).hexdigest()
    assert door.call("GET", f"/image/v2/images/{images[0]}/file")[1] == content
    assert door.call("DELETE", f"/image/v2/images/{images[0]}")[0].status == 204
    eventually(lambda: list(folder.iterdir()) == [], "nothing is left", 30)
