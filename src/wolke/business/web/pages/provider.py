"""The provider's side: how the house stands, its customers, its staff, its hosts and its log. What it sells is ``prices``; its money is ``billing``
and ``books``."""

from __future__ import annotations

from typing import Any

from wolke.business.errors import BusinessError, Invalid, NotThere
from wolke.business.verb import STAFF
from wolke.business.web.notes import DONE, REFUSED
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does, lists, shows
from wolke.business.web.pages.sign_in import carry
from wolke.core.http import Response

_CUSTOMER = "/provider/customers/{company_id}"
_PROJECT, _MEMBER = f"{_CUSTOMER}/projects/{{project_id}}", "/provider/staff/{staff_id}"
customers = lists("provider_customers.html", "customers.list", "name", "state")
staff = shows("provider_staff.html", staff="staff.list")
audit = lists("provider_audit.html", "audit.search", "-number", "person_id", "action", "object_id")
mails = lists("provider_mails.html", "mails.list", "-created", "state")
hosts = shows("provider_hosts.html", fleet="fleet.show")


async def home(ask: Ask) -> Response:
    """Each tile is there if its verb answers: a cloud that does not leaves the rest alone."""
    fleet = await _tried(ask, "fleet.show")
    tickets = await _tried(ask, "provider.tickets.list", state="unsettled", limit="6")
    new = await _tried(ask, "customers.list", limit="6", sort="-created_at")
    overdue = await _tried(ask, "provider.invoices.list", state="overdue", limit="6")
    open_ = await _tried(ask, "provider.invoices.list", state="open", limit="1")
    waiting = await _tried(ask, "provider.payments.list", waiting="true", limit="1")
    return ask.draw(
        "provider_home.html", fleet=fleet, tickets=tickets, customers=new, overdue=overdue, open=open_, waiting=waiting
    )


async def _tried(ask: Ask, verb: str, **asked: str) -> Any:
    if not ask.may(verb):
        return None
    try:
        return await ask.call(verb, asked)
    except BusinessError:
        return None


async def customer(ask: Ask) -> Response:
    return ask.draw(
        "provider_customer.html", shown=await ask.call("customers.show"), balance=await _tried(ask, "provider.customers.balance"),
        costs=await _tried(ask, "provider.customers.costs"), invoices=await _tried(ask, "provider.invoices.list", company_id=ask.places["company_id"], limit="6"),
        tickets=await _tried(ask, "provider.tickets.list", company_id=ask.places["company_id"], limit="6"),
    )  # fmt: skip


async def act(ask: Ask) -> Response:
    carry(ask, await ask.call("customers.act", ask.filled("customers.act")))
    return ask.go("/", "You act on behalf of this customer now.")


async def check_vat(ask: Ask) -> Response:
    await ask.call("customers.check_vat", {"right": ask.form.first("right") == "yes"})
    return ask.go(_CUSTOMER.format(**ask.places), "Saved.")


async def project(ask: Ask) -> Response:
    customer = await ask.call("customers.show")
    found = next((one for one in customer.projects if one.id == ask.places["project_id"]), None)
    if found is None:
        raise NotThere("There is no such project.")
    limits = await ask.call("provider.limits.show")
    return ask.draw("provider_project.html", company=customer.company, project=found, limits=limits)


async def limits(ask: Ask) -> Response:
    """Memory is typed in GiB."""
    given = ask.form.given("servers", "vcpus", "disk_gib", "addresses")
    try:
        given["ram_mib"] = str(int(ask.form.first("ram_gib").strip()) * 1024)
    except ValueError:
        raise Invalid("Please check what is marked below.", fields={"ram_gib": "This must be a number."}) from None
    await ask.call("limits.set", given)
    return ask.go(_PROJECT.format(**ask.places), "Saved.")


async def member(ask: Ask) -> Response:
    found = next((one for one in await ask.call("staff.list") if one.person_id == ask.places["staff_id"]), None)
    if found is None:
        raise NotThere("There is no such person among the staff.")
    return ask.draw("provider_staff_member.html", member=found)


async def drain(ask: Ask) -> Response:
    drained = await ask.call("hosts.drain")
    if not drained.staying:
        return ask.go("/provider/hosts", "{count} of its servers begin to move away.", count=drained.servers)
    first = drained.staying[0]
    why = f"{first.name} – {ask.words.sentence(first.reason)}"
    return ask.go(
        "/provider/hosts", "{count} of its servers begin to move away, {staying} stay: {why}", REFUSED if not drained.servers else DONE,
        count=drained.servers, staying=len(drained.staying), why=why,
    )  # fmt: skip


async def audit_check(ask: Ask) -> Response:
    """Asked for, since it reads all that there is."""
    checked = await ask.call("audit.check")
    if checked.broken is not None:
        return ask.go(
            "/provider/audit", "Entry {number} does not fit the one before it: somebody has changed the log.", REFUSED,
            number=checked.broken,
        )  # fmt: skip
    return ask.go(
        "/provider/audit", "{count} entries, each bound to the one before it: nothing was changed or taken out.",
        count=ask.words.number(checked.entries),
    )  # fmt: skip


PAGES = (
    Page("GET", "/provider", home, may=STAFF),
    Page("GET", "/provider/customers", customers),
    Page("GET", _CUSTOMER, customer),
    Page("POST", f"{_CUSTOMER}/act", act, again=customer),
    Page("POST", f"{_CUSTOMER}/suspend", does("customers.suspend", _CUSTOMER, "The customer is suspended."), again=customer),
    Page("POST", f"{_CUSTOMER}/open", does("customers.open", _CUSTOMER, "The customer may buy again.")),
    Page("POST", f"{_CUSTOMER}/discount", does("customers.discount", _CUSTOMER, "Saved."), again=customer),
    Page("POST", f"{_CUSTOMER}/vat", check_vat),
    Page("GET", _PROJECT, project),
    Page("POST", _PROJECT, limits, again=project),
    Page("POST", f"{_PROJECT}/retry", does("provider.projects.retry", _PROJECT, "It is being set up once more.")),
    Page("GET", "/provider/staff", staff),
    Page("POST", "/provider/staff", does("staff.add", "/provider/staff", "An invitation is on its way."), again=staff),
    Page("GET", _MEMBER, member),
    Page("POST", _MEMBER, does("staff.change", "/provider/staff", "Saved."), again=member),
    Page("POST", f"{_MEMBER}/remove", does("staff.remove", "/provider/staff", "They are not part of the staff any more.")),
    Page("GET", "/provider/audit", audit),
    Page("POST", "/provider/audit/check", audit_check),
    Page("GET", "/provider/mails", mails),
    Page("POST", "/provider/mails/{mail_id}/again", does("mails.again", "/provider/mails", "It is tried again now.")),
    Page("GET", "/provider/hosts", hosts),
    Page("POST", "/provider/hosts/{host}/enable", does("hosts.enable", "/provider/hosts", "New servers may come to this host.")),
    Page("POST", "/provider/hosts/{host}/disable", does("hosts.disable", "/provider/hosts", "No new servers come to this host.")),
    Page("POST", "/provider/hosts/{host}/drain", drain),
)  # fmt: skip
