"""What people do together in two browsers: asking and allowing, asking for help and answering, billing and paying."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

from tests.browser.house import ADA, ANNA, BEN, COMPANY, House
from tests.browser.visit import Visit

Comes = Callable[..., Visit]


def _asks(ben: Visit, name: str, why: str) -> None:
    """Orders what the budget does not allow, is told so, and asks."""
    page = ben.page
    ben.may_order()
    ben.press("Go on")
    ben.press("Go on")
    page.get_by_label("Name of the server").fill(name)
    ben.press("Order now")
    page.get_by_text("This needs approval:").wait_for()
    assert page.get_by_label("Name of the server").input_value() == name
    page.get_by_label("Why it is needed").fill(why)


def test_beyond_its_budget_a_project_buys_nothing_that_no_approver_has_allowed(comes: Comes, house: House) -> None:
    ben = comes(BEN)
    ben.refusals = True
    _asks(ben, "sale-1", "The sale begins on Friday.")
    assert re.search(r"would cost \d+\.\d\d EUR this month, where its budget is \d+\.\d\d EUR", ben.page.content())
    ben.look("order-beyond-budget")
    ben.press("Ask for approval")
    (link,) = re.findall(r"http://\S+/decide/\S+", house.letter(ADA, "Please decide: the server sale-1"))

    stranger = comes()
    stranger.goto(link, "decide")
    stranger.page.get_by_label("Answer").fill("Yes, of course.")
    stranger.press("Approve: order it now")
    assert stranger.page.get_by_role("heading", name="Thank you").count() == 1
    stranger.look("decided")
    assert "approved" in house.letter(BEN, "Approved: the server sale-1")
    ben.goto("/servers")
    ben.follow("sale-1")
    ben.runs()

    _asks(ben, "sale-2", "One more.")
    ben.press("Ask for approval")
    ada = comes(ADA)
    ada.goto("/requests", "requests-open")
    ada.follow(re.compile("sale-2"))
    ada.look("request")
    ada.page.get_by_label("Answer").fill("One is enough.")
    ada.press("Refuse")
    ben.goto("/requests", "requests-decided")
    ben.follow(re.compile("sale-2"))
    assert ben.page.get_by_text("One is enough.").count() == 1
    ben.goto("/servers")
    assert ben.page.get_by_role("link", name="sale-2").count() == 0
    assert "has used" in house.letter(ANNA, "The budget of Web shop is used up soon")


def test_a_ticket_goes_on_in_two_browsers_without_being_loaded_again(comes: Comes, house: House) -> None:
    anna, staff = comes(ANNA), comes(*house.administrator)
    anna.goto("/tickets/new")
    anna.page.get_by_label("In a few words").fill("The invoice's address is wrong")
    anna.page.get_by_label("What happened, and what did you expect?").fill("We have moved to Bremen.")
    anna.press("Send")
    staff.goto("/provider/tickets", "provider-tickets")
    staff.follow("The invoice's address is wrong")
    anna.page.evaluate("window.stayed = true")
    _writes(staff, "Keep as internal note", "Answer to the customer", "They never read our mail.")
    _writes(staff, "Send", "Answer to the customer", "You can change it under Company.")
    staff.page.evaluate("window.stayed = true")
    anna.page.get_by_text("You can change it under Company.").wait_for()
    anna.page.locator("#ticket-state").get_by_text("Your answer is awaited").wait_for()
    assert anna.page.evaluate("window.stayed")
    assert "They never read our mail." not in anna.page.content()
    _writes(anna, "Send", "Your message", "Found it, thank you!")
    staff.page.get_by_text("Found it, thank you!").wait_for()
    assert staff.page.evaluate("window.stayed")
    anna.look("ticket")
    staff.look("provider-ticket")


def _writes(visit: Visit, button: str, label: str, text: str) -> None:
    visit.page.get_by_label(label).fill(text)
    visit.press(button)
    visit.page.locator("#ticket-said").get_by_text(text).wait_for()


def test_a_month_is_billed_and_paid(comes: Comes, house: House, tmp_path: Path) -> None:
    staff, anna = comes(*house.administrator), comes(ANNA)
    staff.goto("/provider/invoices", "provider-invoices-none")
    staff.page.get_by_label("Month", exact=True).fill(house.month)
    staff.press("Make them")
    staff.until("/provider/invoices", "Issue the drafts")
    anna.goto("/invoices")
    assert anna.page.get_by_text("No invoices yet").count() == 1, "a draft is nobody's invoice"
    staff.goto("/provider/invoices")
    staff.press("Issue the drafts")
    staff.until("/provider/invoices?state=open", COMPANY)
    staff.look("provider-invoices")
    anna.goto("/invoices", "invoices-open")
    anna.follow(re.compile("."), within="tbody")
    (number,) = re.findall(r"\d{4}-\d{6}", anna.page.locator(".head p").inner_text())
    anna.look("invoice")
    with anna.page.expect_download() as download:
        anna.page.get_by_role("link", name="PDF").click()
    kept = tmp_path / "invoice.pdf"
    download.value.save_as(kept)
    assert kept.read_bytes().startswith(b"%PDF-")
    assert number in download.value.suggested_filename
    invoice = anna.page.url
    anna.follow(re.compile("."), within="tbody")
    anna.look("explain")
    _books(staff, number, invoice)
    anna.goto(invoice)
    assert anna.page.locator(".head .sign").inner_text() == "Paid"
    anna.look("invoice-paid")


def _books(staff: Visit, number: str, invoice: str) -> None:
    """What the bank's statement says."""
    page = staff.page
    token = page.locator('meta[name="csrf"]').get_attribute("content")
    shown = page.request.get(f"/api/v1/provider/invoices/{invoice.rpartition('/')[2]}").json()
    minor = shown["invoice"]["open_minor"]
    told = {
        "amount": f"{minor // 100}.{minor % 100:02}", "paid_on": date.today().isoformat(), "reference": f"SEPA-{number}", "payer": COMPANY,
        "text": f"Invoice {number}",
    }  # fmt: skip
    booked = page.request.post("/api/v1/provider/payments", data=told, headers={"x-csrf-token": token})
    assert booked.status == 201, booked.text()


def test_the_provider_has_pages_that_everybody_can_read(comes: Comes, house: House) -> None:
    staff = comes(*house.administrator)
    staff.goto("/provider", "provider-overview")
    for page in ("customers", "plans", "hosts", "staff", "audit", "mails"):
        staff.goto(f"/provider/{page}", f"provider-{page}")
    for page in ("customers", "plans"):
        staff.goto(f"/provider/{page}")
        staff.follow(re.compile("."), within="tbody")
        staff.look(f"provider-{page}-one")
