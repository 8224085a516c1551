"""The company: its address, its people and what they may, its projects and budgets, its programs' keys, its history."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import cache

from babel import Locale

from wolke.business.customers.countries import COUNTRIES
from wolke.business.errors import Invalid
from wolke.business.money import Amount
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.doing import does, lists, shows
from wolke.core.http import Response

people = shows("people.html", members="members.list")
projects = lists("projects.html", "projects.list", "name")
keys = shows("api_keys.html", keys="keys.list")
history = lists("history.html", "audit.list", "-number")


def countries(ask: Ask) -> tuple[tuple[str, str], ...]:
    """Codes and names, by name in the reader's language."""
    return _countries(str(ask.words.locale))


@cache
def _countries(locale: str) -> tuple[tuple[str, str], ...]:
    names = Locale.parse(locale).territories
    return tuple(sorted(((code, names[code]) for code in COUNTRIES), key=lambda pair: pair[1]))


async def company(ask: Ask) -> Response:
    return ask.draw("company.html", company=await ask.call("company.show"), countries=countries(ask))


async def invite_form(ask: Ask) -> Response:
    return ask.draw("invite.html")


async def invite(ask: Ask) -> Response:
    invited = await ask.call("members.invite", ask.filled("members.invite") | _projects(ask))
    return ask.go("/people", "An invitation is on its way to {email}.", email=invited.email)


async def member_form(ask: Ask) -> Response:
    members = await ask.call("members.list")
    member = next((one for one in members if one.id == ask.places["member_id"]), None)
    if member is None:
        return ask.go("/people")
    return ask.draw("member.html", member=member)


async def member_change(ask: Ask) -> Response:
    await ask.call("members.change", ask.filled("members.change") | _projects(ask))
    return ask.go("/people", "Saved.")


def _projects(ask: Ask) -> dict[str, list[str] | None]:
    """All projects, or those that are ticked."""
    return {"projects": ask.form.all("projects") if ask.form.first("which") == "some" else None}


async def invitations_page(ask: Ask) -> Response:
    return ask.draw("invitations.html", invitations=await ask.call("invitations.list"))


async def project_form(ask: Ask) -> Response:
    return ask.draw("project_new.html")


async def project_new(ask: Ask) -> Response:
    made = await ask.call(
        "projects.create", {"name": ask.form.first("name").strip(), "budget_minor": money(ask, "budget")}
    )
    return ask.go("/projects", "{name} is being prepared.", name=made.name)


async def project_page(ask: Ask) -> Response:
    return ask.draw("project.html", shown=await ask.call("projects.show"), limits=await ask.call("limits.show"))


async def budget(ask: Ask) -> Response:
    await ask.call("projects.budget", {"budget_minor": money(ask, "budget")})
    return ask.go(f"/projects/{ask.places['project_id']}", "The budget is set.")


def money(ask: Ask, name: str) -> int | None:
    """What was typed as an amount, in minor units; None where nothing was. A comma or a point may stand before the cents."""
    text = ask.form.first(name).strip().replace("\u00a0", "").replace(" ", "")
    if not text:
        return None
    if "," in text and "." in text:
        text = text.replace("." if text.rindex(",") > text.rindex(".") else ",", "")
    try:
        amount = Decimal(text.replace(",", "."))
        if not amount.is_finite() or abs(amount) > 10**12:
            raise InvalidOperation
        return Amount(amount, ask.desk.needs.config.currency).minor
    except (InvalidOperation, ValueError):
        raise Invalid("Please check what is marked below.", fields={name: "This must be an amount of money."}) from None


async def key_new(ask: Ask) -> Response:
    """Shown this once, in the answer itself: it is in no address and no cookie."""
    made = await ask.call("keys.create", ask.filled("keys.create"))
    return ask.draw("api_key.html", made=made)


PAGES = (
    Page("GET", "/company", company),
    Page("POST", "/company", does("company.change", "/company", "Saved."), again=company),
    Page("GET", "/people", people),
    Page("GET", "/people/invite", invite_form),
    Page("POST", "/people/invite", invite, again=invite_form),
    Page("GET", "/people/invitations", invitations_page),
    Page("POST", "/people/invitations/{invitation_id}/withdraw", does("invitations.withdraw", "/people/invitations", "The invitation is withdrawn.")),
    Page("GET", "/people/{member_id}", member_form),
    Page("POST", "/people/{member_id}", member_change, again=member_form),
    Page("POST", "/people/{member_id}/remove", does("members.remove", "/people", "They are not part of your company any more.")),
    Page("GET", "/projects", projects),
    Page("GET", "/projects/new", project_form),
    Page("POST", "/projects/new", project_new, again=project_form),
    Page("GET", "/projects/{project_id}", project_page),
    Page("POST", "/projects/{project_id}", does("projects.rename", "/projects/{project_id}", "Saved."), again=project_page),
    Page("POST", "/projects/{project_id}/budget", budget, again=project_page),
    Page("POST", "/projects/{project_id}/retry", does("projects.retry", "/projects/{project_id}", "It is being set up once more.")),
    Page("POST", "/projects/{project_id}/close", does("projects.close", "/projects", "The project is closed.")),
    Page("GET", "/api-keys", keys),
    Page("POST", "/api-keys", key_new, again=keys),
    Page("POST", "/api-keys/{key_id}/end", does("keys.end", "/api-keys", "The key is ended.")),
    Page("GET", "/history", history),
)  # fmt: skip
