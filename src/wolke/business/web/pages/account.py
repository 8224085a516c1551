"""One's own account: name and language, e-mail address, companies, password, the second step, where one is signed in."""

from __future__ import annotations

from wolke.business.errors import NotThere
from wolke.business.verb import ANYONE
from wolke.business.web import pictures
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.company import countries
from wolke.business.web.pages.doing import does, shows
from wolke.business.web.pages.sign_in import carry
from wolke.core.http import Response

_SECURITY = "/account/security"
profile = shows("account.html")
security = shows("security.html", sessions="sessions.list")


async def change(ask: Ask) -> Response:
    await ask.call("people.change", ask.filled("people.change"))
    return ask.go("/account", "Saved.")


async def password(ask: Ask) -> Response:
    carry(ask, await ask.call("passwords.change", {"old": ask.form.first("old"), "new": ask.form.first("new")}))
    return ask.go(_SECURITY, "Your password is changed. Everywhere else you are signed out now.")


async def email_form(ask: Ask) -> Response:
    return ask.draw("email_new.html")


async def email(ask: Ask) -> Response:
    """The new address comes back as it is kept, and in development its mail."""
    given = ask.form.given("email") | {"password": ask.form.first("password")}
    sent = await ask.call("people.change_email", given)
    return ask.draw("email_sent.html", email=sent.email, mail=await ask.newest_mail(sent.email))


async def email_link(ask: Ask) -> Response:
    """A click is needed still, as for a sign-up."""
    shown = await ask.call("links.show", {"token": ask.places["token"]})
    if shown.kind != "email":
        raise NotThere("There is no such page.")
    return ask.draw("email_confirm.html", link=shown)


async def email_confirm(ask: Ask) -> Response:
    confirmed = await ask.call("people.confirm_email", {"token": ask.places["token"]})
    where = "/account" if ask.who.person_id else "/sign-in"
    return ask.go(where, "The address of your account is {email} now.", email=confirmed.email)


async def leave_form(ask: Ask) -> Response:
    return ask.draw("leave.html") if ask.may("members.leave") else ask.go("/account")


async def leave(ask: Ask) -> Response:
    """And on to another place where this person works, if there is one."""
    await ask.call("members.leave")
    left = ask.me.company
    if others := [place for place in ask.me.places if place.company_id != ask.who.company_id]:
        carry(ask, await ask.call("sessions.switch", {"company_id": others[0].company_id}))
    return ask.go("/", "You do not work with {company} any more.", company=left)


async def company_form(ask: Ask) -> Response:
    return ask.draw("company_new.html", countries=countries(ask), country=ask.desk.needs.config.country)


async def company_add(ask: Ask) -> Response:
    carry(ask, await ask.call("company.add", ask.filled("company.add")))
    return ask.go("/", "The company is open. Its first project is being prepared.")


async def offer_form(ask: Ask) -> Response:
    return ask.draw("second_step_offer.html")


async def offer(ask: Ask) -> Response:
    """Straight on to the picture: the seed is in no address and in no cookie."""
    offered = await ask.call("second_step.offer", {"password": ask.form.first("password")})
    return ask.draw("second_step.html", offer=offered, picture=pictures.code(offered.uri))


async def switch_on(ask: Ask) -> Response:
    shown = carry(ask, await ask.call("second_step.switch_on", ask.form.given("code")))
    return ask.draw("recovery_codes.html", codes=shown.recovery_codes)


async def switch_off_form(ask: Ask) -> Response:
    return ask.draw("second_step_off.html")


async def switch_off(ask: Ask) -> Response:
    given = {"password": ask.form.first("password"), "code": ask.form.first("code").strip()}
    carry(ask, await ask.call("second_step.switch_off", given))
    return ask.go(_SECURITY, "The second step is off.")


async def new_codes_form(ask: Ask) -> Response:
    return ask.draw("recovery_codes_new.html")


async def new_codes(ask: Ask) -> Response:
    found = await ask.call("second_step.recovery_codes", ask.form.given("code"))
    return ask.draw("recovery_codes.html", codes=found.recovery_codes)


async def retry(ask: Ask) -> Response:
    return ask.draw("second_step_retry.html")


PAGES = (
    Page("GET", "/account", profile),
    Page("POST", "/account", change, again=profile),
    Page("GET", "/account/email", email_form),
    Page("POST", "/account/email", email, again=email_form),
    Page("GET", "/email/{token}", email_link, may=ANYONE),
    Page("POST", "/email/{token}", email_confirm, may=ANYONE),
    Page("GET", "/account/leave", leave_form),
    Page("POST", "/account/leave", leave),
    Page("GET", "/companies/new", company_form),
    Page("POST", "/companies/new", company_add, again=company_form),
    Page("GET", "/account/security", security),
    Page("POST", "/account/password", password, again=security),
    Page("GET", "/account/second-step", offer_form),
    Page("POST", "/account/second-step", offer, again=offer_form),
    Page("POST", "/account/second-step/on", switch_on, again=retry),
    Page("GET", "/account/second-step/off", switch_off_form),
    Page("POST", "/account/second-step/off", switch_off, again=switch_off_form),
    Page("GET", "/account/recovery-codes", new_codes_form),
    Page("POST", "/account/recovery-codes", new_codes, again=new_codes_form),
    Page(
        "POST", "/account/sessions/end", does("sessions.end_others", _SECURITY, "You are signed out everywhere else.")
    ),
    Page("POST", "/account/sessions/{session_id}/end", does("sessions.end_one", _SECURITY, "That session is ended.")),
)
