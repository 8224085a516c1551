"""COPY, and PUT with ``X-Copy-From``: a GET of the source and a PUT of what it answers, metadata and all.

Both go through the filters behind this one, so what is copied is what a client would have read: a manifest's data, a link's
target. A plain object's data is not moved where the place can share it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from urllib.parse import quote, unquote, urlencode

from wolke.core.errors import BadRequest, TooLarge
from wolke.core.http import Params, Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call, Handler
from wolke.object_store.api.lists import is_true
from wolke.object_store.api.objects.read import MANIFEST_HEADER
from wolke.object_store.errors import PreconditionFailed
from wolke.object_store.service import ObjectStore
from wolke.object_store.service.limits import OBJECT_BYTES

_SOURCE_HEADERS = (
    "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "referer",
)  # fmt: skip
_NOT_COPIED = frozenset(
    {
        "accept-ranges", "content-length", "content-range", "content-type", "date", "etag", "last-modified",
        MANIFEST_HEADER, "x-object-version-id", "x-static-large-object", "x-timestamp", "x-symlink-target",
        "x-symlink-target-account", "x-symlink-target-etag", "x-manifest-etag", "content-location",
    }
)  # fmt: skip
_OF_LINKS = frozenset({"x-symlink-target", "x-symlink-target-account", "x-symlink-target-etag"})  # of the link itself
_NOT_SENT = frozenset({"x-copy-from", "x-copy-from-account", "destination", "destination-account", "content-length"})


def filter_copy(handler: Handler, store: ObjectStore) -> Handler:
    def answer(call: Call) -> Awaitable[Response]:
        if call.name and (call.method == "COPY" or (call.method == "PUT" and call.headers.get("x-copy-from"))):
            return _copy(handler, call)
        return handler(call)

    return answer


async def _copy(handler: Handler, call: Call) -> Response:
    source, sink = _source(call), _sink(call)
    response = await handler(source)
    if response.status >= 300:
        return response
    size = _size(response)
    if size is None or size > OBJECT_BYTES:
        raise TooLarge("The source is too large to be copied.")
    _describe(call, source, sink, response)
    if response.status == 200 and source.found is not None and _is_plain(source):
        sink.source = source.found
    elif response.chunks is not None:
        sink.data, sink.headers["content-length"] = response.chunks, str(size)
    else:
        sink.data = response.body
    copied = await handler(sink)
    if copied.status < 300:
        copied.headers.update(_tell(source, sink, response))
    return copied


def _source(call: Call) -> Call:
    headers = {name: call.headers[name] for name in _SOURCE_HEADERS if name in call.headers}
    pairs = call.query.pairs
    if call.query.get("multipart-manifest") == "get":
        pairs = [*pairs, ("format", "raw")]
    if call.method == "COPY":
        return call.sub("GET", call.container, call.name, headers, query=_params(pairs))
    account = unquote(call.headers.get("x-copy-from-account", "")) or call.account
    container, name = _split("X-Copy-From", call.headers["x-copy-from"])
    _check_account(account)
    return call.sub("GET", container, name, headers, account=account, query=_params(pairs))


def _sink(call: Call) -> Call:
    headers = {name: value for name, value in call.headers.items() if name not in _NOT_SENT}
    if call.method == "PUT":
        if call.data if isinstance(call.data, bytes) else call.headers.get("content-length", "0") != "0":
            raise BadRequest("Copy requests require a zero byte body")
        return call.sub("PUT", call.container, call.name, headers)
    if not call.headers.get("destination"):
        raise PreconditionFailed("Destination header required")
    account = unquote(call.headers.get("destination-account", "")) or call.account
    _check_account(account)
    container, name = _split("Destination", call.headers["destination"])
    return call.sub("PUT", container, name, headers, account=account)


def _params(pairs: list[tuple[str, str]]) -> Params:
    return Params(urlencode(pairs).encode("ascii"))


def _split(header: str, value: str) -> tuple[str, str]:
    container, slash, name = unquote(value).removeprefix("/").partition("/")
    if not (container and slash and name):
        raise PreconditionFailed(f"{header} header must be of the form <container name>/<object name>")
    return container, name


def _check_account(account: str) -> None:
    if "/" in account:
        raise PreconditionFailed("Account name cannot contain slashes")


def _size(response: Response) -> int | None:
    if response.chunks is None:
        return len(response.body)
    length = response.headers.get("Content-Length")
    return None if length is None else int(length)


def _is_plain(source: Call) -> bool:
    """Whether the answer was the object's own data."""
    assert source.found is not None
    value = source.found.object
    return not value.kind and (source.raw or MANIFEST_HEADER not in value.headers)


def _describe(call: Call, source: Call, sink: Call, response: Response) -> None:
    """The source's metadata and type, unless the request has its own or wants none of them."""
    asked = sink.headers
    if not is_true(asked.get("x-fresh-metadata")):
        for name, value in response.headers.items():
            key = name.lower()
            if key not in _NOT_COPIED and key not in asked and not ("x-delete-after" in asked and key == "x-delete-at"):
                asked[key] = _text(value)
    if call.query.get("symlink") == "get":
        asked |= {name.lower(): _text(value) for name, value in response.headers.items() if name.lower() in _OF_LINKS}
    if not asked.get("content-type"):
        asked["content-type"] = _type_of(response)
    pairs = [pair for pair in call.query.pairs if pair[0] not in ("version-id", "multipart-manifest")]
    if call.query.get("multipart-manifest") == "get":
        if "X-Static-Large-Object" in response.headers:
            pairs.append(("multipart-manifest", "put"))
        elif source.found is not None and (manifest := source.found.object.headers.get(MANIFEST_HEADER)):
            asked[MANIFEST_HEADER] = manifest
    sink.query = _params(pairs)


def _type_of(response: Response) -> str:
    """What is in the answer's head is UTF-8 read as Latin-1."""
    return (response.content_type or "").encode("latin-1").decode("utf-8", "surrogateescape")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def _tell(source: Call, sink: Call, response: Response) -> dict[str, str | bytes]:
    told: dict[str, str | bytes] = {
        "X-Copied-From-Account": quote(source.account),
        "X-Copied-From": quote(f"{source.container}/{source.name}"),
    }
    for name, shown in (("Last-Modified", "Last-Modified"), ("X-Object-Version-Id", "Version-Id")):
        if name in response.headers:
            told[f"X-Copied-From-{shown}"] = response.headers[name]
    kept = {k: v for k, v in sink.headers.items() if k.startswith("x-object-meta-") or k == "x-delete-at"}
    return told | answers.wired(kept)
