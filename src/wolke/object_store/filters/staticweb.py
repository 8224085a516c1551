"""A container as a web site, for those who come without a token (or ask for it with ``X-Web-Mode``).

X-Container-Meta-Web-Index           what a folder shows: ``index.html``
X-Container-Meta-Web-Error           ``error.html``: a 404 shows ``404error.html``
X-Container-Meta-Web-Listings        folders without an index are listed; -Css and -Label say how that looks
X-Container-Meta-Web-Directory-Type  the type of empty objects that stand for folders
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from wolke.core.http import Response
from wolke.object_store.api import answers, lists, times
from wolke.object_store.api.call import Call, Handler
from wolke.object_store.errors import ContainerNotFound
from wolke.object_store.filters.tempurl import PAGE, TICKET, Ticket
from wolke.object_store.model import Container, Listed, Prefix, Wish
from wolke.object_store.service import ObjectStore
from wolke.object_store.service.limits import LISTING

_FOLDER = "application/directory"
_STYLE = """  <style type="text/css">
   h1 {font-size: 1em; font-weight: bold;}
   th {text-align: left; padding: 0px 1em 0px 1em;}
   td {padding: 0px 1em 0px 1em;}
   a {text-decoration: none;}
  </style>
"""
_UNITS = " KMGTPEZY"

INFO: dict[str, Any] = {"staticweb": {}}


class Site(NamedTuple):
    index_page: str
    error: str
    listings: str
    label: str
    css: str
    folder_type: str

    @classmethod
    def of(cls, container: Container) -> Site:
        names = ("index", "error", "listings", "listings-label", "listings-css", "directory-type")
        return cls(*(container.headers.get(f"x-container-meta-web-{name}", "").strip() for name in names))


_NO_SITE = Site("", "", "", "", "", "")


def filter_staticweb(handler: Handler, store: ObjectStore) -> Handler:
    def answer(call: Call) -> Awaitable[Response]:
        if not call.container or call.method not in ("GET", "HEAD"):
            return handler(call)
        web_mode = lists.is_true(call.headers.get("x-web-mode"))
        if call.ctx.user_id is not None and not web_mode and call.granted is None:
            return handler(call)
        visit = Visit(handler, store, call, web_mode=web_mode)
        return visit.object() if call.name else visit.container()

    return answer


class Visit:
    def __init__(self, handler: Handler, store: ObjectStore, call: Call, *, web_mode: bool) -> None:
        self._handler = handler
        self._store = store
        self._call = call
        self._web_mode = web_mode
        self._site = _NO_SITE
        self._has_slash = call.request.raw_path.endswith(b"/")

    async def container(self) -> Response:
        call = self._call
        may = await self._handler(call.sub("HEAD", call.container, headers=self._asked()))
        await self._look()
        site = self._site
        if may.status in (401, 403):
            return await self._error(await self._handler(call))
        if not site.listings and not site.index_page:
            return answers.page(404) if self._web_mode else await self._handler(call)
        if not self._has_slash:
            return self._to_folder()
        if not site.index_page:
            return await self._list("")
        response = await self._get(site.index_page)
        if response.status == 404:
            return await self._list("")
        return response if response.status < 400 else await self._error(response)

    async def object(self) -> Response:
        call = self._call
        response = await self._handler(call)
        if response.status < 400:
            if not _is_tiny(response):
                return response
            await self._look()
            if _type(response) != (self._site.folder_type or _FOLDER):
                return response
            response = answers.page(404)
        elif response.status != 404:
            return response
        else:
            await self._look()
        site = self._site
        if not site.listings and not site.index_page:
            return response
        if site.index_page:
            index = await self._get(
                f"{call.name.rstrip('/') if not call.name.endswith('/') else call.name[:-1]}/{site.index_page}"
            )
            if index.status < 400:
                return index if self._has_slash else self._to_folder()
            if index.status != 404:
                return index
        if self._has_slash:
            return await self._list(call.name)
        below = await self._listed(f"{call.name}/", 1)
        if isinstance(below, Response) or not below:
            return await self._error(answers.page(404))
        return self._to_folder()

    async def _look(self) -> None:
        try:
            self._site = Site.of(await self._store.containers.get(self._call.account, self._call.container))
        except ContainerNotFound:
            self._site = _NO_SITE

    def _asked(self) -> dict[str, str]:
        referer = self._call.headers.get("referer")
        return {} if referer is None else {"referer": referer}

    async def _get(self, name: str) -> Response:
        call = self._call
        return await self._handler(call.sub(call.method, call.container, name, dict(call.headers), query=call.query))

    async def _error(self, response: Response) -> Response:
        """The site's own page of this status, where it has one that may be seen."""
        if not self._site.error:
            return response
        call = self._call
        page = await self._handler(
            call.sub(call.method, call.container, f"{response.status}{self._site.error}", self._asked())
        )
        if not 200 <= page.status < 300:
            return response
        page.status = response.status
        return page

    def _to_folder(self) -> Response:
        call = self._call
        place = f"{call.request.origin}{quote(call.path)}/"
        return Response(301, b"", headers={"Location": place}, content_type=answers.HTML)

    # -- lists

    async def _listed(self, prefix: str, limit: int) -> Sequence[Listed | Prefix] | Response:
        call = self._call
        may = await self._handler(call.sub("HEAD", call.container, headers=self._asked()))
        if may.status >= 300:
            return answers.page(may.status)
        container = await self._store.containers.get(call.account, call.container)
        return await self._store.containers.objects(container, Wish(limit=limit, prefix=prefix, delimiter="/"))

    async def _list(self, prefix: str) -> Response:
        if not lists.is_true(self._site.listings):
            return await self._error(_html(404, self._disabled(prefix)))
        found = await self._listed(prefix, LISTING)
        if isinstance(found, Response):
            return await self._error(found)
        if prefix and not found:
            return await self._error(answers.page(404))
        page = _html(200, self._page(prefix, found))
        self._call.kept[PAGE] = page
        return page

    def _label(self) -> str:
        if not self._site.label:
            return self._call.path + ("/" if self._has_slash and not self._call.path.endswith("/") else "")
        return f"{self._site.label}/{self._call.name}"

    def _head(self, prefix: str) -> str:
        css = self._site.css
        if not css:
            style = _STYLE
        else:
            place = (
                quote(css, ":/")
                if css.startswith(("/", "http://", "https://"))
                else "../" * prefix.count("/") + quote(css)
            )
            style = f'  <link rel="stylesheet" type="text/css" href="{escape(place)}" />\n'
        title = escape(self._label())
        return f"<!DOCTYPE html>\n<html>\n <head>\n  <title>Listing of {title}</title>\n{style} </head>\n <body>\n"

    def _disabled(self, prefix: str) -> str:
        body = self._head(prefix) + (
            "  <h1>Web Listing Disabled</h1>\n  <p>The owner of this web site has disabled web listing.</p>\n"
            "  <p>If you are the owner of this web site, you can enable web listing by setting"
            " X-Container-Meta-Web-Listings.</p>\n"
        )
        if self._site.index_page:
            body += (
                "  <h1>Index File Not Found</h1>\n  <p>The owner of this web site has set"
                f" <b>X-Container-Meta-Web-Index: {escape(self._site.index_page)}</b>."
                " However, this file is not found.</p>\n"
            )
        return body + " </body>\n</html>\n"

    def _page(self, prefix: str, found: Sequence[Listed | Prefix]) -> str:
        ticket: Ticket | None = self._call.kept.get(TICKET)
        query, top = "", ""
        if ticket is not None and ticket.prefix is not None:
            top = ticket.prefix
            query = "?" + escape(ticket.link(inline="inline" in self._call.query))
        rows = [_row("parent", "item", "../" + query, "../", "&nbsp;", "&nbsp;")] if len(prefix) > len(top) else []
        for item in found:
            if isinstance(item, Prefix):
                name = item.name[len(prefix) :]
                rows.append(_row("", "item subdir", _link(name) + query, name, "&nbsp;", "&nbsp;"))
        for item in found:
            if not isinstance(item, Prefix):
                name, value = item.name[len(prefix) :], item.object
                kinds = " ".join("type-" + escape(part.lower()) for part in value.content_type.split("/"))
                date = times.iso(value.stamp).split(".")[0].replace("T", " ")
                rows.append(_row("", f"item {kinds}", _link(name) + query, name, readable(value.size), date))
        return (
            f'{self._head(prefix)}  <h1 id="title">Listing of {escape(self._label())}</h1>\n  <table id="listing">\n'
            '   <tr id="heading">\n    <th class="colname">Name</th>\n    <th class="colsize">Size</th>\n'
            '    <th class="coldate">Date</th>\n   </tr>\n' + "".join(rows) + "  </table>\n </body>\n</html>\n"
        )


def _row(row_id: str, kind: str, link: str, name: str, size: str, date: str) -> str:
    mark = f'id="{row_id}" ' if row_id else ""
    return (
        f'   <tr {mark}class="{kind}">\n    <td class="colname"><a href="{link}">{escape(name)}</a></td>\n'
        f'    <td class="colsize">{size}</td>\n    <td class="coldate">{date}</td>\n   </tr>\n'
    )


def _link(name: str) -> str:
    """Relative, and nothing that a browser would take for a scheme or for the folder above."""
    return "./" + quote(name).replace(".", "%2E")


def readable(size: int) -> str:
    """``1048576`` → ``1Mi``."""
    unit, value = 0, float(size)
    while value >= 1024 and unit + 1 < len(_UNITS):
        unit, value = unit + 1, round(value / 1024)
    return f"{round(value)}{_UNITS[unit]}i" if unit else str(size)


def _html(status: int, text: str) -> Response:
    return Response(status, text.encode("utf-8", "replace"), content_type=answers.HTML)


def _type(response: Response) -> str:
    return (response.content_type or "").strip()


def _is_tiny(response: Response) -> bool:
    length = response.headers.get("Content-Length")
    return int(length) <= 1 if length is not None else isinstance(response.body, bytes) and len(response.body) <= 1
