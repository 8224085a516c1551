"""Temporary URLs: whoever holds a URL that was signed with a key of the account or container may do the one thing it says.

What is signed is ``method``, ``expires`` and ``path``, each on a line; ``ip=range`` comes first where addresses are limited,
and ``prefix:/v1/account/container/start`` stands for the path where one signature is good for all names that start so.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Awaitable
from email.utils import formatdate
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import quote

from wolke.core.http import Params, Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call, Handler
from wolke.object_store.filters.signatures import (
    DEPRECATED,
    DIGESTS,
    BadSignature,
    Key,
    keys_of,
    match,
    read_signature,
)
from wolke.object_store.service import ObjectStore

METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
_FOR_HEAD = ("HEAD", "GET", "POST", "PUT")  # a signature for any of these lets its holder look, too
_NOT_TAKEN = ("x-timestamp", "x-open-expired")
_POINTERS = (
    "x-object-manifest",
    "x-symlink-target",
    "x-copy-from",
)  # would make other data readable than the signer meant
_META, _PUBLIC_META = "x-object-meta-", "x-object-meta-public-"
_ISO = "%Y-%m-%dT%H:%M:%SZ"
_LATEST_S = 253_402_300_799  # the end of the year 9999

TICKET, PAGE = "ticket", "page"  # in ``call.kept``: what let this call in, and an answer that a browser shall show

INFO: dict[str, Any] = {
    "tempurl": {
        "methods": list(METHODS),
        "allowed_digests": list(DIGESTS),
        "deprecated_digests": list(DEPRECATED),
        "incoming_remove_headers": list(_NOT_TAKEN),
        "incoming_allow_headers": [],
        "outgoing_remove_headers": [f"{_META}*"],
        "outgoing_allow_headers": [f"{_PUBLIC_META}*"],
    }
}


class Ticket(NamedTuple):
    """What the query says. ``expires`` as it was sent, which is what goes into links; ``until_s`` is what was signed."""

    signature: str
    expires: str
    until_s: int
    prefix: str | None
    ip_range: str | None

    def link(self, *, inline: bool) -> str:
        """The query of a link to something else that the same signature lets in."""
        pairs = (
            ("temp_url_prefix", self.prefix),
            ("temp_url_expires", self.expires),
            ("temp_url_sig", self.signature),
            ("temp_url_ip_range", self.ip_range),
        )
        parts = [f"{name}={quote(value, errors='surrogateescape')}" for name, value in pairs if value is not None]
        return "&".join([*parts, "inline"] if inline else parts)


def filter_tempurl(handler: Handler, store: ObjectStore) -> Handler:
    def answer(call: Call) -> Awaitable[Response]:
        query = call.query
        if not query.pairs or not ("temp_url_sig" in query or "temp_url_expires" in query) or call.method == "OPTIONS":
            return handler(call)
        return signed(call)

    async def signed(call: Call) -> Response:
        ticket = read(call.query, store.ground.now_s())
        key = await _check(store, call, ticket) if ticket is not None else None
        if ticket is None or key is None:
            return _invalid(call)
        return await _let_in(handler, call, ticket, key)

    return answer


def read(query: Params, now_s: int) -> Ticket | None:
    """None: something is missing, or the time is over."""
    signature, expires = query.get("temp_url_sig"), query.get("temp_url_expires")
    if not signature or not expires:
        return None
    until_s = moment(expires)
    if until_s is None or until_s < now_s:
        return None
    return Ticket(signature, expires, until_s, query.get("temp_url_prefix"), query.get("temp_url_ip_range") or None)


def moment(text: str) -> int | None:
    """Unix time of itself in figures, or of a time in ISO 8601 with a ``Z``."""
    try:
        if text.isascii() and text.isdigit():
            seconds = int(text[:20])
        else:
            seconds = calendar.timegm(time.strptime(text[:32], _ISO))
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= _LATEST_S else None


def messages(call: Call, ticket: Ticket) -> list[bytes]:
    """All that may have been signed to let this call in."""
    path = call.path if ticket.prefix is None else f"prefix:/v1/{call.account}/{call.container}/{ticket.prefix}"
    limits = f"ip={ticket.ip_range}\n" if ticket.ip_range else ""
    methods = _FOR_HEAD if call.method == "HEAD" else (call.method,)
    return [f"{limits}{method}\n{ticket.until_s}\n{path}".encode("utf-8", "surrogateescape") for method in methods]


async def _check(store: ObjectStore, call: Call, ticket: Ticket) -> Key | None:
    root = call.method in ("GET", "HEAD") and ticket.prefix == ""  # a page of a web site lists the whole container
    if call.method not in METHODS or not call.container or not (call.name.strip("/") or (root and not call.name)):
        return None
    if ticket.prefix is not None and not call.name.startswith(ticket.prefix):
        return None
    if ticket.ip_range and not within(call.request.client_address, ticket.ip_range):
        return None
    try:
        signature = read_signature(ticket.signature)
    except BadSignature:
        return None
    return match(signature, await keys_of(store, call.account, call.container), messages(call, ticket))


def within(address: str, ip_range: str) -> bool:
    try:
        return ip_address(address) in ip_network(ip_range)
    except ValueError:
        return False


async def _let_in(handler: Handler, call: Call, ticket: Ticket, key: Key) -> Response:
    if call.method not in ("GET", "HEAD"):
        for name in _POINTERS:
            if name in call.headers:
                text = f"The header {name.title()!r} is not allowed in this tempurl"
                return Response(400, text.encode(), content_type=answers.TEXT)
    filename, inline = call.query.get("filename"), "inline" in call.query
    account, container = call.account, call.container

    def granted(other: Call) -> bool:
        return other.account == account and (key.whole_account or other.container == container)

    call.granted = granted
    call.headers = {name: value for name, value in call.headers.items() if name not in _NOT_TAKEN}
    call.query = Params(ticket.link(inline=inline).encode())
    call.kept[TICKET] = ticket
    response = await handler(call)
    _hide(response)
    if call.method not in ("GET", "HEAD") or not 200 <= response.status < 300:
        return response
    page = call.kept.get(PAGE) is response
    if not call.name and not page:
        return _invalid(call)
    _dispose(response, call, filename, inline=inline or page)
    response.headers["Expires"] = formatdate(ticket.until_s, usegmt=True)
    return response


def _hide(response: Response) -> None:
    """Metadata is the owner's, unless its name says that it is for everybody."""
    for name in list(response.headers):
        low = name.lower()
        if low.startswith(_META) and not low.startswith(_PUBLIC_META):
            del response.headers[name]


def _dispose(response: Response, call: Call, filename: str | None, *, inline: bool) -> None:
    there = next((name for name in response.headers if name.lower() == "content-disposition"), None)
    old = response.headers.pop(there) if there is not None else None
    if inline:
        value: str | bytes = disposition("inline", filename) if filename else "inline"
    elif filename:
        value = disposition("attachment", filename)
    else:
        value = old or disposition("attachment", call.name.rstrip("/").rsplit("/", 1)[-1])
    response.headers["Content-Disposition"] = value


def disposition(kind: str, filename: str) -> str:
    """RFC 6266, with RFC 5987's form of the name beside one for those who do not know that."""
    name = filename.encode("utf-8", "surrogateescape")
    return f"{kind}; filename=\"{quote(name, safe=' /')}\"; filename*=UTF-8''{quote(name)}"


def _invalid(call: Call) -> Response:
    text = b"" if call.method == "HEAD" else b"401 Unauthorized: Temp URL invalid\n"
    return Response(401, text, content_type=answers.TEXT)
