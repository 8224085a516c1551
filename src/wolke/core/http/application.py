"""The life of a request, in the order in which things may go wrong."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec

from wolke.core import faults, ids, metrics
from wolke.core.context import NOBODY, Context
from wolke.core.errors import BadRequest, CloudError, NotFound, Refused, Unauthorized
from wolke.core.http.messages import PARTS, WHOLE, ClientGone, FilePart, Request, Response
from wolke.core.http.routes import Route, Trie
from wolke.core.log import get_logger
from wolke.core.microversion import Version, Versions, parse, text
from wolke.core.policy import Policy
from wolke.core.schema import compile_schema

Authenticate = Callable[[str, str | None], Awaitable[Context]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_GLOBAL_REQUEST_ID = re.compile(r"req-[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BODILESS = frozenset({204, 205, 304})
_NEVER = "9999.0"
log = get_logger(__name__)


@dataclass(slots=True)
class Api:
    """One service's door. ``prefix`` is where it is mounted (``/compute``); ``service`` is handed to each handler."""

    name: str
    prefix: str
    routes: tuple[Route, ...]
    service: Any
    policy: Policy
    spell: faults.Spelling = faults.plain
    versions: Versions | None = None
    request_id_headers: tuple[str, ...] = ("x-openstack-request-id",)
    ids_after_slashes: bool = False  # nothing is found where a path ends with a slash: the id after it was forgotten
    quiet: bool = False  # its requests are no news, unless they fail
    strict_queries: str = ""  # since this microversion a GET refuses what its row's ``query`` does not name
    trie: Trie = field(init=False)
    request_id_names: tuple[bytes, ...] = field(init=False)
    _strict_since: Version = field(init=False)
    _checks: dict[tuple[int, Version], Callable[[Any], None]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.trie = Trie(self.routes)
        self.request_id_names = tuple(name.encode("ascii") for name in self.request_id_headers)
        self._strict_since = parse(self.strict_queries or _NEVER)

    def check_body(self, route: Route, version: Version, value: Any) -> Any:
        """The body in its newest shape, or ``BadRequest``."""
        key = (id(route), version)
        check = self._checks.get(key)
        if check is None:
            schema = dict(route.body or {})
            if self.versions is not None and route.noun:
                schema = self.versions.schema(route.noun, version, schema)
            check = self._checks[key] = compile_schema(schema)
        check(value)
        if self.versions is not None and route.noun:
            return self.versions.lift(route.noun, version, value)
        return value

    def check_query(self, route: Route, request: Request) -> None:
        since = route.strict_since
        if since is None and route.method == "GET" and route.auth:  # the others are how a client finds the versions
            since = self._strict_since
        if since is None or request.version < since:
            return
        for name in request.query.names():
            if name not in route.query:
                raise BadRequest(
                    "Invalid input for query parameters. "
                    f"Additional properties are not allowed ({name[:64]!r} was unexpected)"
                )


class Application:
    """The ASGI application. ``sockets`` are WebSocket handlers by path prefix: ``async (scope, receive, send)``. ``fallback`` is given whatever no API
    has a route for, as far as no API's prefix is on it."""

    def __init__(
        self,
        apis: Iterable[Api],
        authenticate: Authenticate,
        *,
        sockets: Mapping[str, Callable[..., Awaitable[None]]] | None = None,
        fallback: Callable[..., Awaitable[None]] | None = None,
    ) -> None:
        self.apis = {api.prefix.strip("/"): api for api in apis}
        self.sockets = dict(sockets or {})
        self.fallback = fallback
        self._authenticate = authenticate

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _websocket(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        for prefix, handler in self.sockets.items():
            if scope["path"].startswith(prefix):
                await handler(scope, receive, send)
                return
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    def _api(self, path: str) -> Api | None:
        head, _, rest = path.lstrip("/").partition("/")
        api = self.apis.get(head)
        if api is None and rest:
            api = self.apis.get(f"{head}/{rest.partition('/')[0]}")
        return api or self.apis.get("")

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        api = self._api(scope["path"])
        if self.fallback is not None and (api is None or (not api.prefix and api.trie.find(scope["path"]) is None)):
            await self.fallback(scope, receive, send)
            return
        request_id = ids.request_id()
        if api is None:
            nothing = Response(404, faults.plain(NotFound("There is no service here."), request_id))
            await send_response(scope, send, nothing, [])
            return
        request = Request(api, scope, receive)
        headers = [(name, request_id.encode("ascii")) for name in api.request_id_names]
        try:
            response = await self._answer(api, request, request_id, headers)
        except ClientGone:
            log.info("client left", request_id=request_id, path=request.path)
            return
        except Exception as error:
            response = _failure(api, error, request, request_id)
        seconds = time.perf_counter() - started
        metrics.observe_request(api.name, request.method, response.status, seconds)
        if response.status >= 500 or not (api.quiet or request.method in ("GET", "HEAD")):
            log.info(
                "request", request_id=request_id, method=request.method, path=request.path, status=response.status,
                user_id=request.ctx.user_id, project_id=request.ctx.project_id, ms=round(seconds * 1e3, 1),
            )  # fmt: skip
        await send_response(scope, send, response, headers)

    async def _answer(
        self, api: Api, request: Request, request_id: str, headers: list[tuple[bytes, bytes]]
    ) -> Response:
        if "\x00" in request.path:
            raise BadRequest("The path holds a NUL character.")
        if api.versions is not None:
            try:
                request.version = api.versions.negotiate(request.headers)
            except CloudError:
                headers += api.versions.answer_headers(api.versions.minimum)
                raise
        route = _choose(api, request)
        if api.versions is not None:
            headers += api.versions.answer_headers(request.version)
        global_id = request.headers.get("x-openstack-request-id")
        if global_id is not None and not _GLOBAL_REQUEST_ID.fullmatch(global_id):
            global_id = None
        if route.auth:
            token = request.headers.get("x-auth-token") or request.headers.get("x-storage-token")
            if not token:
                raise Unauthorized("The request you have made requires authentication.")
            ctx = await self._authenticate(token, request.headers.get("x-service-token"))
            request.ctx = ctx.with_request(request_id, global_id)
        else:
            request.ctx = NOBODY.with_request(request_id, global_id)
        if route.rule is not None:
            request.enforce(route.rule)
        api.check_query(route, request)
        if route.body is not None:
            request.body = api.check_body(route, request.version, await _json(request, route))
        result = await route.handler(api.service, request.ctx, request)
        return _response(api, route, request, result)


def _choose(api: Api, request: Request) -> Route:
    path = request.path[len(api.prefix.rstrip("/")) :]
    found = api.trie.find(path)
    if found is None or (api.ids_after_slashes and path.endswith("/") and "/" in path.strip("/")):
        raise NotFound("The resource could not be found.")
    methods, request.params = found
    rows = methods.get(request.method)
    if not rows and request.method == "HEAD":
        rows = methods.get("GET")
    if rows is None:
        allowed = ", ".join(sorted(methods))
        raise Refused(405, "Method Not Allowed", f"{request.method} is not allowed here.", headers={"Allow": allowed})
    for route in rows:
        if api.versions is None or route.served(request.version):
            return route
    raise NotFound(f"There is no such resource in version {text(request.version)}.")


async def _json(request: Request, route: Route) -> Any:
    raw = await request.read(route.body_limit_bytes)
    if not raw:
        return None
    if b"\\u0000" in raw:
        raise BadRequest("The request body holds a NUL character.")
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"Malformed request body: it is not valid JSON ({error}).") from None


def _response(api: Api, route: Route, request: Request, result: Any) -> Response:
    response = result if isinstance(result, Response) else Response(route.status, b"" if result is None else result)
    if route.view and api.versions is not None and isinstance(response.body, dict):
        payload = response.body
        if isinstance(one := payload.get(route.view), dict):
            api.versions.lower(route.view, request.version, (one,))
        elif isinstance(many := payload.get(route.view + "s"), list):
            api.versions.lower(route.view, request.version, many)
        else:
            api.versions.lower(route.view, request.version, (payload,))
    return response


def _failure(api: Api, error: Exception, request: Request, request_id: str) -> Response:
    if not isinstance(error, CloudError):
        log.exception("bug", request_id=request_id, method=request.method, path=request.path)
        error = CloudError(
            f"Unexpected API Error. Please report this with the request id. {type(error).__name__} ({request_id})"
        )
    headers = dict(error.headers)
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", f'Keystone uri="{request.origin}/identity"')
    return Response(error.status, api.spell(error, request_id), headers=headers)


async def send_response(
    scope: Mapping[str, Any], send: Send, response: Response, headers: list[tuple[bytes, bytes]]
) -> None:
    """The answer, as far as the client stays to hear it."""
    body, content_type = response.body, response.content_type
    if not isinstance(body, bytes):
        body, content_type = msgspec.json.encode(body), content_type or "application/json"
    raw = [*headers]
    for name, value in response.headers.items():
        raw.append((_wire_names.get(name) or _wire_name(name), _latin(value)))
    for name, value in response.also:
        raw.append((_wire_name(name), _latin(value)))
    if content_type and response.status not in _BODILESS:
        raw.append((b"Content-Type", content_type.encode("latin-1")))
    parts = response.parts
    if response.path is not None:
        parts = (FilePart(str(response.path), 0, response.path.stat().st_size),)
        raw.append((b"Content-Length", str(parts[0].length).encode()))
    elif response.chunks is None and response.status not in _BODILESS:
        raw.append((b"Content-Length", str(len(body)).encode()))
    with contextlib.suppress(ClientGone):
        if parts and PARTS in scope.get("extensions", ()):
            await send({"type": PARTS, "status": response.status, "headers": raw, "parts": parts})
            return
        whole = not parts and (response.chunks is None or scope["method"] == "HEAD")
        if whole and WHOLE in scope.get("extensions", ()):
            body = b"" if response.status in _BODILESS else body
            await send({"type": WHOLE, "status": response.status, "headers": raw, "body": body})
            return
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        if response.chunks is not None and scope["method"] != "HEAD":
            await _send_chunks(send, response.chunks)
            body = b""
        await send({"type": "http.response.body", "body": body})


async def _send_chunks(send: Send, chunks: AsyncIterator[bytes]) -> None:
    """Whatever stands behind the chunks is let go of at once, also when the client leaves before the last."""
    try:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z\x80-\xff-]+")  # Swift's metadata may have names in UTF-8
_NAMES_KEPT = 4096
_wire_names: dict[str, bytes] = {}


def _wire_name(name: str) -> bytes:
    """As the service spells it: some clients look for capitals, some take what they see for the name. Raises ``ValueError`` for
    what would be no header's name."""
    raw = _wire_names.get(name)
    if raw is None:
        raw = name.encode("latin-1")
        if not _NAME.fullmatch(raw):
            raise ValueError(f"no name for a header: {name!r}")
        if len(_wire_names) < _NAMES_KEPT:
            _wire_names[name] = raw
    return raw


def _latin(value: str | bytes) -> bytes:
    """A header's value; what Latin-1 cannot hold, or would break the line, goes out percent-encoded."""
    if isinstance(value, bytes):
        return value if not _CONTROL.search(value) else quote(value).encode("ascii")
    try:
        if value.isprintable():
            return value.encode("latin-1")
    except UnicodeEncodeError:
        pass
    return quote(value, safe=" !#$&'()*+,/:;=?@[]~").encode("ascii")
