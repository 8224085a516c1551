"""One's own account: name and language, password, the second step, where one is signed in."""

from __future__ import annotations

from wolke.business.web import codes
from wolke.business.web.page import Ask, Page
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


async def offer_form(ask: Ask) -> Response:
    return ask.draw("second_step_offer.html")


async def offer(ask: Ask) -> Response:
    """Straight on to the picture: the seed is in no address and in no cookie."""
    offered = await ask.call("second_step.offer", {"password": ask.form.first("password")})
    return ask.draw("second_step.html", offer=offered, picture=codes.picture(offered.uri))


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
