"""From signing up to a running server in a real browser, before a real cloud with simulated hosts; axe-core finds nothing on any page on the way.

Screenshots at both widths, light and dark, go to the folder that ``WOLKE_ARTEFACTS`` names, else to the test's own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
PASSWORD = "correct horse battery staple"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MOST_STEPS = 10
_EMPTY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # of nothing


def eventually(look: Callable[[], Any], what: str, limit_s: float = 60.0) -> Any:
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cloud with one image, and its portal."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    state = tmp_path_factory.mktemp("cloud")
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    command = [
        sys.executable, "-m", "wolke", "up", "--state", str(state), "--hypervisor", "simulated", "--dataplane", "simulated",
        "--listen", f"127.0.0.1:{ports[0]}", "--object-store", f"127.0.0.1:{ports[1]}",
    ]  # fmt: skip
    with (state / "log").open("w") as log:
        cloud = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: (state / "clouds.yaml").exists() and _answers(ports[0]), (state / "log").read_text)
        _put_image(state / "clouds.yaml")
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        cloud.terminate()
        cloud.wait(30)


def _put_image(clouds: Path) -> None:
    """In a process of its own: openstacksdk warns, and warnings are errors here."""
    program = (
        "import openstack, sys; cloud = openstack.connect(cloud='wolke-admin', config_files=[sys.argv[1]]);"
        "cloud.image.create_image(name='Debian 12', disk_format='raw', container_format='bare', visibility='public', data=b'x' * 65536)"
    )
    environment = os.environ | {"OS_CLIENT_CONFIG_FILE": str(clouds)}
    program = program.replace(", config_files=[sys.argv[1]]", "")
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, env=environment, timeout=60)


@dataclass
class Visit:
    """``steps``: what the person has done so far; ``wrong``: whatever axe or the browser's console said."""

    page: Any
    axe: str
    folder: Path
    steps: int = 0
    wrong: list[str] = field(default_factory=list)

    def hear(self, kind: str, text: str) -> None:
        """A style element without content is of the tools that look: axe reads style sheets in one, a screenshot hides the caret by one."""
        if kind == "error" and _EMPTY not in text:
            self.wrong.append(text)

    def look(self, name: str, *, pictures: bool = True) -> None:
        found = self.page.evaluate(f"{self.axe}; axe.run(document, {{runOnly: {RULES}}})")
        self.wrong += [f"{name}: {one['id']} {one['nodes'][0]['html'][:200]}" for one in found["violations"]]
        for width, height in ((1440, 900), (390, 844)) if pictures else ():
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.page.screenshot(path=self.folder / f"{name}-{width}-{scheme}.png")
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
        self.page.set_viewport_size({"width": 1440, "height": 900})
        self.page.emulate_media(color_scheme="light")

    def press(self, name: str) -> None:
        self.steps += 1
        self.page.get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def visit(portal: str, tmp_path: Path) -> Iterator[Visit]:
    import axe_playwright_python
    from playwright.sync_api import sync_playwright

    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
    folder = Path(os.environ.get("WOLKE_ARTEFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(base_url=portal, locale="en-GB").new_page()
        visit = Visit(page, axe, folder)
        page.on("console", lambda message: visit.hear(message.type, message.text))
        page.on("pageerror", lambda error: visit.wrong.append(str(error)))
        yield visit
        browser.close()


def test_from_signing_up_to_a_running_server(visit: Visit) -> None:
    page = visit.page
    page.goto("/sign-up")
    visit.look("sign-up")
    for label, text in (
        ("Company", "Kramer & Söhne GmbH"),
        ("Your name", "Anna Kramer"),
        ("E-mail address", "anna@kramer.example"),
        ("Password", PASSWORD),
    ):
        page.get_by_label(label, exact=True).fill(text)
    visit.press("Create account")
    visit.look("mail", pictures=False)
    visit.steps += 1
    page.locator(".letter a").first.click()
    visit.press("Confirm and open the account")
    page.get_by_label("E-mail address").fill("anna@kramer.example")
    page.get_by_label("Password").fill(PASSWORD)
    visit.press("Sign in")
    eventually(lambda: page.goto("/projects") and page.get_by_text("Ready").count(), "the project is ready")
    page.goto("/")
    visit.look("overview")
    eventually(lambda: page.goto("/servers/new") and page.get_by_text("Debian 12").count(), "there is something to run")
    visit.steps += 1
    visit.look("order-1", pictures=False)
    visit.press("Go on")
    visit.look("order-2")
    visit.press("Go on")
    page.get_by_label("Name of the server").fill("web-1")
    visit.look("order-3", pictures=False)
    visit.press("Order now")
    page.locator("#server .sign-good").wait_for(timeout=60_000)  # nobody reloads the page: it says so by itself
    visit.look("server")
    assert visit.steps <= MOST_STEPS
    for name in (
        "servers",
        "firewall",
        "storage",
        "disks",
        "costs",
        "invoices",
        "people",
        "projects",
        "tickets",
        "account/security",
        "history",
    ):
        page.goto(f"/{name}")
        visit.look(name.replace("/", "-"), pictures=name in ("servers", "firewall"))
    assert visit.wrong == []
