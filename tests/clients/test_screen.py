"""A real guest's screen in the portal's page: what it shows is seen in a browser, and what is typed there arrives."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.visit import Visit
from tests.clients.running_cloud import RunningCloud, eventually
from wolke.cli import packages
from wolke.cli.guest_image import GuestImage

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.root,
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.skipif(bool(packages.missing(["up", "test"])), reason="the host lacks programs for guests"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.usefixtures("inside"),
]
#: How many dots of the screen are lit; a cursor that blinks makes fewer than one letter.
_LIT = """canvas => {
  const dots = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let lit = 0;
  for (let at = 0; at < dots.length; at += 4) if (dots[at] + dots[at + 1] + dots[at + 2] > 200) lit += 1;
  return lit;
}"""
_CURSOR = 32


@pytest.fixture
def visit(cloud: RunningCloud, guest_image: GuestImage, inside: None, tmp_path: Path) -> Iterator[Visit]:
    """A browser in the cloud's network, before a portal that sells the guest."""
    from playwright.sync_api import sync_playwright

    words = ("--disk-format", "qcow2", "--file", str(guest_image.disk_qcow2), "--public", "-f", "json")
    cloud.openstack("image", "create", "Tiny", *words, cloud="wolke-admin")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visit = Visit(browser.new_context(base_url=cloud.url, locale="en-GB").new_page(), "", tmp_path)
        visit.listen()
        yield visit
        browser.close()
    assert visit.wrong == []


def test_a_guests_screen_is_seen_and_typed_on_in_the_page(visit: Visit, cloud: RunningCloud) -> None:
    page = visit.page
    visit.sign_up("Screens Ltd", "Sasha Screen", "sasha@screens.example")
    visit.sign_in("sasha@screens.example")
    visit.until("/projects", "Ready")
    visit.until("/servers/new", "Tiny")
    page.get_by_role("radio", name="Tiny").check()
    visit.press("Go on")
    visit.press("Go on")
    page.get_by_label("Name of the server").fill("seen-1")
    visit.press("Order now")
    visit.runs()
    visit.follow("Screen")
    visit.press("Open the screen")
    page.get_by_text("Joined: what you type goes to the server.").wait_for()
    canvas = page.locator("#screen canvas")
    (server,) = cloud.openstack(
        "server", "list", "--all-projects", "--name", "seen-1", "-f", "json", cloud="wolke-admin"
    )
    asked = ("console", "log", "show", server["ID"])
    eventually(lambda: "log in as wolke" in cloud.openstack(*asked, cloud="wolke-admin"), "the guest has started")
    before = _settled(canvas)
    assert before > 1000, "the guest asks on its screen who is there"
    canvas.click()
    page.keyboard.type("wolke")
    eventually(lambda: canvas.evaluate(_LIT) > before + 2 * _CURSOR, "the letters are on the guest's screen", 20)


def _settled(canvas: Any) -> int:
    """The dots of a screen on which nothing but a cursor moves: the guest waits for whoever logs in."""
    seen: list[int] = []

    def rests() -> bool:
        seen.append(canvas.evaluate(_LIT))
        last = seen[-10:]
        return len(last) == 10 and max(last) - min(last) <= _CURSOR

    eventually(rests, "the guest waits for somebody", pause_s=0.2)
    return max(seen[-10:])
