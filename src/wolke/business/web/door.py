"""The door of the pages: finds the row, who asks and what was typed, and answers whatever happens with a page."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from wolke.business.api import COOKIE as SESSION
from wolke.business.api import cookie
from wolke.business.errors import BusinessError, NotAllowed, NotSignedIn, NotThere
from wolke.business.verb import ANYONE, SECOND_STEP_FIRST, check_may
from wolke.business.web import forms, notes
from wolke.business.web.drawing import Drawing
from wolke.business.web.files import PREFIX, Files
from wolke.business.web.page import LANGUAGE, VISIT, Ask, Page
from wolke.business.web.pages import PAGES
from wolke.business.web.words import choose, words
from wolke.business.who import NOBODY, Who
from wolke.core import ids
from wolke.core.errors import CloudError
from wolke.core.http import ClientGone, Door, Request, Response, Route
from wolke.core.http.routes import Trie
from wolke.core.log import get_logger

if TYPE_CHECKING:
    from wolke.business.desk import Desk

log = get_logger(__name__)
HEADERS = {
    "Content-Security-Policy": Ask.policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
#: What is open to whoever must set up the second step before anything else.
_STILL_OPEN = ("/account/second-step", "/sign-out", "/language", "/theme")
_READS = frozenset({"GET", "HEAD"})


def build_door(desk: Desk) -> Door:
    return Door("business-web", Pages(desk).answer)


class Pages:
    def __init__(self, desk: Desk, pages: Sequence[Page] = PAGES) -> None:
        self._desk = desk
        self._files = Files()
        self._drawing = Drawing(self._files, desk.needs.config, desk.needs.clock)
        self._secret = hmac.digest(desk.needs.secret, b"business pages", hashlib.sha256)
        self._pages = {(page.method, page.path): page for page in pages}
        self._trie = Trie(Route(page.method, page.path, page.run) for page in pages)

    async def answer(self, request: Request) -> Response:
        """Never raises but ``ClientGone``; headers that keep a page safe are on every answer."""
        if request.path.startswith(PREFIX) and request.method in _READS:
            found = self._files.answer(request)
            if found is not None:
                return found
        ask = self._ask(request)
        try:
            response = await self._answer(ask)
        except ClientGone:
            raise
        except CloudError as error:
            response = self._refusal(ask, error)
        except Exception:
            response = self._bug(ask)
        response.headers = {**HEADERS, **response.headers}
        response.also = (*response.also, *(("Set-Cookie", self._sent(ask, text)) for text in ask.cookies))
        return response

    def _ask(self, request: Request) -> Ask:
        language = choose(cookie(request, LANGUAGE), request.headers.get("accept-language", ""))
        spoken = words(language, self._desk.needs.config.time_zone)
        note = notes.read(self._secret, cookie(request, notes.COOKIE))
        return Ask(self._desk, request, self._drawing, spoken, self._secret, note=note)

    async def _answer(self, ask: Ask) -> Response:
        page = self._find(ask.request)
        await self._recognise(ask)
        try:
            check_may(ask.who, page.may)
        except NotSignedIn:
            return self._sign_in_first(ask)
        if ask.who.owes_second_step and not ask.request.path.startswith(_STILL_OPEN):
            return ask.go("/account/second-step", SECOND_STEP_FIRST, notes.REFUSED)
        if ask.request.method in _READS:
            return await page.run(ask)
        await self._read(ask, page)
        try:
            return await page.run(ask)
        except CloudError as error:
            if isinstance(error, NotSignedIn) and page.may is not ANYONE:
                raise
            if page.again is None:
                if isinstance(error, NotThere):
                    raise
                return ask.back(error)
            ask.refused = error if isinstance(error, BusinessError) else BusinessError(error.message)
            return await page.again(ask)

    def _find(self, request: Request) -> Page:
        found = None if "\x00" in request.path else self._trie.find(request.path)
        if found is None:
            raise NotThere("There is no such page.")
        methods, request.params = found
        method = "GET" if request.method == "HEAD" else request.method
        rows = methods.get(method)
        if not rows:
            raise _WrongMethod("This page cannot be asked like that.", headers={"Allow": ", ".join(sorted(methods))})
        return self._pages[(method, rows[0].path)]

    async def _recognise(self, ask: Ask) -> None:
        request = ask.request
        token = cookie(request, SESSION)
        if token:
            ask.who, ask.csrf = await self._desk.customers.sessions.who(token, request.client_address)
        if ask.who.person_id is not None:
            if cookie(request, LANGUAGE) == "":
                ask.words = words(choose(ask.who.locale, ""), self._desk.needs.config.time_zone)
            ask.me = await ask.call("sessions.mine")
            if ask.may("projects.list"):
                ask.projects = (await ask.call("projects.list")).items
            return
        visit = cookie(request, VISIT)
        if not visit:
            visit = secrets.token_urlsafe(18)
            ask.cookies.append(f"{VISIT}={visit}; Path=/; HttpOnly; SameSite=Lax")
        if ask.who is NOBODY:
            ask.who = Who(address=request.client_address)
        if ask.csrf:
            return
        ask.csrf = hmac.digest(self._secret, b"visit\0" + visit.encode(), hashlib.sha256).hex()

    async def _read(self, ask: Ask, page: Page) -> None:
        """The form, if it is one of our own pages'."""
        request = ask.request
        if page.body_bytes is not None:
            raw = await request.read(page.body_bytes)
            ask.form = forms.parse(raw, request.headers.get("content-type", ""))
        given = request.headers.get("x-csrf-token", "") or ask.form.first(forms.CSRF)
        if not hmac.compare_digest(given.encode(), ask.csrf.encode()) or not _same_site(request):
            raise NotAllowed("This page is too old, or was not ours. Please load it again.")

    def _sign_in_first(self, ask: Ask) -> Response:
        wanted = ask.request.path if ask.request.method in _READS and ask.request.path != "/" else ""
        return ask.go(f"/sign-in?next={quote(wanted)}" if wanted else "/sign-in")

    def _refusal(self, ask: Ask, error: CloudError) -> Response:
        if isinstance(error, NotSignedIn):
            return self._sign_in_first(ask)
        text = error.text if isinstance(error, BusinessError) else error.message
        values = error.values if isinstance(error, BusinessError) else {}
        response = ask.draw("refusal.html", error.status, text=text, values=values, request_id="")
        response.headers |= dict(error.headers)
        return response

    def _bug(self, ask: Ask) -> Response:
        """Whatever it is, nobody sees more of it than its number."""
        request_id = ids.request_id()
        log.exception("bug", request_id=request_id, method=ask.request.method, path=ask.request.path)
        text = "Something went wrong on our side. It has been noted; please try again in a moment."
        try:
            return ask.draw("refusal.html", 500, text=text, values={}, request_id=request_id)
        except Exception:
            log.exception("bug in the page of bugs", request_id=request_id)
            return Response(500, f"{text} ({request_id})".encode(), content_type="text/plain; charset=utf-8")

    def _sent(self, ask: Ask, text: str) -> str:
        return f"{text}; Secure" if ask.request.scope["scheme"] == "https" else text


class _WrongMethod(BusinessError):
    status = 405
    title = "Method Not Allowed"
    code = "wrong_method"


def _same_site(request: Request) -> bool:
    """False where the browser says that another site sent this. One that says nothing is believed: the token is the proof."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or origin == "null" or urlsplit(origin).netloc == request.headers.get("host", "")
