"""Uploads from a form in a browser: its hidden fields say what may be sent until when, and carry a signature over that.

What is signed, with a key of the account or container: path, ``redirect``, ``max_file_size``, ``max_file_count`` and
``expires``, each on a line. Fields count for the files that come after them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from html import escape
from typing import Any
from urllib.parse import quote, unquote

from wolke.core.errors import BadRequest
from wolke.core.http import Response
from wolke.core.http.forms import BadForm, Form, Part, parameters
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

_FIELD_BYTES = 4096
_FIGURES = 18
_FORM = "multipart/form-data"
_SIGNED = ("redirect", "max_file_size", "max_file_count", "expires")
_DEFAULTS = {"redirect": "", "max_file_size": "0", "max_file_count": "0", "expires": "0"}
_EXPIRY = {"x_delete_at": "Unix timestamp", "x_delete_after": "Number of seconds"}
_OF_FILES = ("content-type", "content-encoding")
_FIELDS = {*_SIGNED, *_EXPIRY, *_OF_FILES, "signature"}

INFO: dict[str, Any] = {"formpost": {"allowed_digests": list(DIGESTS), "deprecated_digests": list(DEPRECATED)}}


class _Unsigned(Exception):
    """The message is for the browser."""


def filter_formpost(handler: Handler, store: ObjectStore) -> Handler:
    def answer(call: Call) -> Awaitable[Response]:
        is_form = call.method == "POST" and call.headers.get("content-type", "").lower().startswith(_FORM)
        return take(call) if is_form else handler(call)

    async def take(call: Call) -> Response:
        _, found = parameters(call.headers["content-type"])
        if "boundary" not in found:
            return await handler(call)
        try:
            return await Upload(handler, store, call).take(found["boundary"])
        except BadForm as refused:
            return _text(400, f"FormPost: {refused}")
        except _Unsigned as refused:
            return _text(401, f"FormPost: {refused}")

    return answer


class Upload:
    def __init__(self, handler: Handler, store: ObjectStore, call: Call) -> None:
        self._handler = handler
        self._store = store
        self._call = call
        self._fields: dict[str, str] = {}
        self._keys: list[Key] = []
        self._too_large = False

    async def take(self, boundary: str) -> Response:
        call = self._call
        if call.container:
            self._keys = await keys_of(self._store, call.account, call.container)
        data = call.data if not isinstance(call.data, bytes) else _once(call.data)
        last, message, files = None, "no files to process", 0
        async for part in Form(data, boundary):
            if not (part.disposition == "form-data" and part.filename):
                await self._field(part)
                continue
            files += 1
            if files > self._number("max_file_count"):
                last, message = Response(400), "max file count exceeded"
                break
            last, message = await self._file(part), ""
            if not 200 <= last.status < 300:
                break
        return self._answer(last or Response(400), message)

    async def _field(self, part: Part) -> None:
        name = part.name.lower()
        if name in _FIELDS:
            self._fields[name] = (await part.text(_FIELD_BYTES)).rstrip("\r\n")

    def _number(self, name: str) -> int:
        text = self._fields.get(name) or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= _FIGURES):
            wanted = f": {_EXPIRY[name]} required." if name in _EXPIRY else ""
            raise BadForm(f"{name} not an integer{wanted}")
        return int(text)

    def _check(self) -> None:
        """Anew for each file: fields may stand between them."""
        if self._number("expires") < self._store.ground.now_s():
            raise _Unsigned("Form Expired")
        path = unquote(self._call.request.raw_path.decode("ascii", "replace"))
        message = "\n".join((path, *(self._fields.get(name) or _DEFAULTS[name] for name in _SIGNED)))
        try:
            signature = read_signature(self._fields.get("signature", ""))
        except BadSignature:
            raise _Unsigned("Invalid Signature") from None
        if match(signature, self._keys, [message.encode("utf-8", "surrogateescape")]) is None:
            raise _Unsigned("Invalid Signature")

    async def _file(self, part: Part) -> Response:
        if not self._keys:
            raise _Unsigned("Invalid Signature")
        limit_bytes = self._number("max_file_size")
        headers = {"transfer-encoding": "chunked"}
        for name in _EXPIRY:
            if name in self._fields:
                headers[name.replace("_", "-")] = str(self._number(name))
        for name in _OF_FILES:
            if value := self._fields.get(name) or part.headers.get(name):
                headers[name] = value
        self._check()
        call = self._call
        sub = call.sub(
            "PUT", call.container, call.name + part.filename, headers, self._limited(part.chunks(), limit_bytes)
        )
        sub.granted = lambda other: (other.account, other.container) == (call.account, call.container)
        response = await self._handler(sub)
        if self._too_large:
            raise BadForm("max_file_size exceeded")
        return response

    async def _limited(self, chunks: AsyncIterator[bytes], limit_bytes: int) -> AsyncIterator[bytes]:
        taken = 0
        async for chunk in chunks:
            taken += len(chunk)
            if taken > limit_bytes:
                self._too_large = True
                raise BadRequest("max_file_size exceeded")  # so that nothing of the file is kept
            yield chunk

    def _answer(self, last: Response, message: str) -> Response:
        allowed = {name: value for name, value in last.headers.items() if name.lower().startswith("access-control")}
        line = f"{last.status} {answers.title(last.status)}"
        if redirect := self._fields.get("redirect"):
            mark = "&" if "?" in redirect else "?"
            place = f"{redirect}{mark}status={last.status}&message={quote(message)}"
            if any(ord(letter) < 32 for letter in place):
                raise BadForm("invalid redirect")
            page = f'<html><body><p><a href="{escape(place)}">Click to continue...</a></p></body></html>'
            headers = {**allowed, "Location": answers.wire(place)}
            return Response(303, page.encode("utf-8", "surrogateescape"), headers=headers, content_type=answers.HTML)
        body = last.body if isinstance(last.body, bytes) and last.status >= 300 and last.body else line.encode()
        if message:
            body = f"{line}\r\nFormPost: {message.title()}".encode()
        return Response(last.status, body, headers=allowed, content_type="text/plain")


def _text(status: int, text: str) -> Response:
    return Response(status, text.encode("utf-8", "replace"), content_type="text/plain")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
