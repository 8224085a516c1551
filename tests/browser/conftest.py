"""A browser for each file of tests, one house for all of them, and visitors who come to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import house as houses
from tests.browser.house import House
from tests.browser.visit import Visit

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Not for longer than a file: while Playwright is there, no test of this process can have an event loop of its own."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = houses.cloud(tmp_path_factory.mktemp("house") / "state")
    try:
        made.start()
        houses.put_image(made.state / "clouds.yaml")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def elsewhere(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A portal in a process of its own before ``house``'s cloud."""
    made = houses.portal(tmp_path_factory.mktemp("elsewhere") / "state", house.state / "clouds.yaml")
    try:
        made.start()
        yield made
    finally:
        made.end()


@pytest.fixture
def comes(chromium: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """Somebody with a browser of their own; when the test is over, nothing may have gone wrong for anybody. ``to``: the house; ``address``: who signs in.
    Pictures, four of each page, go to the folder that ``WOLKE_ARTEFACTS`` names, if it does."""
    import axe_playwright_python

    axe = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
    kept = os.environ.get("WOLKE_ARTEFACTS")
    folder = Path(kept or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    visits: list[Visit] = []

    def come(address: str = "", password: str = houses.PASSWORD, to: House | None = None) -> Visit:
        there = to if to is not None else request.getfixturevalue("house")
        page = chromium.new_context(base_url=there.url, locale="en-GB", reduced_motion="reduce").new_page()
        visit = Visit(page, axe, folder, all_pictures=bool(kept))
        visits.append(visit)
        visit.listen()
        if address:
            visit.sign_in(address, password)
        return visit

    yield come
    for visit in visits:
        visit.page.context.close()
    wrong = [what for visit in visits for what in visit.wrong]
    assert not wrong, "\n".join(wrong)
