"""The pages of money in process: a statement uploaded and its rest assigned, tiers of a price, credit, and what a customer sees of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.business.web.test_pages import Browser, as_person, csrf
from wolke.business.catalogue.store import PRICES
from wolke.business.invoicing.store import CREDIT_NOTES, INVOICES
from wolke.business.payments.store import PAYMENTS
from wolke.business.web import build_door
from wolke.business.who import ADMINISTRATOR


@pytest.fixture
async def admin(shop: Any, asgi_client: Any) -> Browser:
    return await as_person(Browser(asgi_client(build_door(shop.desk))), shop, await shop.staff(ADMINISTRATOR))


async def upload(browser: Browser, path: str, name: str, content: bytes) -> Any:
    """As a browser sends a form with a file."""
    token = csrf(await browser.get(path)).encode()
    parts = [
        b'name="csrf"\r\n\r\n' + token,
        f'name="{name}"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n'.encode() + content,
    ]
    body = b"".join(b"--xYz\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--xYz--\r\n"
    headers = {"cookie": "; ".join(f"{key}={value}" for key, value in browser.cookies.items())}
    headers["content-type"] = "multipart/form-data; boundary=xYz"
    return await browser.client.request("POST", path, content=body, headers=headers)


async def test_a_statement_shows_what_each_payment_was_put_to_and_the_rest_is_assigned_by_hand(
    admin: Browser, shop: Any
) -> None:
    customer = await shop.company()
    named, other = await shop.invoice(customer), await shop.invoice(customer, 2000)
    table = f"Buchungstag;Name;Verwendungszweck;Betrag\n10.03.2026;Söhne;{named.number};11,90\n11.03.2026;Söhne;danke;20,00\n"
    page = (await upload(admin, "/provider/payments/import", "statement", table.encode("cp1252"))).body.decode()
    assert named.number in page
    assert "assign €20.00" in page
    (waiting,) = [one for one in await shop.desk.needs.db.find(PAYMENTS) if one.waiting_minor]
    here = f"/provider/payments/{waiting.id}"
    found = (await admin.get(f"{here}?search={other.number}")).body.decode()
    assert f'value="{other.id}"' in found
    done = (await admin.send(f"{here}/put", {"invoice_id": other.id, "amount": "20.00"}, page=here)).body.decode()
    assert "It is put there." in done
    assert (await shop.desk.needs.db.get(INVOICES, id=other.id)).open_minor == 2380 - 2000


async def test_a_file_that_is_no_statement_is_refused_beside_its_field(admin: Browser) -> None:
    for content in (b"", b"a,b\n1,2\n", b"\x00\xff"):
        answer = await upload(admin, "/provider/payments/import", "statement", content)
        assert answer.status == 400
        assert 'id="statement-wrong"' in answer.body.decode()


async def test_tiers_come_and_go_without_a_script_and_are_seen_before_they_are_set(admin: Browser, shop: Any) -> None:
    await shop.desk.catalogue.seed()
    plan = (await shop.desk.catalogue.plans(kind="disk"))[0]
    here, typed = f"/provider/plans/{plan.id}", {"model": "graduated", "tier_up_to": "1000", "tier_unit": "0,0002"}
    more = (await admin.send(f"{here}/tiers", typed | {"tier": "add"}, page=here)).body.decode()
    assert re.findall(r'name="tier_(up_to|unit)" value="([^"]*)"', more) == [
        ("up_to", "1000"), ("unit", "0,0002"), ("up_to", ""), ("unit", ""),
    ]  # fmt: skip
    fewer = (await admin.send(f"{here}/tiers", typed | {"tier": "0"}, page=here)).body.decode()
    assert fewer.count('name="tier_unit"') == 1  # the last one stays
    shop.clock.move(1)
    before = await shop.desk.needs.db.count(PRICES)
    refused = await admin.send(f"{here}/preview", typed, page=here)
    assert (refused.status, 'id="tiers-wrong"' in refused.body.decode()) == (400, True)
    seen = (await admin.send(f"{here}/preview", typed | {"tier_up_to": ""}, page=here)).body.decode()
    assert "What it would have changed" in seen
    assert 'value="0,0002"' in seen
    assert await shop.desk.needs.db.count(PRICES) == before
    assert (
        "The price is set." in (await admin.send(f"{here}/prices", typed | {"tier_up_to": ""}, page=here)).body.decode()
    )
    newest = (await shop.desk.catalogue.prices(shop.desk.needs.db, [plan.id], "EUR"))[plan.id][-1]
    assert newest.terms["tiers"] == [{"up_to": "", "unit": "0.0002"}]


async def test_the_same_credit_form_sent_twice_is_one_credit_note(admin: Browser, shop: Any) -> None:
    invoice = await shop.invoice(await shop.company())
    here = f"/provider/invoices/{invoice.id}/credit"
    once = re.search(r'name="once" value="([^"]+)"', (await admin.get(here)).body.decode())
    assert once is not None
    wrong = await admin.send(here, {"what": "amount", "amount": "10,01", "reason": "Outage", "once": once.group(1)})
    assert (wrong.status, 'id="amount-wrong"' in wrong.body.decode()) == (400, True)
    assert f'value="{once.group(1)}"' in wrong.body.decode()
    for _ in range(2):
        form = {"what": "amount", "amount": "4,20", "reason": "Outage", "once": once.group(1)}
        assert "C2026-000001" in (await admin.send(here, form)).body.decode()
    assert [note.net_minor for note in await shop.desk.needs.db.find(CREDIT_NOTES)] == [420]


async def test_a_customer_sees_how_to_pay_and_pays_from_credit(admin: Browser, shop: Any) -> None:
    owner = await shop.company()
    customer, invoice = await as_person(admin, shop, owner), await shop.invoice(owner)
    form = {"amount": "1.005,00", "paid_on": "2026-03-02", "reference": "B-1", "text": "K1001"}
    assert b"The payment is taken down." in (await admin.send("/provider/payments/new", form)).body
    here = f"/invoices/{invoice.id}"
    page = (await customer.get(here)).body.decode()
    assert "DE02 1203 0000 0000 2020 51" in page
    assert 'class="qr"' in page
    assert "You have €1,005.00 of credit." in page
    paid = (await customer.send(f"{here}/use-credit", {"amount": "11.90", "once": "a"})).body.decode()
    assert "From credit" in paid
    assert "€993.10" in (await customer.get("/statement")).body.decode()


async def test_the_trial_balance_is_shown_to_be_nought(admin: Browser, shop: Any) -> None:
    await shop.invoice(await shop.company())
    page = (await admin.get("/provider/ledger/accounts")).body.decode()
    assert "Debits and credits are the same" in page
    ledger = (await admin.get("/provider/ledger")).body.decode()
    transaction = re.search(r'"(/provider/ledger/transactions/[^"]+)"', ledger)
    assert transaction is not None
    shown = (await admin.get(transaction.group(1))).body.decode()
    assert shown.count("€11.90") == 3  # the debit, and both sums
