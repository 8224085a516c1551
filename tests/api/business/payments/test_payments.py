"""Money that comes: matched, waiting, in advance, back again; the ledger in balance after every step."""

import asyncio
from typing import Any

import pytest

from wolke.business.errors import Invalid, NotAllowed, NotNow, NotThere
from wolke.business.invoicing.store import INVOICES
from wolke.business.ledger.accounts import AccountPage, EntryPage
from wolke.business.ledger.model import BANK, WRITTEN_OFF
from wolke.business.ledger.store import UNBALANCED
from wolke.business.payments.model import WAITING_ACCOUNT
from wolke.business.payments.store import PAYMENTS, REMINDERS
from wolke.business.payments.verbs import (
    Back,
    NewPayment,
    NewRefund,
    PaymentPage,
    PutTo,
    Statement,
    UseCredit,
    WriteOff,
)
from wolke.business.verb import Page
from wolke.business.who import ADMINISTRATOR, TECHNICIAN

_DAY_S = 86400.0


@pytest.fixture
async def shop(shop: Any) -> Any:
    """Whatever a test does, the ledger is in balance after it."""
    yield shop
    db = shop.desk.needs.db
    assert set((await shop.desk.ledger.trial_balance(db)).values()) <= {0}
    assert await db.rows(UNBALANCED) == []
    waiting = (await db.sums(PAYMENTS, "waiting_minor"))[1]
    assert await shop.desk.ledger.balance(db, WAITING_ACCOUNT, "EUR") == -waiting


async def record(shop: Any, amount: str, text: str, reference: str = "B-1", **more: str) -> Any:
    staff = await shop.staff()
    asked = NewPayment(amount=amount, paid_on="2026-03-10", reference=reference, text=text, **more)
    return await shop.desk.call(staff, "provider.payments.record", asked)


async def open_of(shop: Any, invoice: Any) -> int:
    return (await shop.desk.needs.db.get(INVOICES, id=invoice.id)).open_minor


async def credit(shop: Any, who: Any) -> int:
    return (await shop.desk.call(who, "account.show")).credit_minor


async def test_a_transfer_that_names_its_invoice_settles_it(shop: Any) -> None:
    customer = await shop.company()
    invoice = await shop.invoice(customer)
    account = await shop.desk.call(customer, "account.show")
    assert (account.owed_minor, account.transfer.reference) == (1190, "K1001")
    paid = await record(shop, "11.90", f"Rechnung {invoice.number} danke")
    assert (paid.payment.waiting_minor, [put.invoice_number for put in paid.puts]) == (0, [invoice.number])
    assert await open_of(shop, invoice) == 0
    assert await shop.desk.ledger.balance(shop.desk.needs.db, BANK, "EUR") == 1190
    mine = await shop.desk.call(customer, "payments.list", Page())
    assert [(row.minor, row.company_name) for row in mine.items] == [(1190, "Kramer & Söhne GmbH")]


async def test_the_banks_reference_is_taken_once(shop: Any) -> None:
    customer = await shop.company()
    invoice = await shop.invoice(customer)
    first = await record(shop, "11.90", invoice.number)
    again = await record(shop, "11.90", invoice.number)
    assert again.payment.id == first.payment.id
    with pytest.raises(NotNow):
        await record(shop, "11.91", invoice.number)
    assert await shop.desk.ledger.balance(shop.desk.needs.db, BANK, "EUR") == 1190


async def test_two_who_take_the_same_payment_down_at_once_take_one(shop: Any) -> None:
    invoice = await shop.invoice(await shop.company())
    both = await asyncio.gather(*(record(shop, "11.90", invoice.number) for _ in range(4)))
    assert len({shown.payment.id for shown in both}) == 1
    assert (await shop.desk.needs.db.get(INVOICES, id=invoice.id)).paid_minor == 1190


async def test_too_little_leaves_the_rest_open_and_too_much_becomes_credit_that_the_next_invoice_uses(
    shop: Any,
) -> None:
    customer = await shop.company()
    first, second = await shop.invoice(customer), await shop.invoice(customer)
    await record(shop, "11.00", first.number, "B-1")
    assert await open_of(shop, first) == 90
    await record(shop, "20.00", f"{first.number} {second.number}", "B-2")
    assert (await open_of(shop, first), await open_of(shop, second), await credit(shop, customer)) == (0, 0, 720)
    third = await shop.invoice(customer)
    assert (third.paid_minor, third.open_minor, await credit(shop, customer)) == (720, 470, 0)


async def test_money_in_advance_names_the_customer_and_pays_older_invoices_on_request(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    invoice = await shop.invoice(customer)
    await record(shop, "5.00", "advance K1001")
    assert (await open_of(shop, invoice), await credit(shop, customer)) == (1190, 500)
    bill = await shop.desk.call(staff, "provider.invoices.use_credit", UseCredit(), invoice_id=invoice.id)
    assert (bill.open_minor, await credit(shop, customer)) == (690, 0)
    with pytest.raises(NotNow):
        await shop.desk.call(staff, "provider.invoices.use_credit", UseCredit(), invoice_id=invoice.id)


async def test_what_names_nothing_waits_and_is_offered_by_amount(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    await shop.invoice(customer, 2000)
    invoice = await shop.invoice(customer)
    shown = await record(shop, "11.90", "thank you", payer="Kramer", account="DE89370400440532013000")
    assert (shown.payment.waiting_minor, [(s.number, s.why) for s in shown.suggestions]) == (
        1190,
        [(invoice.number, "amount")],
    )
    waiting = await shop.desk.call(staff, "provider.payments.list", PaymentPage(waiting=True))
    assert [row.id for row in waiting.items] == [shown.payment.id]
    put = await shop.desk.call(
        staff, "provider.payments.put", PutTo(invoice_id=invoice.id), payment_id=shown.payment.id
    )
    assert (put.payment.waiting_minor, await open_of(shop, invoice)) == (0, 0)
    later = await record(shop, "1.00", "?", "B-2", account="DE89370400440532013000")
    assert [s.why for s in later.suggestions] == ["payer"]


async def test_a_part_goes_to_credit_and_never_more_than_waits(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    shown = await record(shop, "10.00", "?")
    asked = PutTo(company_id=customer.company_id, amount="4.00")
    put = await shop.desk.call(staff, "provider.payments.put", asked, payment_id=shown.payment.id)
    assert (put.payment.waiting_minor, await credit(shop, customer)) == (600, 400)
    with pytest.raises(Invalid):
        asked = PutTo(company_id=customer.company_id, amount="6.01")
        await shop.desk.call(staff, "provider.payments.put", asked, payment_id=shown.payment.id)


async def test_what_was_put_wrongly_waits_again(shop: Any) -> None:
    customer, other, staff = await shop.company(), await shop.company("Fremd AG"), await shop.staff()
    wrong, right = await shop.invoice(customer), await shop.invoice(other)
    shown = await record(shop, "12.90", wrong.number)
    assert (await open_of(shop, wrong), await credit(shop, customer)) == (0, 100)
    back = await shop.desk.call(staff, "provider.payments.take_back", payment_id=shown.payment.id)
    assert (back.payment.waiting_minor, back.payment.company_id) == (1290, None)
    assert (await open_of(shop, wrong), await credit(shop, customer)) == (1190, 0)
    await shop.desk.call(staff, "provider.payments.put", PutTo(invoice_id=right.id), payment_id=shown.payment.id)
    assert await open_of(shop, right) == 0


async def test_credit_that_is_used_up_cannot_be_taken_back_or_paid_out(shop: Any) -> None:
    customer, admin = await shop.company(), await shop.staff(ADMINISTRATOR)
    shown = await record(shop, "11.90", "K1001")
    await shop.invoice(customer)
    with pytest.raises(NotNow):
        await shop.desk.call(admin, "provider.payments.take_back", payment_id=shown.payment.id)
    with pytest.raises(NotNow):
        asked = NewRefund(amount="0.01", reference="B-9", paid_on="2026-03-12")
        await shop.desk.call(admin, "provider.payments.refund", asked, company_id=customer.company_id)


async def test_credit_is_paid_out_and_waiting_money_is_sent_back(shop: Any) -> None:
    customer, admin = await shop.company(), await shop.staff(ADMINISTRATOR)
    await record(shop, "11.90", "K1001", "B-1")
    asked = NewRefund(amount="10.00", reference="B-2", paid_on="2026-03-12", text="on request")
    back = await shop.desk.call(admin, "provider.payments.refund", asked, company_id=customer.company_id)
    assert (back.payment.minor, await credit(shop, customer)) == (-1000, 190)
    stray = await record(shop, "7.00", "wrong account", "B-3")
    await shop.desk.call(admin, "provider.payments.send_back", Back("B-4", "2026-03-12"), payment_id=stray.payment.id)
    assert await shop.desk.ledger.balance(shop.desk.needs.db, BANK, "EUR") == 190
    with pytest.raises(NotNow):
        await shop.desk.call(
            admin, "provider.payments.send_back", Back("B-5", "2026-03-12"), payment_id=stray.payment.id
        )


async def test_a_few_cents_are_written_off_with_a_reason(shop: Any) -> None:
    customer, admin = await shop.company(), await shop.staff(ADMINISTRATOR)
    invoice = await shop.invoice(customer)
    await record(shop, "11.85", invoice.number)
    bill = await shop.desk.call(admin, "provider.invoices.write_off", WriteOff("bank charges"), invoice_id=invoice.id)
    assert bill.open_minor == 0
    assert await shop.desk.ledger.balance(shop.desk.needs.db, WRITTEN_OFF, "EUR") == 5


async def test_a_statement_is_taken_down_twice_and_booked_once(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    invoice = await shop.invoice(customer)
    content = (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Ntry><Amt Ccy="EUR">11.90</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-10</Dt></BookgDt><AcctSvcrRef>B-1</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RmtInf><Ustrd>{invoice.number}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"
    )
    for known in (0, 1):
        taken = await shop.desk.call(staff, "provider.payments.import", Statement(content))
        assert [(row.minor, row.waiting_minor) for row in taken.payments] == [(1190, 0)]
        assert len(taken.known) == known
        assert [put.invoice_number for puts in taken.puts.values() for put in puts] == [invoice.number]
    assert await shop.desk.ledger.balance(shop.desk.needs.db, BANK, "EUR") == 1190


async def test_a_table_is_taken_down_like_any_statement(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    invoice = await shop.invoice(customer)
    content = (
        f"Buchungstag;Verwendungszweck;Betrag\n10.03.2026;Rechnung {invoice.number};11,90\n10.03.2026;danke;1,00\n"
    )
    taken = await shop.desk.call(staff, "provider.payments.import", Statement(content))
    assert [(row.minor, row.waiting_minor) for row in taken.payments] == [(1190, 0), (100, 100)]
    assert await open_of(shop, invoice) == 0


async def test_the_statement_ends_with_what_is_owed_whatever_was_paid_and_taken_back(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    first, second = await shop.invoice(customer), await shop.invoice(customer)
    shown = await record(shop, "15.00", f"{first.number}")
    await shop.desk.call(staff, "provider.invoices.use_credit", UseCredit(amount="1.00"), invoice_id=second.id)
    found = (await shop.desk.call(customer, "statement.list", Page())).items
    assert [(row.kind, row.minor) for row in found] == [
        ("prepayment", -310), ("payment", -1190), ("invoice", 1190), ("invoice", 1190),
    ]  # fmt: skip
    balance = await shop.desk.call(customer, "balance.show")
    assert (found[0].balance_minor, balance.owed_minor, balance.credit_minor) == (880, 880, 210)
    with pytest.raises(NotNow):
        await shop.desk.call(staff, "provider.payments.take_back", payment_id=shown.payment.id)


async def test_a_customer_uses_credit_of_their_own_and_nobody_elses(shop: Any) -> None:
    customer, stranger = await shop.company(), await shop.company("Fremd AG")
    invoice = await shop.invoice(customer)
    await record(shop, "5.00", "advance K1001")
    asked = UseCredit(amount="2.00", once="x")
    for _ in range(2):
        bill = await shop.desk.call(customer, "invoices.use_credit", asked, invoice_id=invoice.id)
        assert (bill.open_minor, await credit(shop, customer)) == (990, 300)
    with pytest.raises(Invalid):
        await shop.desk.call(customer, "invoices.use_credit", UseCredit(amount="3.01"), invoice_id=invoice.id)
    with pytest.raises(NotThere):
        await shop.desk.call(stranger, "invoices.use_credit", asked, invoice_id=invoice.id)
    assert "EUR9.90" in bill.transfer.scan.split("\n")


async def test_an_invoice_says_what_it_was_paid_with(shop: Any) -> None:
    customer, admin = await shop.company(), await shop.staff(ADMINISTRATOR)
    invoice = await shop.invoice(customer)
    wrong = await record(shop, "1.00", invoice.number, "B-1")
    await shop.desk.call(admin, "provider.payments.take_back", payment_id=wrong.payment.id)
    await record(shop, "5.00", invoice.number, "B-2")
    await record(shop, "2.00", "K1001", "B-3")
    await shop.desk.call(admin, "provider.invoices.use_credit", UseCredit(), invoice_id=invoice.id)
    await shop.desk.call(admin, "provider.invoices.write_off", WriteOff("moved away"), invoice_id=invoice.id)
    settled = await shop.desk.call(customer, "invoices.settled", invoice_id=invoice.id)
    assert sorted((one.kind, one.minor) for one in settled.items) == [
        ("credit", 200),
        ("payment", 500),
        ("write-off", 490),
    ]
    assert sum(one.minor for one in settled.items) == (await shop.desk.needs.db.get(INVOICES, id=invoice.id)).paid_minor


async def test_the_books_are_searched_by_a_customers_name(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    await shop.company("Fremd AG")
    invoice = await shop.invoice(customer)
    await record(shop, "11.90", invoice.number)
    accounts = await shop.desk.call(staff, "provider.ledger.accounts", AccountPage(sort="-balance"))
    assert [(one.kind, one.minor) for one in accounts.items] == [
        ("bank", 1190), ("waiting", 0), ("receivable", 0), ("vat", -190), ("revenue", -1000),
    ]  # fmt: skip
    named = await shop.desk.call(staff, "provider.ledger.accounts", AccountPage(search="kramer"))
    assert [(one.kind, one.company_name) for one in named.items] == [("receivable", "Kramer & Söhne GmbH")]
    page = await shop.desk.call(staff, "provider.ledger.accounts", AccountPage(kind="own", limit=3))
    rest = await shop.desk.call(staff, "provider.ledger.accounts", AccountPage(kind="own", limit=3, after=page.after))
    assert [one.kind for one in (*page.items, *rest.items)] == ["bank", "revenue", "vat", "waiting"]
    entries = await shop.desk.call(staff, "provider.ledger.entries", EntryPage(account="waiting"))
    assert [(entry.kind, entry.minor) for entry in entries.items] == [("payment", 1190), ("payment", -1190)]


async def test_an_overdue_invoice_is_listed_and_its_customer_reminded_once(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    invoice, paid = await shop.invoice(customer), await shop.invoice(customer)
    await record(shop, "11.90", paid.number)
    (loop,) = shop.desk.payments.loops(None)
    before = len(await shop.mails())
    shop.clock.move(15 * _DAY_S)
    await loop.drain()
    overdue = await shop.desk.call(staff, "provider.invoices.overdue", Page())
    assert [(row.number, row.days) for row in overdue.items] == [(invoice.number, 1)]
    assert len(await shop.mails()) == before
    shop.clock.move(8 * _DAY_S)
    await loop.drain()
    await loop.drain()
    reminded = (await shop.mails())[before:]
    assert [mail.subject for mail in reminded] == [
        f"Reminder: invoice {invoice.number} of Nordlicht Rechenzentrum GmbH"
    ]
    assert "11.90 EUR" in reminded[0].text and "DE02120300000000202051" in reminded[0].text
    assert await shop.desk.needs.db.count(REMINDERS) == 1


async def test_money_is_for_those_who_may_see_bills_and_books_for_the_provider(shop: Any) -> None:
    customer, stranger = await shop.company(), await shop.company("Fremd AG")
    technician, support = await shop.colleague(customer, TECHNICIAN), await shop.staff()
    invoice = await shop.invoice(customer)
    for name in ("account.show", "payments.list"):
        with pytest.raises(NotAllowed):
            await shop.desk.call(technician, name, Page() if "list" in name else None)
    with pytest.raises(NotThere):
        await shop.desk.call(stranger, "invoices.bill", invoice_id=invoice.id)
    with pytest.raises(NotAllowed):
        await shop.desk.call(customer, "provider.payments.list", PaymentPage())
    with pytest.raises(NotAllowed):
        await shop.desk.call(support, "provider.invoices.write_off", WriteOff("friend"), invoice_id=invoice.id)
    await record(shop, "11.90", invoice.number)
    assert (await shop.desk.call(stranger, "payments.list", Page())).items == []
    assert (await shop.desk.call(customer, "invoices.bill", invoice_id=invoice.id)).transfer is None


@pytest.mark.parametrize(("amount", "day"), [("0", "2026-03-10"), ("1.999", "2026-03-10"), ("1.00", "2026-02-30")])
async def test_what_no_bank_would_say_is_refused_beside_its_field(shop: Any, amount: str, day: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked = NewPayment(amount=amount, paid_on=day, reference="B-1")
        await shop.desk.call(await shop.staff(), "provider.payments.record", asked)
    assert refused.value.fields
