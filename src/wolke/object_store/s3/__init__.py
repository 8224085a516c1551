"""The S3 door: requests that are signed, addressed or shaped as Amazon's S3 wants them, answered from the same store as Swift's.

is_s3    whether a request is for this door at all
answer   signature -> caller; path or host -> bucket and key; table -> operation; policy and lists -> handler; XML
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from wolke.core import ids
from wolke.core.context import NOBODY
from wolke.core.errors import CloudError
from wolke.core.http import ClientGone, Request, Response
from wolke.core.log import get_logger
from wolke.object_store.api.call import Handler
from wolke.object_store.drivers.base import Broken, Damaged, Lost, NoSpace
from wolke.object_store.policy import Policy
from wolke.object_store.s3 import access, buckets, cors, faults, forms, routes
from wolke.object_store.s3.call import Call, Terms
from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.signature import Caller, Keys, identify, is_signed, named_key
from wolke.object_store.service import ObjectStore

__all__ = ["S3", "Keys", "Terms"]

_KEY_BYTES = 1024
#: First parts of paths that are Swift's, or anybody's, but no bucket's unless the request is signed.
_NOT_BUCKETS = frozenset(
    {"v1", "v1.0", "auth", "info", "healthcheck", "crossdomain.xml", "endpoints", "recon", "metrics"}
)
log = get_logger(__name__)


class S3:
    """``swift``: the Swift door's handler behind all its filters, for what only they can read (large objects, links)."""

    def __init__(
        self, store: ObjectStore, keys: Keys, terms: Terms | None = None, *, swift: Handler | None = None
    ) -> None:
        self._store = store
        self._keys = keys
        self._terms = terms or Terms()
        self._swift = swift
        self._policy = Policy(store.ground.config)

    def is_s3(self, request: Request) -> bool:
        headers = request.headers
        if "x-auth-token" in headers or "x-storage-token" in headers:
            return False
        if is_signed(request) or self._bucket_in_host(request):
            return True
        return request.path.split("/", 2)[1] not in _NOT_BUCKETS

    async def answer(self, request: Request) -> Response:
        request_id = ids.request_id()[4:]
        call = Call(request, self._store, self._terms, self._policy, request_id, self._swift)
        try:
            response = await self._answer(call)
        except ClientGone:
            raise
        except (Fault, CloudError, NoSpace, Damaged, Broken, Lost) as error:
            response = self._refusal(call, error)
        except Exception:
            log.exception("bug", request_id=request_id, method=request.method, path=request.path)
            response = self._refusal(call, Fault("InternalError"))
        headers = response.headers
        headers["x-amz-request-id"] = headers["x-amz-id-2"] = request_id
        if (origin := request.headers.get("origin")) is not None and request.method != "OPTIONS":
            headers |= cors.of_answer(call.container, origin, request.method)
        return response

    async def _answer(self, call: Call) -> Response:
        request = call.request
        in_host = self._bucket_in_host(request)
        if request.method == "OPTIONS":
            call.caller = await self._guess(request)
            self._address(call, in_host)
            return await cors.preflight(call)
        call.caller = await identify(request, self._keys, self._terms.regions, in_host, call.clock)
        request.ctx = call.ctx
        self._address(call, in_host)
        if forms.is_form(call):
            return await forms.post(call, self._keys)
        row = routes.choose(call)
        if call.bucket and row.handler is not buckets.create:
            if row.need is not None:
                await access.enter(call, row.need)
            else:
                call.container, call.owner = await access.resolve(call, call.bucket)
        return await row.handler(call)

    async def _guess(self, request: Request) -> Caller:
        """Whose bucket a browser asks about beforehand: nobody signs that, but a presigned URL names a key."""
        access_key = named_key(request)
        found = await self._keys(access_key) if access_key else None
        return Caller(found[0], access_key) if found else Caller(NOBODY)

    def _bucket_in_host(self, request: Request) -> str:
        if not self._terms.domains:
            return ""
        host = request.headers.get("host", "").rpartition("@")[2].lower()
        host = host.partition(":")[0]
        return next((host[: -len(one) - 1] for one in self._terms.domains if host.endswith("." + one)), "")

    def _address(self, call: Call, in_host: str) -> None:
        raw: bytes = call.request.scope.get("raw_path") or call.request.path.encode()
        try:
            path = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise Fault("InvalidURI") from None
        if "\0" in path or not path.startswith("/"):
            raise Fault("InvalidURI")
        if in_host:
            call.bucket, call.key = in_host, path[1:]
        else:
            call.bucket, _, call.key = path[1:].partition("/")
        if call.bucket:
            buckets.check_name(call.bucket)
        elif call.key:
            raise Fault("InvalidURI")
        size = len(call.key.encode())
        if size > _KEY_BYTES:
            raise Fault("KeyTooLongError", Size=size, MaxSizeAllowed=_KEY_BYTES)

    def _refusal(self, call: Call, error: Exception) -> Response:
        fault = faults.fault_of(error)
        if fault is None:
            log.error("refused without a code", error=type(error).__name__, path=call.request.path)
            fault = Fault("InternalError")
        body = b"" if call.request.method == "HEAD" else faults.document(fault, call.request_id)
        headers = dict(fault.headers)
        if fault.status == 304:
            headers["content-length"] = "0"  # Swift's S3 says so, and its clients look
            body = b""
        return Response(fault.status, body, headers=headers, content_type="application/xml")
