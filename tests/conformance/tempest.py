"""Tempest, installed into an environment of its own, against a cloud started for it.

Compute has a second host. It has no routers, so the first is given every server that is not sent elsewhere: those that tempest
reaches by ssh are there.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance import swift
from tests.conformance.sources import CACHE

TEMPEST = "tempest==47.0.0"
LOG = Path(tempfile.gettempdir()) / "wolke-conformance.log"


@dataclass(frozen=True)
class Suite:
    """``include`` and ``smoke`` choose tests. ``hosts`` is how many there are."""

    include: str
    smoke: bool = False
    hosts: int = 1


SUITES = {
    "smoke": Suite(
        r"^tempest\.(api\.(identity|image|compute|network)|scenario\.test_(network|server)_basic)", smoke=True
    ),
    "identity": Suite(r"^tempest\.api\.identity"),
    "image": Suite(r"^tempest\.api\.image"),
    "compute": Suite(r"^tempest\.api\.compute", hosts=2),
    "volume": Suite(r"^tempest\.api\.volume"),
    "network": Suite(r"^tempest\.api\.network"),
    # With the two of identity, all that the trademark's list for object storage requires.
    "object": Suite(
        r"^tempest\.api\.(object_storage|identity\.v3\.test_tokens\.TokensV3Test\.test_(create_token|token_auth_creation))",
    ),
}


@dataclass(frozen=True)
class Wish:
    """What is to be run: ``part`` is (which, of how many) and ``match`` an expression, of the suite's tests. ``classes``: of a class
    of which something matches, all."""

    suite: str
    simulated: bool
    match: str | None = None
    part: tuple[int, int] = (1, 1)
    concurrency: int = 2
    classes: bool = False


def environment() -> Path:
    """Where tempest is installed; made once."""
    folder = CACHE / TEMPEST.replace("==", "-")
    if not (folder / "bin/tempest").exists():
        print(f"installing {TEMPEST} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin/pip", "install", "-q", TEMPEST], check=True)
    return folder / "bin"


def guest_image() -> Path:
    from wolke.cli.guest_image import build

    return build(CACHE / "guest-image", cache_dir=CACHE / "packages").disk_qcow2


def run(folder: Path, wish: Wish) -> list[dict[str, Any]]:
    """One row for each test: ``id``, ``status`` (success, fail, skip), and of what kept it its ``reason`` or ``traceback``.

    Of a class that did not begin there is one row, which says how many ``tests`` it hides.
    """
    from tests.bench.processes import Cloud

    tempest, suite = environment(), SUITES[wish.suite]
    drivers = ("--hypervisor", "simulated", "--dataplane", "simulated") if wish.simulated else ("--hypervisor", "qemu")
    with _options(), Cloud(folder / "state", *drivers) as cloud:
        with second_host(cloud, folder, drivers[1]) if suite.hosts > 1 else nullcontext():
            values = prepare(cloud, folder / "workspace", wish)
            if suite.hosts > 1:
                lay_ballast(cloud, values)
            workspace = _workspace(tempest, folder, values)
            chosen = choose(_listed(tempest, workspace), wish)
            results = _run(tempest, workspace, chosen, wish.concurrency)
        if any(one["status"] == "fail" for one in results):
            LOG.write_bytes(Path(cloud.log.name).read_bytes()[-2_000_000:])
    return results


#: Of the clouds. Idle guests are no load, and a dozen of them may be there at once.
_OPTIONS = {"WOLKE_HOST__VOLUME_BACKENDS": "file=file,second=file", "WOLKE_COMPUTE__CPU_ALLOCATION_RATIO": "16"}


@contextmanager
def _options() -> Iterator[None]:
    os.environ.update(_OPTIONS)
    try:
        with swift.store_options(policies=swift.POLICIES):
            yield
    finally:
        for name in _OPTIONS:
            del os.environ[name]


@contextmanager
def second_host(cloud: Any, folder: Path, hypervisor: str) -> Iterator[None]:
    """``wolke agent``, with no volumes and no routers of its own."""
    command = [sys.executable, "-m", "wolke", "agent", "--controller", cloud.url, "--host", "second"]
    command += ["--hypervisor", hypervisor, "--dataplane", "simulated" if hypervisor == "simulated" else "linux"]
    command += ["--credential", str(cloud.state / "agent.json"), "--state", str(folder / "second")]
    environ = {**os.environ, "WOLKE_HOST__VOLUME_BACKENDS": ""}
    process = subprocess.Popen(command, stdout=cloud.log, stderr=cloud.log, env=environ)
    try:
        deadline = time.monotonic() + 60
        while len(cloud.call("GET", "/compute/v2.1/os-hypervisors")["hypervisors"]) < 2:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the second host did not come up")
            time.sleep(0.2)
        agents = cloud.call("GET", "/network/v2.0/agents?host=second")["agents"]
        for agent_id in {one["id"] for one in agents}:
            cloud.call("PUT", f"/network/v2.0/agents/{agent_id}", {"agent": {"admin_state_up": False}})
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(150)


def _workspace(tempest: Path, folder: Path, values: dict[str, str]) -> Path:
    workspace = folder / "workspace"
    registry = folder / "workspaces.yaml"  # tempest would otherwise remember every run, in the user's home
    command = [tempest / "tempest", "init", "--workspace-path", registry, workspace]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    text = (Path(__file__).parent / "tempest.conf.template").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    (workspace / "etc/tempest.conf").write_text(text)
    return workspace


def prepare(cloud: Any, workspace: Path, wish: Wish) -> dict[str, str]:
    """Two images, two flavors, a type of volume for several servers, and the names of what the cloud already has."""
    images = [_upload(cloud, f"guest-{number}", simulated=wish.simulated) for number in (1, 2)]
    flavors = []
    for number in (1, 2):
        flavor = {"name": f"conformance-{number}", "ram": 96 * number, "vcpus": 1, "disk": 1}
        flavors.append(cloud.call("POST", "/compute/v2.1/flavors", {"flavor": flavor})["flavor"]["id"])
    public = cloud.call("GET", "/network/v2.0/networks?router:external=true")["networks"][0]["id"]
    extensions = [one["alias"] for one in cloud.call("GET", "/network/v2.0/extensions")["extensions"]]
    shared = {"name": "multiattach", "extra_specs": {"multiattach": "<is> True"}}
    cloud.call("POST", "/volume/v3/types", {"volume_type": shared})
    return {
        "WORKSPACE": str(workspace),
        "ADMIN_PASSWORD": cloud.secrets()["admin_password"],
        "URL": cloud.url,
        "IMAGE": images[0],
        "IMAGE_ALT": images[1],
        "FLAVOR": flavors[0],
        "FLAVOR_ALT": flavors[1],
        "HOSTS": str(SUITES[wish.suite].hosts),
        "PUBLIC_NETWORK": public,
        "EXTENSIONS": ",".join(extensions),
        "VALIDATION": str(not wish.simulated).lower(),
        "TIMEOUT": "30" if wish.simulated else "300",
        **swift.tempest_values(cloud),
    }


def lay_ballast(cloud: Any, values: dict[str, str]) -> None:
    """Much of the second host is taken by a server that is off, so that the first is chosen where either would do."""
    flavor = {"name": "ballast", "ram": 6144, "vcpus": 8 * (os.cpu_count() or 1), "disk": 1}
    flavor_id = cloud.call("POST", "/compute/v2.1/flavors", {"flavor": flavor})["flavor"]["id"]
    wish = {"name": "ballast", "imageRef": values["IMAGE"], "flavorRef": flavor_id, "networks": "none"}
    body = {"server": {**wish, "availability_zone": "nova:second"}}
    made = cloud.call("POST", "/compute/v2.1/servers", body, openstack_api_version="compute 2.37")["server"]
    path, deadline = f"/compute/v2.1/servers/{made['id']}", time.monotonic() + 120
    while cloud.call("GET", path)["server"]["status"] != "ACTIVE":
        if time.monotonic() > deadline:
            raise RuntimeError("the second host does not start servers")
        time.sleep(0.5)
    cloud.call("POST", f"{path}/action", {"os-stop": None})


def _upload(cloud: Any, name: str, *, simulated: bool) -> str:
    wish = {"name": name, "disk_format": "qcow2", "container_format": "bare", "visibility": "public"}
    if simulated:
        wish["disk_format"], content = "raw", bytes(65536)
    else:
        content = guest_image().read_bytes()
    image = cloud.call("POST", "/image/v2/images", wish)
    headers = {"x-auth-token": cloud.token, "content-type": "application/octet-stream"}
    url = f"{cloud.url}/image/v2/images/{image['id']}/file"
    urllib.request.urlopen(urllib.request.Request(url, content, headers, method="PUT"), timeout=60).close()
    return str(image["id"])


def _environ(tempest: Path, workspace: Path) -> dict[str, str]:
    path = f"{tempest}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "TEMPEST_CONFIG_DIR": str(workspace / "etc")}


def _listed(tempest: Path, workspace: Path) -> list[str]:
    command = [str(tempest / "stestr"), "list"]
    environ = _environ(tempest, workspace)
    ran = subprocess.run(command, cwd=workspace, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    return [line for line in ran.stdout.splitlines() if line.startswith("tempest.")]


def choose(listed: Sequence[str], wish: Wish) -> list[str]:
    """Of the tests that there are, whole classes together."""
    suite = SUITES[wish.suite]
    ids = sorted(one for one in listed if re.search(suite.include, one))
    if suite.smoke:
        ids = [one for one in ids if re.search(r"\bsmoke\b", one.partition("[")[2])]
    if wish.match is not None:
        matched = {one for one in ids if re.search(wish.match, one)}
        meant = {class_of(one) for one in matched} if wish.classes else set()
        ids = [one for one in ids if one in matched or class_of(one) in meant]
    which, parts = wish.part
    sizes = Counter(class_of(one) for one in ids)
    part_of, before = {}, 0
    for name, size in sizes.items():
        part_of[name] = before * parts // len(ids) + 1
        before += size
    return [one for one in ids if part_of[class_of(one)] == which]


def class_of(test_id: str) -> str:
    return test_id.partition("[")[0].rpartition(".")[0]


def _run(tempest: Path, workspace: Path, chosen: Sequence[str], concurrency: int) -> list[dict[str, Any]]:
    if not chosen:
        return []
    names = workspace / "chosen"
    names.write_text("\n".join(chosen))
    command = [
        str(tempest / "stestr"),
        "run",
        "--subunit",
        "--concurrency",
        str(concurrency),
        "--load-list",
        str(names),
    ]
    stream = workspace.parent / "subunit"
    with stream.open("wb") as output:
        subprocess.run(command, cwd=workspace, env=_environ(tempest, workspace), stdout=output)
    counted = [tempest / "python", Path(__file__).parent / "counted.py"]
    with stream.open("rb") as heard:
        found = subprocess.run(counted, stdin=heard, stdout=subprocess.PIPE, check=True)
    return complete([json.loads(line) for line in found.stdout.splitlines()], chosen)


def complete(rows: Sequence[dict[str, Any]], chosen: Sequence[str]) -> list[dict[str, Any]]:
    """With how many tests a class's row stands for, and a failure for each test that nothing was heard of."""
    silent = Counter(class_of(one) for one in set(chosen) - {row["id"] for row in rows})
    made = []
    for row in rows:
        if (name := hidden_class(row["id"])) is not None:
            if not (tests := silent.pop(name, 0)):
                continue  # torn down badly, or told twice
            row = {**row, "tests": tests}
        made.append(row)
    lost = [{"id": f"{name}.*", "status": "fail", "reason": "was not run", "tests": n} for name, n in silent.items()]
    return [*made, *lost]


def hidden_class(test_id: str) -> str | None:
    found = re.match(r"(?:setUpClass|tearDownClass) \((.*)\)$", test_id)
    return found.group(1) if found else None
