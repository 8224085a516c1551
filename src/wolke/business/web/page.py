"""A page is a row; what its function is given is an ``Ask``, and what it answers is a ``Response``.

    Page("GET",  "/servers/new", servers.new),
    Page("POST", "/servers/new", servers.order, again=servers.new),

``again``: draws the form once more when the verb refuses, with what was typed and what is wrong beside each field. Where there is none, the
refusal is shown as a message on the page that the person came from.
"""

from __future__ import annotations

import re
import types
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, get_args, get_origin
from urllib.parse import urlencode, urlsplit

import msgspec

from wolke.business.api import cookie
from wolke.business.errors import BusinessError, NotNow
from wolke.business.mail import at_home, newest
from wolke.business.verb import SIGNED_IN, check_may, read
from wolke.business.web import notes
from wolke.business.web.forms import Form
from wolke.business.web.words import Words
from wolke.business.who import NOBODY, Who
from wolke.core.errors import CloudError
from wolke.core.http import Request, Response

if TYPE_CHECKING:
    from wolke.business.desk import Desk
    from wolke.business.web.drawing import Drawing

Run = Callable[["Ask"], Awaitable[Response]]
LANGUAGE, THEME, VISIT, PROJECT = "wolke_language", "wolke_theme", "wolke_visit", "wolke_project"
THEMES = ("light", "dark", "auto")
_BODY_BYTES = 64 * 1024
_LINK = re.compile(r"https?://[^\s<>]+|(?<=\s)/[a-z]+/[A-Za-z0-9_-]{20,}")


@dataclass(frozen=True, slots=True)
class Page:
    """``may``: who is let in at all, as for verbs; the verbs behind it decide the rest. ``body_bytes`` None: the page reads its body itself, and
    the token comes in a header."""

    method: str
    path: str
    run: Run
    again: Run | None = None
    may: frozenset[str] = SIGNED_IN
    body_bytes: int | None = _BODY_BYTES


@dataclass(slots=True)
class Ask:
    """One request, and whatever a page needs to answer it. ``refused``: why the form is drawn again. ``note``: said once, at the top."""

    desk: Desk
    request: Request
    drawing: Drawing
    words: Words
    secret: bytes
    who: Who = NOBODY
    csrf: str = ""
    form: Form = field(default_factory=Form)
    refused: BusinessError | None = None
    note: notes.Note | None = None
    cookies: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    me: Any = None
    projects: list[Any] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)  # by a menu item's path

    @property
    def home(self) -> str:
        return "/provider" if self.who.company_id is None and self.who.staff else "/"

    @property
    def project(self) -> Any:
        """That which is worked on in this browser; None where there is none."""
        wanted = cookie(self.request, PROJECT)
        return next((one for one in self.projects if one.id == wanted), self.projects[0] if self.projects else None)

    @property
    def theme(self) -> str:
        wanted = cookie(self.request, THEME)
        return wanted if wanted in THEMES else "auto"

    @property
    def places(self) -> Mapping[str, str]:
        return self.request.params

    @property
    def partly(self) -> bool:
        """Whether htmx asks for a part of the page."""
        return "hx-request" in self.request.headers and "hx-boosted" not in self.request.headers

    def may(self, name: str) -> bool:
        """Whether there is such a verb and this person's role allows it."""
        verb = self.desk.verbs.get(name)
        if verb is None:
            return False
        try:
            check_may(self.who, verb.may)
        except BusinessError:
            return False
        return True

    async def call(self, name: str, asked: Any = None, /, **places: str) -> Any:
        """``asked``: the verb's struct, or a mapping that it is made from. Places are taken from the path, the project also from what is worked on."""
        verb = self.desk.verbs[name]
        if verb.takes is not None and (asked is None or isinstance(asked, Mapping)):
            asked = read(verb.takes, asked or {}, strict=False)
        for place in verb.places:
            if place not in places:
                places[place] = self.places[place] if place in self.places else self._own(place)
        return await self.desk.call(self.who, name, asked, **places)

    def _own(self, place: str) -> str:
        if place != "project_id":
            raise KeyError(place)
        if self.project is None:
            raise NotNow("There is no project yet in which this could be. Please ask an owner of your company for one.")
        return str(self.project.id)

    def filled(self, name: str) -> dict[str, Any]:
        """What was typed, as the verb called ``name`` takes it: lists from all boxes that are ticked, nothing for what was left empty and is not needed."""
        takes = self.desk.verbs[name].takes
        found: dict[str, Any] = {}
        for one in msgspec.structs.fields(takes) if takes is not None else ():
            kind = one.type
            if _holds(kind, list):
                if one.name in self.form or f"{one.name}:any" in self.form:
                    found[one.name] = self.form.all(one.name)
            elif kind is bool:
                found[one.name] = one.name in self.form
            elif one.name in self.form:
                text = self.form.first(one.name)
                text = text if "password" in one.name else text.strip()
                if text or one.required or _holds(kind, str):
                    found[one.name] = text
        return found

    async def once(self, name: str, **places: str) -> Any:
        """``call`` of what one page asks for in several places."""
        key = f"{name} {places}"
        if key not in self.kept:
            self.kept[key] = await self.call(name, **places)
        return self.kept[key]

    def address(self, path: str, /, **query: object) -> str:
        """``path`` with those of ``query`` that say something."""
        said = {name: str(value) for name, value in query.items() if value not in ("", None)}
        return f"{path}?{urlencode(said)}" if said else path

    def draw(self, template: str, /, status: int = 200, **values: Any) -> Response:
        body = self.drawing.draw(self, template, values)
        if self.note is not None:
            self.cookies.append(notes.gone())
        status = self.refused.status if self.refused is not None and status == 200 else status
        return Response(status, body, content_type="text/html; charset=utf-8")

    def go(self, path: str, text: str = "", kind: str = notes.DONE, **values: object) -> Response:
        """On to another page, which says ``text``. htmx is told in its own way, since a redirect would be followed unseen."""
        if text:
            self.cookies.append(
                notes.cookie(self.secret, notes.Note(kind, text, {k: str(v) for k, v in values.items()}))
            )
        if self.partly:
            return Response(204, headers={"HX-Redirect": path})
        return Response(303, headers={"Location": path})

    def back(self, error: CloudError) -> Response:
        """To where the person came from, with the reason why it was not done."""
        came = urlsplit(self.request.headers.get("referer", ""))
        path = within(came.path)
        text, values = (error.text, error.values) if isinstance(error, BusinessError) else (error.message, {})
        if isinstance(error, BusinessError) and error.fields:
            text, values = next(iter(error.fields.values())), {}
        return self.go(path, text, notes.REFUSED, **values)

    @staticmethod
    def policy(sockets: str = "") -> str:
        """The Content-Security-Policy. ``sockets``: where else this page may connect to."""
        connect = f" connect-src 'self' {sockets};" if sockets else ""
        return (
            f"default-src 'self';{connect} img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
            "frame-ancestors 'none'"
        )

    async def newest_mail(self, recipient: str) -> ShownMail | None:
        """In development, for whoever sits at the machine: what would have come by mail."""
        if not at_home(self.desk.needs.config, self.request.client_address, self.request.origin):
            return None
        mail = await newest(self.desk.needs.db, recipient)
        return None if mail is None else ShownMail(mail.subject, tuple(_linked(mail.text)))


class ShownMail(NamedTuple):
    """``parts``: pieces of its text, each with where it leads, or with nothing."""

    subject: str
    parts: tuple[tuple[str, str], ...]


def _linked(text: str) -> Iterator[tuple[str, str]]:
    end = 0
    for found in _LINK.finditer(text):
        yield text[end : found.start()], ""
        yield found.group(), urlsplit(found.group()).path or "/"
        end = found.end()
    yield text[end:], ""


def _holds(kind: Any, wanted: type) -> bool:
    """Whether a field's type is ``wanted``, or one of its kinds is."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return any(
        one is wanted or get_origin(one) is wanted or (get_origin(one) is Annotated and _holds(one, wanted))
        for one in kinds
    )


def within(path: str) -> str:
    """A path of ours, or the first page: nobody is led elsewhere by what stands in a form or an address."""
    parts = urlsplit(path)
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and path.isprintable()
    return path if fine else "/"
