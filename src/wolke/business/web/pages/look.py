"""How pages look to this browser: language and theme, kept in cookies since they need no account."""

from __future__ import annotations

from wolke.business.verb import ANYONE
from wolke.business.web.page import LANGUAGE, THEME, THEMES, Ask, Page, within
from wolke.business.web.words import LANGUAGES
from wolke.core.http import Response

_YEAR_S = 365 * 24 * 3600


async def language(ask: Ask) -> Response:
    wanted = ask.form.first("language")
    if wanted in LANGUAGES:
        ask.cookies.append(f"{LANGUAGE}={wanted}; Path=/; Max-Age={_YEAR_S}; SameSite=Lax")
    return ask.go(within(ask.form.first("next")))


async def theme(ask: Ask) -> Response:
    wanted = ask.form.first("theme")
    if wanted in THEMES:
        ask.cookies.append(f"{THEME}={wanted}; Path=/; Max-Age={_YEAR_S}; SameSite=Lax")
    return ask.go(within(ask.form.first("next")))


PAGES = (
    Page("POST", "/language", language, may=ANYONE),
    Page("POST", "/theme", theme, may=ANYONE),
)
