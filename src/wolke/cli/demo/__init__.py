"""``wolke demo``: from nothing to a server that answers, with every step through the public API.

The cloud runs in a process of its own and writes its log to a file, so that the screen belongs to the steps; the guest image is
built beside its start. What is there from the last time is used again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wolke.cli.demo.story import Story, StoryError
from wolke.cli.demo.walk import Guest, walk
from wolke.state import Running, StateDirectory, default_directory

START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 120.0


def run(state: Path | None, listen: str, *, once: bool, as_json: bool) -> int:
    directory = StateDirectory(state or default_directory())
    story = Story(quiet=as_json)
    story.add_bootstrap(os.environ.get("WOLKE_BOOTSTRAP_TIMES", ""))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cloud: subprocess.Popen[bytes] | None = None
    try:
        directory.make()
        if directory.running() is None:
            cloud = _start(directory, listen)
        guest = _show(directory, cloud, story)
        _tell(story, directory, guest, as_json=as_json)
        if not once and cloud is not None:
            story.say(f"\nThe cloud runs until Ctrl-C, or `wolke down --state {directory.path}` from elsewhere.")
            cloud.wait()
        return 0
    except KeyboardInterrupt:
        return 130 if once else 0
    except StoryError as error:
        story.fail(str(error))
        return 1
    finally:
        stop_cloud(cloud, story)


def _start(directory: StateDirectory, listen: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "wolke", "up", "--state", str(directory.path), "--listen", listen]
    # A session of its own: Ctrl-C reaches this process alone, which then ends the cloud in good order.
    with (directory / "wolke.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def stop_cloud(cloud: subprocess.Popen[bytes] | None, story: Story) -> None:
    if cloud is None or cloud.poll() is not None:
        return
    with story.step("down", "Stopping the cloud"):
        cloud.terminate()
        with contextlib.suppress(KeyboardInterrupt):
            cloud.wait(_STOP_TIMEOUT_S)


def _show(directory: StateDirectory, cloud: subprocess.Popen[bytes] | None, story: Story) -> Guest:
    with _building(directory, story) as image:
        with story.step("cloud", "Starting the cloud"):
            running = wait_until_up(directory, cloud)
        story.say(f"  at {running.url}")
        connection = connect(directory)
        built = image()
    return walk(connection, connect(directory, "wolke-admin"), built, directory, story)


def wait_until_up(directory: StateDirectory, cloud: subprocess.Popen[bytes] | None) -> Running:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if cloud is not None and cloud.poll() is not None:
            log = directory / "wolke.log"
            lines = log.read_text(errors="replace").strip().splitlines()[-5:]
            raise StoryError("The cloud did not start. Its last words:\n  " + "\n  ".join(lines) + f"\n(all in {log})")
        running = directory.running()
        if running is not None and running.ready:
            return running
        time.sleep(0.02)
    raise StoryError(f"The cloud was not up within {START_TIMEOUT_S:.0f} s; see {directory / 'wolke.log'}")


@contextlib.contextmanager
def _building(directory: StateDirectory, story: Story) -> Iterator[Any]:
    """Builds the image in a thread; calling what this yields waits for it and returns the ``GuestImage``."""
    from wolke.cli.guest_image import build

    result: list[Any] = []
    started = time.monotonic()

    def work() -> None:
        try:
            result.append(build(directory / "guest-image", cache_dir=directory / "packages"))
        except Exception as error:  # carried to the caller, whatever it is
            result.append(error)
        finally:
            story.took("image", time.monotonic() - started)

    thread = threading.Thread(target=work, name="guest-image", daemon=True)
    thread.start()

    def wait() -> Any:
        with story.step("image wait", "Building a guest image from the distribution's packages", timed=False):
            thread.join()
        if isinstance(result[0], Exception):
            raise StoryError(f"The guest image could not be built: {result[0]}")
        return result[0]

    yield wait


def connect(directory: StateDirectory, cloud: str = "wolke") -> Any:
    import openstack

    os.environ["OS_CLIENT_CONFIG_FILE"] = str(directory / "clouds.yaml")
    return openstack.connect(cloud=cloud)


def _tell(story: Story, directory: StateDirectory, guest: Guest, *, as_json: bool) -> None:
    running = directory.running()
    if as_json:
        answer = {"url": running.url if running else None, "clouds_yaml": str(directory / "clouds.yaml")}
        print(json.dumps(answer | guest.facts() | {"seconds": story.seconds}, indent=2))
        return
    story.quote(guest.answer)
    story.times()
    story.say(
        f"""
Use it:
  export OS_CLIENT_CONFIG_FILE={directory / "clouds.yaml"} OS_CLOUD=wolke
  openstack server list                     (OS_CLOUD=wolke-admin for the administrator)
  {guest.login}"""
    )
