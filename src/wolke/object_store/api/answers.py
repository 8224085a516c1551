"""What the Swift door says when it refuses: a short page, or a line of text where there is something particular to say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from html import escape
from http import HTTPStatus
from typing import Any

from wolke.core.errors import CloudError
from wolke.core.http import Response
from wolke.object_store.errors import BadName, NotModified

HTML = "text/html; charset=UTF-8"
TEXT = "text/plain; charset=utf-8"

_SAYS = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    401: "You are not known here, or may not see this: sign in and try again.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: "The method is not allowed for this resource.",
    409: "There was a conflict when trying to complete your request.",
    411: "Content-Length header required.",
    412: "A precondition for this request was not met.",
    413: "The body of your request was too large for this server.",
    416: "The Range requested is not available.",
    422: "Unable to process the contained instructions",
    499: "The client was disconnected during request.",
    507: "There was not enough space to save the resource.",
}
_TITLES = {
    498: "Rate Limited",
    499: "Client Disconnect",
    413: "Request Entity Too Large",
    416: "Requested Range Not Satisfiable",
}


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


_HEAD_ONLY = _nothing()  # never asked for anything: it only says that Content-Length is not the body's


def title(status: int) -> str:
    return _TITLES.get(status) or HTTPStatus(status).phrase


def said(status: int) -> str:
    return _SAYS.get(status, title(status))


def page(status: int, headers: Mapping[str, str | bytes] | None = None) -> Response:
    """The plain answer of that status."""
    name = title(status)
    text = f"<html><h1>{name}</h1><p>{said(status)}</p></html>"
    return Response(status, text.encode(), headers={"Content-Type": HTML, **(headers or {})})


def refusal(error: CloudError, headers: Mapping[str, str | bytes] | None = None) -> Response:
    """``error`` as an answer: its own words if it has any."""
    everything: dict[str, str | bytes] = {**error.headers, **(headers or {})}
    if isinstance(error, NotModified):
        return Response(304, headers=everything)
    if error.message == error.title:
        return page(error.status, everything)
    if isinstance(error, BadName):
        return Response(error.status, escape(error.message).encode(), headers=everything, content_type=HTML)
    return Response(error.status, error.message.encode("utf-8", "replace"), headers=everything, content_type=TEXT)


def done(status: int, headers: Mapping[str, str | bytes] | None = None, content_type: str = HTML) -> Response:
    """All is well, and there is no more to say. Even nothing has a type here."""
    return Response(status, headers=headers, also=(("Content-Type", content_type),))


def head_only(status: int, headers: Mapping[str, str | bytes], size: int, content_type: str) -> Response:
    """The answer to HEAD: what GET would say, and how much would follow."""
    return Response(
        status, headers={**headers, "Content-Length": str(size)}, content_type=content_type, chunks=_HEAD_ONLY
    )


def wire(value: str) -> str | bytes:
    """A header's value for ``Response``: what is not ASCII goes out as the UTF-8 that it came in as."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape")


def wire_name(name: str) -> str:
    return name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("latin-1")


def wired(headers: Mapping[str, Any]) -> dict[str, str | bytes]:
    """Names with capitals, as Swift has always sent them."""
    return {_titled(name): wire(value) for name, value in headers.items()}


@lru_cache(4096)
def _titled(name: str) -> str:
    return wire_name("-".join(word[:1].upper() + word[1:] for word in name.split("-")))
