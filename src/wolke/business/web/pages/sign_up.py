"""Signing up, and what follows the links that come by mail."""

from __future__ import annotations

from wolke.business.customers.password_rules import TOO_SHORT
from wolke.business.customers.verbs.own import StrengthShown
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


async def strength(ask: Ask) -> Response:
    """At each pause in typing: how good the password is that stands in the form. It is in the body, which nobody writes down, and comes back nowhere."""
    password = ask.form.first("password") or ask.form.first("new")
    if not password:
        return ask.draw("strength.html", found=StrengthShown(score=0, hint=TOO_SHORT, refused=True))
    about = ask.form.given("name", "email", "company")
    if ask.me is not None:
        about = {"name": ask.me.name, "email": ask.me.email, "company": ask.me.company} | about
    given = {name: text[:200] for name, text in about.items()} | {"password": password}
    return ask.draw("strength.html", found=await ask.call("passwords.strength", given))


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
    Page("POST", "/password/strength", strength, may=ANYONE),
    Page("POST", "/sign-up/resend", resend, again=form, may=ANYONE),
    Page("GET", "/confirm/{token}", link, may=ANYONE),
    Page("POST", "/confirm/{token}", confirm, may=ANYONE),
)
