"""What people do with what they have: a snapshot and a server of it; files that go up, and come down by a link."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.browser.house import ANNA, eventually
from tests.browser.visit import Visit

Comes = Callable[..., Visit]
_UNDER_WAY = (
    "(() => { const bar = document.querySelector('progress'); return bar && bar.value > 0 && bar.value < bar.max; })()"
)
_SLOW_BYTES_A_SECOND = 2 << 20


def test_a_server_is_made_of_another_ones_snapshot(comes: Comes) -> None:
    visit = comes(ANNA)
    page = visit.page
    visit.order_server("shop-1")
    visit.look("server-running")
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Take a snapshot").click()
    page.get_by_role("dialog").get_by_label("Name of the snapshot").fill("before the sale")
    visit.look("snapshot-dialog")
    visit.press("Take it")
    page.get_by_role("link", name="Make a server").wait_for()  # nobody loads the list again
    visit.look("snapshots")
    visit.follow("Make a server")
    assert page.get_by_label("Your order").get_by_text("before the sale").count() == 1
    visit.press("Go on")
    page.get_by_label("Name of the server").fill("shop-2")
    visit.press("Order now")
    visit.runs()
    assert page.get_by_text("before the sale").count() == 1


def test_files_go_up_by_dropping_and_by_choosing_and_strangers_get_them_by_a_link(comes: Comes, tmp_path: Path) -> None:
    visit = comes(ANNA)
    page = visit.page
    visit.may_order()
    page.goto("/storage")
    page.get_by_label("Name", exact=True).fill("pictures")
    visit.press("Make it")
    visit.follow("pictures")
    visit.look("container-empty")
    _slowly(visit, _SLOW_BYTES_A_SECOND)
    page.locator("[data-upload]").dispatch_event("drop", {"dataTransfer": _held(visit, "logo.svg", 4 << 20)})
    eventually(lambda: page.evaluate(_UNDER_WAY), "the bar goes on")
    visit.page.screenshot(path=visit.folder / "upload-under-way.png", animations="disabled", caret="initial")
    page.locator("tbody").get_by_text("logo.svg").wait_for()
    _slowly(visit, -1)
    letter = tmp_path / "Grüße & more.txt"
    letter.write_text("Hello from Hamburg.\n")
    page.locator("#files").set_input_files(letter)
    row = page.locator("tbody tr", has_text=letter.name)
    row.wait_for()
    visit.look("container")
    visit.press("Share", within=f"tr:has-text('{letter.name}')")
    visit.look("share")
    link = page.locator(".secret code").inner_text()

    stranger = comes()
    answer = stranger.page.request.get(link)
    assert (answer.status, answer.text()) == (200, letter.read_text())
    assert stranger.page.request.get(link.replace("txt", "svg")).status in (401, 403)


def _slowly(visit: Visit, bytes_a_second: int) -> None:
    line = visit.page.context.new_cdp_session(visit.page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second},
    )


def _held(visit: Visit, name: str, size_bytes: int) -> object:
    """A file in somebody's hand, over the page."""
    return visit.page.evaluate_handle(
        "([name, size]) => { const held = new DataTransfer();"
        " held.items.add(new File([new Uint8Array(size)], name, {type: 'image/svg+xml'})); return held; }",
        [name, size_bytes],
    )
