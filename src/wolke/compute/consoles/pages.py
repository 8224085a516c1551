"""The pages that consoles open in: ``/console/novnc`` and ``/console/serial``, and the files that they load.

Whether a token is any good is found out by the socket; the pages are the same for everybody and hold no secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wolke.core.context import Context
from wolke.core.errors import NotFound
from wolke.core.http import Api, Request, Response, Route
from wolke.core.policy import Policy

_FILES = Path(__file__).parent / "files"
_OWN = frozenset({"console.css", "novnc.js", "serial.js"})
_TYPES = {".css": "text/css", ".js": "text/javascript", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """``novnc``: the unpacked npm package @novnc/novnc, if it was installed; without it the page says so."""

    def __init__(self, novnc: Path | None) -> None:
        self.novnc = novnc if novnc is not None and (novnc / "core" / "rfb.js").is_file() else None


async def _page(pages: Pages, ctx: Context, request: Request) -> Response:
    kind = request.path.rstrip("/").rsplit("/", 1)[-1]
    name = "novnc-missing.html" if kind == "novnc" and pages.novnc is None else f"{kind}.html"
    return _file(_FILES / name)


async def _own_file(pages: Pages, ctx: Context, request: Request) -> Response:
    if request.params["name"] not in _OWN:
        raise NotFound("There is no such file.")
    return _file(_FILES / request.params["name"])


async def _novnc_file(pages: Pages, ctx: Context, request: Request) -> Response:
    if pages.novnc is None:
        raise NotFound("noVNC is not installed.")
    path = (pages.novnc / request.params["path"]).resolve()
    if not path.is_relative_to(pages.novnc.resolve()) or not path.is_file() or path.suffix not in _TYPES:
        raise NotFound("There is no such file.")
    return _file(path)


def _file(path: Path) -> Response:
    return Response(200, path.read_bytes(), content_type=_TYPES[path.suffix], headers=_HEADERS)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/novnc", _page, auth=False),
    Route("GET", "/serial", _page, auth=False),
    Route("GET", "/files/{name}", _own_file, auth=False),
    Route("GET", "/files/novnc/{path*}", _novnc_file, auth=False),
)


def build_console_api(novnc: Path | None = None) -> Api:
    service: Any = Pages(novnc)
    return Api("console", "/console", ROUTES, service, Policy(()))
