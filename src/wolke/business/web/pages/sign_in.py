"""Signing in and out, the second step, the forgotten password, and where one is at work."""

from __future__ import annotations

from typing import Any

from wolke.business.api import session_cookie
from wolke.business.verb import ANYONE, Opened
from wolke.business.web.page import PROJECT, Ask, Page, within
from wolke.core.http import Response


def carry(ask: Ask, opened: Opened) -> Any:
    """The session that a verb has opened goes into the browser's cookie; what else it says is answered."""
    ask.cookies.append(session_cookie(ask.desk, ask.request, opened.token))
    return opened.shown


async def form(ask: Ask) -> Response:
    if ask.who.person_id is not None:
        return ask.go(ask.home)
    return ask.draw("sign_in.html", next=_next(ask))


async def sign_in(ask: Ask) -> Response:
    given = ask.form.given("email") | {"password": ask.form.first("password")}
    shown = carry(ask, await ask.call("sessions.begin", given))
    return ask.go(ask.address("/sign-in/code", next=_next(ask)) if shown.needs_code else _next(ask) or "/")


async def code_form(ask: Ask) -> Response:
    return ask.draw("sign_in_code.html", next=_next(ask))


async def code(ask: Ask) -> Response:
    carry(ask, await ask.call("sessions.second_step", ask.form.given("code")))
    return ask.go(_next(ask) or "/")


async def sign_out(ask: Ask) -> Response:
    carry(ask, await ask.call("sessions.end"))
    return ask.go("/sign-in", "You are signed out.")


async def place(ask: Ask) -> Response:
    carry(ask, await ask.call("sessions.switch", {"company_id": ask.form.first("company")}))
    return ask.go("/" if ask.form.first("company") else "/provider")


async def project(ask: Ask) -> Response:
    """Of those that the person sees; another one's id in the cookie shows nothing."""
    wanted = ask.form.first("project")
    if wanted in {one.id for one in ask.projects}:
        ask.cookies.append(f"{PROJECT}={wanted}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")
    return ask.go("/")


async def forgotten_form(ask: Ask) -> Response:
    return ask.draw("forgotten.html")


async def forgotten(ask: Ask) -> Response:
    sent = await ask.call("passwords.forgotten", ask.form.given("email"))
    return ask.draw("forgotten_sent.html", email=sent.email, mail=await ask.newest_mail(sent.email))


async def reset_form(ask: Ask) -> Response:
    shown = await ask.call("links.show", {"token": ask.places["token"]})
    return ask.draw("reset.html", link=shown)


async def reset(ask: Ask) -> Response:
    given = {"token": ask.places["token"], "password": ask.form.first("password")}
    await ask.call("passwords.reset", given)
    return ask.go("/sign-in", "Your new password is set. Please sign in with it.")


async def invitation_form(ask: Ask) -> Response:
    shown = await ask.call("links.show", {"token": ask.places["token"]})
    return ask.draw("invitation.html", link=shown)


async def invitation(ask: Ask) -> Response:
    given = {"token": ask.places["token"], "locale": ask.words.language} | ask.form.given("name")
    if ask.form.first("password"):
        given["password"] = ask.form.first("password")
    accepted = await ask.call("invitations.accept", given)
    return ask.go("/sign-in", "Welcome! Please sign in, {email}.", email=accepted.email)


def _next(ask: Ask) -> str:
    wanted = ask.form.first("next") or ask.request.query.get("next") or ""
    return within(wanted) if wanted else ""


PAGES = (
    Page("GET", "/sign-in", form, may=ANYONE),
    Page("POST", "/sign-in", sign_in, again=form, may=ANYONE),
    Page("GET", "/sign-in/code", code_form, may=ANYONE),
    Page("POST", "/sign-in/code", code, again=code_form, may=ANYONE),
    Page("POST", "/sign-out", sign_out),
    Page("POST", "/place", place),
    Page("POST", "/project", project),
    Page("GET", "/forgotten", forgotten_form, may=ANYONE),
    Page("POST", "/forgotten", forgotten, again=forgotten_form, may=ANYONE),
    Page("GET", "/reset/{token}", reset_form, may=ANYONE),
    Page("POST", "/reset/{token}", reset, again=reset_form, may=ANYONE),
    Page("GET", "/invitation/{token}", invitation_form, may=ANYONE),
    Page("POST", "/invitation/{token}", invitation, again=invitation_form, may=ANYONE),
)
