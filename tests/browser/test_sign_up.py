"""From signing up to a running server in a real browser, at the cloud's own door and at a portal elsewhere; and an order without a mouse."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.house import ANNA, PASSWORD
from tests.browser.visit import Visit

MOST_STEPS, MOST_S = 10, 120.0
Comes = Callable[..., Visit]
_PAGES = (
    "disks/new", "addresses", "firewall", "keys", "costs", "projects", "people", "people/invite", "company", "api-keys", "history", "account",
    "account/security",
)  # fmt: skip


@pytest.mark.parametrize("where", ["house", "elsewhere"])
def test_from_signing_up_to_a_running_server(comes: Comes, where: str, request: pytest.FixtureRequest) -> None:
    """What is looked at on the way takes no part of the person's time."""
    visit = comes(to=request.getfixturevalue(where))
    page, pictures, begun, looked = visit.page, where == "house", time.monotonic(), 0.0

    def look(name: str) -> None:
        nonlocal looked
        if pictures:
            since = time.monotonic()
            visit.look(name)
            looked += time.monotonic() - since

    page.goto("/sign-up")
    look("sign-up")
    for label, text in (
        ("Company", "Hansen Boats ApS"),
        ("Your name", "Freja Hansen"),
        ("E-mail address", "freja@hansen.example"),
        ("Password", PASSWORD),
    ):
        page.get_by_label(label, exact=True).fill(text)
    visit.press("Create account")
    look("sign-up-mail")
    visit.steps += 1
    page.locator(".letter a").first.click()
    look("confirm")
    visit.press("Confirm and open the account")
    look("sign-in")
    page.get_by_label("E-mail address").fill("freja@hansen.example")
    page.get_by_label("Password").fill(PASSWORD)
    visit.press("Sign in")
    visit.until("/projects", "Ready")
    page.goto("/")
    look("overview-new")
    visit.until("/servers/new", "Debian 12")
    visit.steps += 1
    look("order-1")
    visit.press("Go on")
    look("order-2")
    visit.press("Go on")
    page.get_by_label("Name of the server").fill("web-1")
    look("order-3")
    visit.press("Order now")
    visit.runs()
    assert visit.steps <= MOST_STEPS
    assert time.monotonic() - begun - looked < MOST_S
    look("server")


def test_every_page_of_a_customer_can_be_read_by_everybody(comes: Comes) -> None:
    visit = comes(ANNA)
    visit.goto("/", "overview")
    for path in _PAGES:
        visit.goto(f"/{path}", path.replace("/", "-"))


def test_a_server_is_ordered_with_the_keyboard_alone(comes: Comes) -> None:
    """Tab goes on, Enter chooses; where one is can be seen at each stop."""
    visit = comes(ANNA)
    page = visit.page
    visit.may_order()
    page.goto("/")
    for name in ("Servers", "Order a server", "Go on", "Go on"):
        _tab_to(page, name)
        before = page.url
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url, before=before: url != before)
    _tab_to(page, "Name of the server")
    page.keyboard.type("by-keyboard")
    _tab_to(page, "Order now")
    page.keyboard.press("Enter")
    visit.runs()
    assert page.get_by_role("heading", name="by-keyboard").count() == 1


_WHERE = """() => {
  const here = document.activeElement, style = getComputedStyle(here);
  const name = here.labels?.[0]?.textContent ?? here.getAttribute("aria-label") ?? here.textContent;
  return [name.trim(), here === document.body || here.type === "radio" || here.type === "checkbox" || parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== "none" || style.boxShadow !== "none"];
}"""


def _tab_to(page: Any, name: str) -> None:
    for _ in range(60):
        where, seen = page.evaluate(_WHERE)
        assert seen, f"nobody sees that the keyboard is at {where}"
        if where == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not come to {name}")
