"""The guest image, built once for all runs; a whole cloud with real guests and one for objects alone, each started once a run."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.object_cloud import ObjectCloud
from tests.clients.running_cloud import NetworkNamespace, RunningCloud
from wolke.cli.guest_image import GuestImage, build, recipe


@pytest.fixture(scope="session")
def guest_image() -> GuestImage:
    """Built once for all runs of the tests, by whichever of several workers comes first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wolke" / "tests"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "guest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for old in cache.glob("guest-*"):
            if old.name != f"guest-{recipe()[:16]}":
                shutil.rmtree(old)
        return build(cache / f"guest-{recipe()[:16]}", cache_dir=cache / "packages")


@pytest.fixture(scope="session")
def namespace() -> Iterator[NetworkNamespace]:
    made = NetworkNamespace(f"wktest-{os.getpid()}")
    made.make()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def inside(namespace: NetworkNamespace) -> Iterator[None]:
    """The test, and what it starts, in the cloud's network."""
    with namespace.inside():
        yield


@pytest.fixture(scope="session")
def cloud(namespace: NetworkNamespace) -> Iterator[RunningCloud]:
    """With QEMU and Linux networks. When it is down, nothing of it is left on this machine."""
    # Not pytest's own folder, which is closed: guests run under users of their own and must be able to pass.
    folder = Path(tempfile.mkdtemp(prefix="wolke-clients-"))
    folder.chmod(0o711)
    made = RunningCloud(folder / "state")
    try:
        with namespace.inside():
            made.start()
        yield made
        with namespace.inside():
            made.end()
            assert made.left() == []
    finally:
        made.sweep()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def object_cloud(namespace: NetworkNamespace) -> Iterator[ObjectCloud]:
    """For the clients of its object store."""
    folder = Path(tempfile.mkdtemp(prefix="wolke-objects-"))
    (folder / "home").mkdir()
    made = ObjectCloud(folder / "state", home=folder / "home")
    try:
        with namespace.inside():
            made.start()
        yield made
        with namespace.inside():
            made.end()
    finally:
        made.sweep()
        shutil.rmtree(folder)
