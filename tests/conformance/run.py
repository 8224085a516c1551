"""``python tests/conformance/run.py smoke`` — tempest's smoke tests against a cloud with real guests and networks.

``object`` is tempest's tests of object storage and then Swift's own: ``swift-native`` and ``swift-s3``. ``cinderclient`` is the
functional tests of that client.

Each suite is installed into an environment of its own (kept under the user's cache) and run inside a network namespace in which the
cloud's floating IPs can be reached. The counts go to docs/reference/conformance.md; the exit code is 0 only if nothing failed.

A long suite can be run in parts, each against a cloud of its own: ``--part 2/6 --results FOLDER`` keeps what the second sixth gave,
and with ``--write`` the page gets the sum of all parts once they are there. Nothing is tried twice, unless one says so: ``--again
--results FOLDER`` runs the classes in which something failed, or those that ``--match`` means, by themselves and puts what they
give in the place of what they gave before; the page names them.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance import cinderclient, kept, page, swift, tempest  # noqa: E402  (from wherever this is started)

INSIDE = "WOLKE_CONFORMANCE_NAMESPACE"
Rows = list[dict[str, Any]]


def main() -> int:
    arguments = _arguments()
    if INSIDE not in os.environ:
        _install(arguments)
        return subprocess.run(inside_a_namespace(sys.argv), env={**os.environ, INSIDE: "1"}).returncode
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    found: Rows = []
    if arguments.suite in tempest.SUITES:
        found += _tempest(arguments)
    for suite, (title, run) in _others(arguments).items():
        with tempfile.TemporaryDirectory(prefix="wolke-conformance-") as folder:
            results = run(Path(folder))
        page.report(suite, title, results, write=arguments.write)
        found += results
    return 0 if found and all(one["status"] != "fail" for one in found) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=sorted((*tempest.SUITES, *swift.PARTS, "cinderclient")))
    parser.add_argument("--match", help="only tests that match this expression")
    parser.add_argument("--part", type=_part, default=(1, 1), metavar="K/N", help="only the K-th of N parts")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="where the parts' results are kept")
    parser.add_argument("--again", action="store_true", help="what failed, or matches, once more")
    parser.add_argument("--concurrency", type=int, default=2, help="how many tests run at a time")
    parser.add_argument("--write", action="store_true", help="write the counts into the documentation")
    parser.add_argument("--simulated", action="store_true", help="without real guests (no ssh)")
    arguments = parser.parse_args()
    if arguments.results is None and (arguments.again or arguments.part != (1, 1)):
        parser.error("the results need a place: --results FOLDER")
    arguments.simulated |= arguments.suite == "object"
    return arguments


def _part(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 2/6")
    return int(found[1]), int(found[2])


def _install(arguments: argparse.Namespace) -> None:
    if arguments.suite in tempest.SUITES:
        tempest.environment()
    if arguments.suite in (*swift.PARTS, "object"):
        swift.environment()
    if arguments.suite == "cinderclient":
        cinderclient.environment()
    elif not arguments.simulated and arguments.suite in tempest.SUITES:
        tempest.guest_image()


def inside_a_namespace(argv: list[str]) -> list[str]:
    """A network of its own: nothing that the cloud makes touches the machine's."""
    return ["unshare", "--net", sys.executable, *argv]


def _tempest(arguments: argparse.Namespace) -> Rows:
    suite, part = arguments.suite, arguments.part
    match = arguments.match
    if arguments.again and match is None:
        match = "|".join(rf"^{re.escape(name)}\." for name in sorted(kept.failed_classes(arguments.results, suite)))
    wish = tempest.Wish(suite, arguments.simulated, match, part, arguments.concurrency, arguments.again)
    with tempfile.TemporaryDirectory(prefix="wolke-tempest-") as folder:
        results = tempest.run(Path(folder), wish)
    if arguments.again:
        results = kept.replace(arguments.results, suite, results)
    elif arguments.results is not None:
        results = kept.keep(arguments.results, suite, part, results)
    title = f"{tempest.TEMPEST.replace('==', ' ')}, {suite}"
    page.report(suite, title, results, write=arguments.write)
    return results


def _others(arguments: argparse.Namespace) -> dict[str, tuple[str, Callable[[Path], Sequence[dict[str, Any]]]]]:
    """The suites that are not tempest's: what each is called, and how it is run in a folder."""
    from tests.bench.processes import Cloud

    chosen: tuple[str, ...] = (arguments.suite,)
    if arguments.suite == "object":
        chosen = tuple(swift.PARTS) if arguments.match is None else ()
    package = swift.SWIFT.replace("==", " ")
    found = {
        name: (f"{package}, {name}", lambda folder, run=run: run(Cloud, folder))
        for name, run in swift.PARTS.items()
        if name in chosen
    }
    if "cinderclient" in chosen:
        title = f"{cinderclient.CLIENT.replace('==', ' ')}, functional"
        found["cinderclient"] = (title, lambda folder: cinderclient.run(Cloud, folder))
    return found


if __name__ == "__main__":
    sys.exit(main())
