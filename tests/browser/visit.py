"""Somebody at a browser: what they do is counted, what they see is looked at by axe-core and kept as pictures, and nothing may go wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.browser.house import PASSWORD, eventually

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_EMPTY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # of nothing
WIDE, PHONE = (1440, 900), (390, 844)
_LOOKS = ((WIDE, "light", True), (WIDE, "dark", False), (PHONE, "light", False), (PHONE, "dark", True))


@dataclass
class Visit:
    """``steps``: what the person has done so far; ``wrong``: whatever axe or the browser's console said."""

    page: Any
    axe: str
    folder: Path
    all_pictures: bool = False
    steps: int = 0
    wrong: list[str] = field(default_factory=list)
    refusals: bool = False  # whether pages that are answered with one are part of the walk

    def listen(self) -> None:
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def _hear(self, kind: str, text: str) -> None:
        """A style element without content is axe's, which reads style sheets in one."""
        refusal = self.refusals and "Failed to load resource" in text
        if kind == "error" and _EMPTY not in text and not refusal:
            self.wrong.append(f"{self.page.url}: {text}")

    def look(self, name: str) -> None:
        """As wide as a desk and as narrow as a phone, light and dark; axe reads two of the four. Pictures are taken where they are kept;
        their caret stays, as a style that hides it would be copied into what the page renews just then, against the policy."""
        for size, scheme, read in _LOOKS:
            if not (read or self.all_pictures):
                continue
            self.page.set_viewport_size({"width": size[0], "height": size[1]})
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            path = self.folder / f"{name}-{size[0]}-{scheme}.png"
            if self.all_pictures:
                self.page.screenshot(path=path, full_page=True, animations="disabled", caret="initial")
            if read:
                self._read(f"{name} {size[0]} {scheme}")
                width = self.page.evaluate("document.documentElement.scrollWidth")
                assert width <= size[0], f"{name} is {width} wide on a screen of {size[0]}"
        self.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        self.page.emulate_media(color_scheme="light", reduced_motion="reduce")

    def _read(self, name: str) -> None:
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(self.axe)
        found = self.page.evaluate(f"axe.run(document, {{runOnly: {_RULES}, resultTypes: ['violations']}})")
        self.wrong += [f"{name}: {one['id']} {one['nodes'][0]['html'][:200]}" for one in found["violations"]]

    def press(self, name: str, *, within: str = "body") -> None:
        """A button that leads to another page; returns when that is there."""
        self._lead(self.page.locator(within).get_by_role("button", name=name, exact=True))

    def follow(self, name: str | re.Pattern[str], *, within: str = "body") -> None:
        self._lead(self.page.locator(within).get_by_role("link", name=name, exact=True).first)

    def _lead(self, where: Any) -> None:
        self.steps += 1
        with self.page.expect_navigation():
            where.click()

    def goto(self, path: str, name: str = "") -> None:
        """``name``: looked at under it."""
        self.page.goto(path)
        if name:
            self.look(name)

    def until(self, path: str, text: str) -> None:
        """Loads the page until it says so."""
        eventually(lambda: self.page.goto(path) and self.page.get_by_text(text).count(), f"{path} says {text}")

    def may_order(self) -> None:
        """Every project of theirs is there, and something to run is known."""
        eventually(
            lambda: self.page.goto("/projects") and not self.page.locator("tbody .sign-busy").count(), "all is prepared"
        )
        self.until("/servers/new", "Debian 12")

    def sign_in(self, address: str, password: str = PASSWORD) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("E-mail address").fill(address)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")
        self.page.get_by_label("Your account").wait_for()

    def sign_up(self, company: str, name: str, address: str) -> None:
        """Up to the open account, at which nobody is signed in yet."""
        self.page.goto("/sign-up")
        for label, text in (
            ("Company", company),
            ("Your name", name),
            ("E-mail address", address),
            ("Password", PASSWORD),
        ):
            self.page.get_by_label(label, exact=True).fill(text)
        self.press("Create account")
        self.page.locator(".letter a").first.click()
        self.press("Confirm and open the account")

    def order_server(self, name: str) -> None:
        """From the first step to the page of the server that runs."""
        self.may_order()
        self.press("Go on")
        self.press("Go on")
        self.page.get_by_label("Name of the server").fill(name)
        self.press("Order now")
        self.runs()

    def runs(self) -> None:
        """Nobody reloads the server's page: it says so by itself."""
        self.page.locator("#server .sign-good").wait_for(timeout=60_000)
