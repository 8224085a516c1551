from __future__ import annotations

from pathlib import Path

import pytest

from wolke.block_storage.agent.backends import build_backends
from wolke.core.config import ConfigError


def test_backends_are_named_with_their_drivers_and_places(tmp_path: Path) -> None:
    said = "file=file, bulk = file:/srv/volumes, fast=lvm:group/pool, test=simulated"
    made = build_backends(said, tmp_path, "host-1", address="192.0.2.1")
    assert [(one.name, one.driver_name) for one in made] == [
        ("file", "file"), ("bulk", "file"), ("fast", "lvm"), ("test", "simulated"),
    ]  # fmt: skip
    assert made[0].driver.capabilities.remote == made[1].driver.capabilities.remote
    assert build_backends("", tmp_path, "host-1") == []


@pytest.mark.parametrize(
    "said",
    ["file", "=file", "file=", "a=file,a=file", "a@b=file", "a#b=file", "a=nothing", "a=lvm:group", "a=lvm:/pool"],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, said: str) -> None:
    with pytest.raises(ConfigError, match="backends: "):
        build_backends(said, tmp_path, "host-1")
