"""Symbolic links: an object without data that names another. Reading it reads the other; the rest is done to the link itself.

A *static* link also keeps the ETag that the other must have, else reading is 409.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote, unquote

from wolke.core.errors import BadRequest, CloudError, Conflict
from wolke.core.http import Params, Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call, Handler, Marks
from wolke.object_store.api.objects.read import send
from wolke.object_store.errors import PreconditionFailed
from wolke.object_store.filters.large import own_etag, spoken
from wolke.object_store.model import LINK, MANIFEST, Object
from wolke.object_store.service import ObjectStore

MOST_HOPS = 2
TARGET, ACCOUNT, ETAG, BYTES = (
    "x-symlink-target", "x-symlink-target-account", "x-symlink-target-etag", "x-symlink-target-bytes",
)  # fmt: skip
_SHOWN = {TARGET: "X-Symlink-Target", ACCOUNT: "X-Symlink-Target-Account", ETAG: "X-Symlink-Target-Etag", BYTES: "X-Symlink-Target-Bytes"}  # fmt: skip
_FORM = "X-Symlink-Target header must be of the form <container name>/<object name>"
_NOT_OF_TARGET = ("version-id", "symlink")
_MADE = "made"  # what POST leaves behind

INFO: dict[str, Any] = {"symlink": {"symloop_max": MOST_HOPS, "static_links": True}}


def filter_symlink(handler: Handler, store: ObjectStore) -> Handler:
    def answer(call: Call) -> Awaitable[Response]:
        method = call.method
        if not call.name:
            return handler(call)
        if method in ("GET", "HEAD"):
            return read(call)
        if method == "PUT" and TARGET in call.headers:
            return spoken(_make(handler, call))
        if method == "POST":
            return spoken(_post(handler, call))
        return handler(call)

    async def read(call: Call) -> Response:
        response = await handler(call)
        found = call.found
        if found is None or found.object.kind != LINK or response.status != 200:
            return response
        if call.query.pairs and call.query.get("symlink") == "get":
            shown_too = {**response.headers, **shown(found.object)}
            return await send(call, shown_too, found.object, store.objects.body(found))
        return await spoken(_follow(handler, call))

    return answer


def shown(value: Object) -> dict[str, str | bytes]:
    """What GET and HEAD of the link itself say of where it points."""
    return {_SHOWN[name]: text for name, text in value.system.items() if name in _SHOWN}


# -- reading


async def _follow(handler: Handler, call: Call, *, static_only: bool = False) -> Response:
    """The answer of what the link points to in the end. ``static_only``: a link without an ETag is such an end."""
    at, wanted, path = call, "", ""
    for hop in range(MOST_HOPS + 1):
        found = at.found
        assert found is not None
        value, system = found.object, found.object.system
        etag = system.get(ETAG, "")
        if wanted and wanted != (etag or own_etag(value)):
            raise Conflict("X-Symlink-Target-Etag headers do not match", headers={"Content-Location": path})
        if hop == MOST_HOPS:
            raise Conflict(f"Too many levels of symbolic links, maximum allowed is {MOST_HOPS}")
        at, path, wanted = _at_target(call, at), target_path(found.container.account, value), etag
        response = await handler(at)
        found = at.found
        if not _leads_on(at, response, static_only=static_only):
            break
    if found is not None and wanted and wanted != own_etag(found.object):
        raise Conflict(
            f"Object Etag {own_etag(found.object)!r} does not match X-Symlink-Target-Etag header {wanted!r}",
            headers={"Content-Location": path},
        )
    call.found = found
    response.headers["Content-Location"] = path
    return response


def _leads_on(at: Call, response: Response, *, static_only: bool) -> bool:
    found = at.found
    if found is None or found.object.kind != LINK or response.status != 200:
        return False
    return not static_only or ETAG in found.object.system


def _at_target(call: Call, at: Call) -> Call:
    assert at.found is not None
    container, _, name = unquote(at.found.object.system[TARGET]).partition("/")
    account = unquote(at.found.object.system.get(ACCOUNT, "")) or at.found.container.account
    sub = call.sub(call.method, container, name, dict(call.headers), account=account)
    sub.query = _without(call.query)
    sub.kept = dict(call.kept)
    return sub


def _without(query: Params) -> Params:
    if not query.pairs or not any(name in query for name in _NOT_OF_TARGET):
        return query
    left = Params(b"")
    left.pairs = [pair for pair in query.pairs if pair[0] not in _NOT_OF_TARGET]
    return left


def target_path(account: str, value: Object) -> str:
    return f"/v1/{value.system.get(ACCOUNT) or quote(account)}/{value.system[TARGET]}"


# -- making


async def _make(handler: Handler, call: Call) -> Response:
    if await _has_body(call):
        raise BadRequest("Symlink requests require a zero byte body")
    account, container, name = _target(call)
    etag = call.headers.get(ETAG, "").strip().removeprefix("W/").strip('"')
    if not etag.isascii() or any(letter in etag for letter in ';"\\'):
        raise BadRequest(f"Bad {_SHOWN[ETAG]} format")
    system = {TARGET: quote(f"{container}/{name}")}
    if ACCOUNT in call.headers:
        system[ACCOUNT] = quote(account)
    if etag:
        system |= await _checked(handler, call, (account, container, name), etag)
    elif not call.headers.get("content-type"):
        call.headers["content-type"] = "application/symlink"
    system["list-symlink_path"] = f"/v1/{quote(account)}/{system[TARGET]}"
    call.marks = Marks(kind=LINK, system=system)
    call.data = b""
    return await handler(call)


async def _has_body(call: Call) -> bool:
    if isinstance(call.data, bytes):
        return bool(call.data)
    if "content-length" in call.headers:
        return call.headers["content-length"].strip("0") != ""
    async for _ in call.data:
        return True
    return False


def _target(call: Call) -> tuple[str, str, str]:
    text = unquote(call.headers[TARGET], errors="strict") if _is_utf8(call.headers[TARGET]) else "/"
    container, slash, name = text.partition("/")
    if not (container and slash and name) or "\0" in text:
        raise PreconditionFailed(_FORM)
    account = call.account
    if ACCOUNT in call.headers:
        text = call.headers[ACCOUNT]
        account = unquote(text) if _is_utf8(text) else ""
        if not account:
            raise PreconditionFailed("Account name cannot be empty")
        if "/" in account or "\0" in account:
            raise PreconditionFailed("Account name cannot contain slashes")
    if (account, container, name) == (call.account, call.container, call.name):
        raise BadRequest("Symlink cannot target itself")
    return account, container, name


def _is_utf8(text: str) -> bool:
    try:
        unquote(text, errors="strict").encode()
    except ValueError:
        return False
    return True


async def _checked(handler: Handler, call: Call, place: tuple[str, str, str], etag: str) -> dict[str, str]:
    """What is kept of the target of a static link, which must be there."""
    account, container, name = place
    path = "/v1/" + quote(f"{account}/{container}/{name}")
    sub = call.sub("HEAD", container, name, account=account)
    response = await handler(sub)
    if _leads_on(sub, response, static_only=True):
        response = await _follow_checked(handler, sub, etag, path)
    elif response.status < 300 and sub.found is not None and etag != own_etag(sub.found.object):
        raise Conflict(
            f"Object Etag {own_etag(sub.found.object)!r} does not match X-Symlink-Target-Etag header {etag!r}",
            headers={"Content-Location": path},
        )
    if response.status == 404:
        raise Conflict("X-Symlink-Target does not exist", headers={"Content-Location": path})
    if response.status >= 300 or sub.found is None:
        raise _as_error(response.status)
    value = sub.found.object
    size = str(value.size)
    if not call.headers.get("content-type"):
        call.headers["content-type"] = value.content_type
    found = {ETAG: etag, BYTES: size, "list-symlink_etag": etag, "list-symlink_bytes": size}
    if value.kind == MANIFEST:
        found["list-slo_etag"] = f'"{value.etag}"'
    return found


async def _follow_checked(handler: Handler, sub: Call, etag: str, path: str) -> Response:
    assert sub.found is not None
    if sub.found.object.system[ETAG] != etag:
        raise Conflict("X-Symlink-Target-Etag headers do not match", headers={"Content-Location": path})
    return await _follow(handler, sub, static_only=True)


def _as_error(status: int) -> CloudError:
    error = CloudError()
    error.status = status  # type: ignore[misc]
    error.args = (error.title,)
    return error


# -- changing


async def _post(handler: Handler, call: Call) -> Response:
    if TARGET in call.headers:
        raise BadRequest("A PUT request is required to set a symlink target")
    response = await handler(call)
    made: Object | None = call.kept.get(_MADE)
    if made is None or made.kind != LINK or response.status >= 300:
        return response
    headers: dict[str, str | bytes] = {"Location": target_path(call.account, made)}
    if ETAG in made.system:
        headers[_SHOWN[ETAG]] = made.system[ETAG]
    text = b"The requested POST was applied to a symlink. POST directly to the target to apply requested metadata."
    return Response(307, text, headers=headers, content_type=answers.TEXT)
