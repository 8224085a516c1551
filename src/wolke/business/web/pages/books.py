"""The provider's books: payments and what they are put to, the ledger, and each customer's account."""

from __future__ import annotations

from typing import Any

from wolke.business.errors import BusinessError, Invalid
from wolke.business.web.listing import listed
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does, figured, lists
from wolke.core.clock import moment
from wolke.core.http import Response

_PAYMENTS, _ONE, _LEDGER, _CUSTOMER = (
    "/provider/payments",
    "/provider/payments/{payment_id}",
    "/provider/ledger",
    "/provider/customers/{company_id}",
)
_FILE_BYTES = 9 * 1024 * 1024
payments = lists("provider_payments.html", "provider.payments.list", "-paid_on", "waiting")
ledger = lists("provider_ledger.html", "provider.ledger.list", "-at")


async def payment_new(ask: Ask) -> Response:
    today = moment(ask.desk.needs.clock.now()).astimezone(ask.words.zone).date().isoformat()
    return ask.draw("provider_payment_new.html", today=today)


async def record(ask: Ask) -> Response:
    asked = figured(ask.filled("provider.payments.record"), "amount")
    shown = await ask.call("provider.payments.record", asked)
    return ask.go(f"{_PAYMENTS}/{shown.payment.id}", "The payment is taken down.")


async def statement_form(ask: Ask, taken: Any = None) -> Response:
    return ask.draw("provider_payments_import.html", taken=taken)


async def take_statement(ask: Ask) -> Response:
    """What was in it stays on the page: what each payment was put to, and what waits."""
    from wolke.business.payments.statements import text  # lxml is loaded by those who need it

    content = text(ask.form.file("statement"))
    if not content.strip():
        raise Invalid("Please check what is marked below.", fields={"statement": "Please choose a file."})
    try:
        taken = await ask.call("provider.payments.import", {"content": content})
    except BusinessError as error:
        raise Invalid("Please check what is marked below.", fields={"statement": error.message}) from None
    return await statement_form(ask, taken)


async def payment(ask: Ask) -> Response:
    """Also what a search finds that it may be put to: open invoices, and customers."""
    shown, search = await ask.call("provider.payments.show"), ask.request.query.get("search") or ""
    invoices, customers = [], []
    if search and shown.payment.waiting_minor > 0:
        invoices = (await ask.call("provider.invoices.list", {"search": search, "state": "open", "limit": "10"})).items
        customers = (await ask.call("customers.list", {"search": search, "limit": "10"})).items
    return ask.draw("provider_payment.html", shown=shown, search=search, invoices=invoices, customers=customers)


async def accounts(ask: Ask) -> Response:
    found = await listed(ask, "provider.ledger.accounts", default="account", more=("kind",))
    return ask.draw("provider_accounts.html", listed=found, trial=await ask.call("provider.ledger.balance"))


async def entries(ask: Ask) -> Response:
    """Of the account that the address names."""
    query = ask.request.query
    account, currency = query.get("account") or "", query.get("currency") or ""
    own = await ask.call("provider.ledger.accounts", {"search": f"{account} {currency}", "limit": "200"})
    shown = next((one for one in own.items if one.account == account), None)
    found = await listed(ask, "provider.ledger.entries", default="-at", more=("account", "currency"))
    return ask.draw("provider_entries.html", listed=found, account=shown)


async def transaction(ask: Ask) -> Response:
    return ask.draw("provider_transaction.html", shown=await ask.call("provider.ledger.show"))


def of_customer(template: str, verb: str, default: str, *more: str) -> Any:
    """A tab of a customer's page: a list, under how the account stands."""

    async def run(ask: Ask) -> Response:
        place = {"company_id": ask.places["company_id"]}
        named = {} if "company_id" in ask.desk.verbs[verb].places else place
        found = await listed(ask, verb, default=default, more=more, fixed=named)
        return ask.draw(
            template, listed=found, shown=await ask.call("customers.show"), balance=await ask.call("provider.customers.balance")
        )  # fmt: skip

    return run


account = of_customer("provider_customer_account.html", "provider.customers.statement", "-at")
PAGES = (
    Page("GET", _PAYMENTS, payments),
    Page("GET", f"{_PAYMENTS}/new", payment_new),
    Page("POST", f"{_PAYMENTS}/new", record, again=payment_new),
    Page("GET", f"{_PAYMENTS}/import", statement_form),
    Page("POST", f"{_PAYMENTS}/import", take_statement, again=statement_form, body_bytes=_FILE_BYTES),
    Page("GET", _ONE, payment),
    Page("POST", f"{_ONE}/put", does("provider.payments.put", _ONE, "It is put there.", figures=("amount",)), again=payment),
    Page("POST", f"{_ONE}/take-back", does("provider.payments.take_back", _ONE, "It waits again.")),
    Page("POST", f"{_ONE}/send-back", does("provider.payments.send_back", _ONE, "It is noted that it went back."), again=payment),
    Page("GET", _LEDGER, ledger),
    Page("GET", f"{_LEDGER}/accounts", accounts),
    Page("GET", f"{_LEDGER}/entries", entries),
    Page("GET", f"{_LEDGER}/transactions/{{transaction_id}}", transaction),
    Page("GET", f"{_CUSTOMER}/account", account),
    Page("GET", f"{_CUSTOMER}/invoices", of_customer("provider_customer_invoices.html", "provider.invoices.list", "-created", "state")),
    Page("GET", f"{_CUSTOMER}/payments", of_customer("provider_customer_payments.html", "provider.payments.list", "-paid_on")),
    Page("POST", f"{_CUSTOMER}/refund", does("provider.payments.refund", f"{_CUSTOMER}/account", "The refund is taken down.", figures=("amount",)), again=account),
)  # fmt: skip
