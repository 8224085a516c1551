"""Signing up, and what follows the links that come by mail."""

from __future__ import annotations

from wolke.business.errors import NotThere
from wolke.business.verb import ANYONE
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages.company import countries
from wolke.core.http import Response


async def form(ask: Ask) -> Response:
    return ask.draw("sign_up.html", countries=countries(ask), country=ask.desk.needs.config.country)


async def sign_up(ask: Ask) -> Response:
    given = ask.form.given("company", "country", "name", "email") | {"password": ask.form.first("password")}
    sent = await ask.call("people.sign_up", given | {"locale": ask.words.language})
    return ask.draw("sign_up_sent.html", email=sent.email, mail=await ask.newest_mail(sent.email))


async def resend(ask: Ask) -> Response:
    sent = await ask.call("people.resend", ask.form.given("email"))
    return ask.draw("sign_up_sent.html", email=sent.email, mail=await ask.newest_mail(sent.email))


async def link(ask: Ask) -> Response:
    """A click is needed still: what reads mail before people do follows links, too."""
    shown = await ask.call("links.show", {"token": ask.places["token"]})
    if shown.kind != "confirm":
        raise NotThere("There is no such page.")
    return ask.draw("confirm.html", link=shown)


async def confirm(ask: Ask) -> Response:
    confirmed = await ask.call("people.confirm", {"token": ask.places["token"]})
    return ask.go("/sign-in", "Your account is ready. Please sign in, {email}.", email=confirmed.email)


PAGES = (
    Page("GET", "/sign-up", form, may=ANYONE),
    Page("POST", "/sign-up", sign_up, again=form, may=ANYONE),
    Page("POST", "/sign-up/resend", resend, again=form, may=ANYONE),
    Page("GET", "/confirm/{token}", link, may=ANYONE),
    Page("POST", "/confirm/{token}", confirm, may=ANYONE),
)
