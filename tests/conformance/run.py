"""``python tests/conformance/run.py smoke`` — tempest's smoke tests against a cloud with real guests and networks.

``object`` is tempest's tests of object storage and then Swift's own: ``swift-native`` and ``swift-s3``.

Tempest is installed into an environment of its own (kept under the user's cache), configured by the template beside this file,
and run inside a network namespace in which the cloud's floating IPs can be reached. The counts go to
docs/reference/conformance.md; the exit code is 0 only if nothing failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/conformance.md"
TEMPEST = "tempest==47.0.0"
INSIDE = "WOLKE_CONFORMANCE_NAMESPACE"


@dataclass(frozen=True)
class Suite:
    """``include`` and ``smoke`` choose tests; ``listed`` names a file of test ids instead."""

    include: str
    smoke: bool = True


SUITES = {
    "smoke": Suite(r"^tempest\.(api\.(identity|image|compute|network)|scenario\.test_(network|server)_basic)"),
    "identity": Suite(r"^tempest\.api\.identity", smoke=False),
    "image": Suite(r"^tempest\.api\.image", smoke=False),
    "compute": Suite(r"^tempest\.api\.compute", smoke=False),
    "volume": Suite(r"^tempest\.api\.volume", smoke=False),
    "network": Suite(r"^tempest\.api\.network", smoke=False),
    # With the two of identity, all that the trademark's list for object storage requires.
    "object": Suite(
        r"^tempest\.api\.(object_storage|identity\.v3\.test_tokens\.TokensV3Test\.test_(create_token|token_auth_creation))",
        smoke=False,
    ),
}

sys.path.insert(0, str(ROOT))
SWIFTS_OWN = ("swift-native", "swift-s3")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=sorted((*SUITES, *SWIFTS_OWN)))
    parser.add_argument("--match", help="only tests that match this expression")
    parser.add_argument("--write", action="store_true", help="write the counts into the documentation")
    parser.add_argument("--simulated", action="store_true", help="without real guests (no ssh)")
    arguments = parser.parse_args()
    own = SWIFTS_OWN if arguments.suite == "object" else (arguments.suite,)
    is_object = arguments.suite == "object" or arguments.suite in SWIFTS_OWN
    arguments.simulated |= is_object
    if INSIDE not in os.environ:
        environment()
        if is_object:
            swift().environment()
        else:
            guest_image()
        return subprocess.run(inside_a_namespace(sys.argv), env={**os.environ, INSIDE: "1"}).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    if arguments.suite in SWIFTS_OWN:
        return _code(swifts_own(own, write=arguments.write))
    tempest = environment()
    with tempfile.TemporaryDirectory(prefix="wolke-tempest-") as folder:
        results = against_a_cloud(Path(folder), tempest, arguments)
    report(arguments.suite, results, write=arguments.write)
    if is_object and arguments.match is None:
        results += swifts_own(own, write=arguments.write)
    return _code(results)


def _code(results: list[dict[str, Any]]) -> int:
    return 1 if any(one["status"] == "fail" for one in results) else 0


def swift() -> Any:
    from tests.conformance import swift

    return swift


def swifts_own(suites: tuple[str, ...], *, write: bool) -> list[dict[str, Any]]:
    """Swift's functional tests, each part against clouds of its own."""
    from tests.bench.processes import Cloud

    found = []
    for suite in suites:
        with tempfile.TemporaryDirectory(prefix="wolke-swift-") as folder:
            results = swift().PARTS[suite](Cloud, Path(folder))
        report(suite, results, write=write, title=f"{swift().SWIFT.replace('==', ' ')}, {suite}")
        found += results
    return found


def inside_a_namespace(argv: list[str]) -> list[str]:
    """A network of its own: nothing that the cloud makes touches the machine's."""
    return ["unshare", "--net", sys.executable, *argv]


def environment() -> Path:
    """Where tempest is installed; made once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wolke" / TEMPEST.replace("==", "-")
    if not (cache / "bin/tempest").exists():
        print(f"installing {TEMPEST} into {cache}", file=sys.stderr)
        venv.create(cache, with_pip=True, clear=True)
        subprocess.run([cache / "bin/pip", "install", "-q", TEMPEST], check=True)
    return cache / "bin"


def guest_image() -> Path:
    from wolke.cli.guest_image import build

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wolke"
    return build(cache / "guest-image", cache_dir=cache / "packages").disk_qcow2


def against_a_cloud(folder: Path, tempest: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from tests.bench.processes import Cloud

    drivers = ("--hypervisor", "simulated", "--dataplane", "simulated") if arguments.simulated else ()
    options = swift().store_options(policies=swift().POLICIES)
    with options, Cloud(folder / "state", *(drivers or ("--hypervisor", "qemu"))) as cloud:
        workspace = folder / "workspace"
        registry = folder / "workspaces.yaml"  # tempest would otherwise remember every run, in the user's home
        command = [tempest / "tempest", "init", "--workspace-path", registry, workspace]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        values = prepare(cloud, workspace, simulated=arguments.simulated)
        values["CINDER"] = str(arguments.suite == "volume").lower()
        text = (Path(__file__).parent / "tempest.conf.template").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (workspace / "etc/tempest.conf").write_text(text)
        results = run_tempest(tempest, workspace, SUITES[arguments.suite], arguments.match)
        if any(one["status"] == "fail" for one in results):
            keep = Path(tempfile.gettempdir()) / "wolke-conformance.log"
            keep.write_bytes(Path(cloud.log.name).read_bytes()[-2_000_000:])
    return results


def prepare(cloud: Any, workspace: Path, *, simulated: bool) -> dict[str, str]:
    """Two images, two flavors and the names of what the cloud already has."""
    images = [upload(cloud, f"guest-{number}", simulated) for number in (1, 2)]
    flavors = []
    for number in (1, 2):
        wish = {"name": f"conformance-{number}", "ram": 96 * number, "vcpus": 1, "disk": 1}
        flavors.append(cloud.call("POST", "/compute/v2.1/flavors", {"flavor": wish})["flavor"]["id"])
    public = cloud.call("GET", "/network/v2.0/networks?router:external=true")["networks"][0]["id"]
    extensions = [one["alias"] for one in cloud.call("GET", "/network/v2.0/extensions")["extensions"]]
    return {
        "WORKSPACE": str(workspace),
        "ADMIN_PASSWORD": cloud.secrets()["admin_password"],
        "URL": cloud.url,
        "IMAGE": images[0],
        "IMAGE_ALT": images[1],
        "FLAVOR": flavors[0],
        "FLAVOR_ALT": flavors[1],
        "PUBLIC_NETWORK": public,
        "EXTENSIONS": ",".join(extensions),
        "VALIDATION": "false" if simulated else "true",
        **swift().tempest_values(cloud),
    }


def upload(cloud: Any, name: str, simulated: bool) -> str:
    import urllib.request

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


def run_tempest(tempest: Path, workspace: Path, suite: Suite, match: str | None) -> list[dict[str, Any]]:
    command = [str(tempest / "stestr"), "run", "--subunit", "--concurrency", "2"]
    expression = suite.include if match is None else match
    if suite.smoke and match is None:
        expression = rf"(?=.*\bsmoke\b)({suite.include})"
    command.append(expression)
    environment = {
        **os.environ,
        "PATH": f"{tempest}:{os.environ['PATH']}",
        "TEMPEST_CONFIG_DIR": str(workspace / "etc"),
    }
    ran = subprocess.run(command, cwd=workspace, env=environment, stdout=subprocess.PIPE)
    counted = subprocess.run(
        [tempest / "python", Path(__file__).parent / "counted.py"], input=ran.stdout, stdout=subprocess.PIPE, check=True
    )
    return [json.loads(line) for line in counted.stdout.splitlines()]


def service_of(test_id: str) -> str:
    parts = test_id.split(".")
    if parts[0] != "tempest":
        return parts[0]
    if parts[1] == "api":
        return parts[2]
    return "scenario"


def report(suite: str, results: list[dict[str, Any]], *, write: bool, title: str = "") -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in results:
        name = one["id"] if not one["id"].startswith("setUpClass") else one["id"].partition("(")[2]
        counts[service_of(name)][one["status"]] += 1
    lines = ["| service | passed | failed | skipped |", "|---|---|---|---|"]
    lines += [f"| {s} | {c['success']} | {c['fail']} | {c['skip']} |" for s, c in sorted(counts.items())]
    total = sum(counts.values(), Counter())
    lines.append(f"| **all** | **{total['success']}** | **{total['fail']}** | **{total['skip']}** |")
    remarks = [
        f"- `{one['id'].partition('[')[0]}` {one['status']}: {reason(one)}"
        for one in results
        if one["status"] != "success"
    ]
    print("\n".join([*lines, "", *remarks]))
    if write:
        title = title or f"tempest {TEMPEST.partition('==')[2]}, {suite}"
        section = "\n".join([f"## {title}", "", *lines, "", *remarks, ""])
        write_section(suite, section)


_EXCEPTION = re.compile(r"^[\w.]*(Error|Exception|Failed|Mismatch|Timeout\w*|Details)\b.*")


def reason(one: dict[str, Any]) -> str:
    """What was raised, and what followed it: an exception of tempest's may take several lines to say why."""
    text = one.get("reason") or one.get("traceback") or ""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    begins = max((at for at, line in enumerate(lines) if _EXCEPTION.match(line)), default=len(lines) - 1)
    return " ".join(lines[max(begins, 0) :])[:400] or "no reason given"


def write_section(suite: str, section: str) -> None:
    """Replace this suite's section, leave the others."""
    head = "# Conformance\n\nOther people's test suites against Wolke, as `just conformance SUITE` ran them last.\n"
    begin, end = f"<!-- {suite} -->\n", f"<!-- end {suite} -->\n"
    text = PAGE.read_text() if PAGE.exists() else head
    if begin in text:
        before, _, rest = text.partition(begin)
        text = before + rest.partition(end)[2].lstrip("\n")
    PAGE.write_text(text.rstrip("\n") + f"\n\n{begin}\n{section}\n{end}")


if __name__ == "__main__":
    sys.exit(main())
