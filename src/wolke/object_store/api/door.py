"""The Swift door: a request becomes a ``Call``, goes through the filters to its handler, and whatever comes back is an answer.

Whoever shows no token, or a bad one, is nobody: access lists and signed URLs may still let them in, else they get 401.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from wolke.core.context import NOBODY, Context
from wolke.core.errors import BadRequest, CloudError, Unauthorized
from wolke.core.http import ClientGone, Params, Request, Response
from wolke.core.log import get_logger
from wolke.object_store.api import answers, cors, info, paths, sign_in
from wolke.object_store.api.call import Call, Filter, Handler
from wolke.object_store.api.dispatch import Dispatch
from wolke.object_store.api.sign_in import SignIn
from wolke.object_store.policy import Policy
from wolke.object_store.service import ObjectStore

Authenticate = Callable[[str, str | None], Awaitable[Context]]
_EXTRA_CHARACTERS = 32
_TEXT_UNSAFE = frozenset("\r\n\0")
log = get_logger(__name__)


class SwiftDoor:
    """``features`` is what ``/info`` says beside the store's own limits."""

    def __init__(
        self,
        store: ObjectStore,
        authenticate: Authenticate,
        pipeline: Sequence[Filter],
        policy: Policy,
        features: Mapping[str, Any],
        *,
        entrance: SignIn | None = None,
    ) -> None:
        self._store = store
        self._trans_prefix = f"tx{os.urandom(5).hex()}"  # nobody needs to guess the next: it only must not come twice
        self._trans_numbers = itertools.count()
        self._authenticate = authenticate
        self._entrance = entrance
        acls = {} if entrance is None else {"tempauth": {"account_acls": True}}
        self._info = info.Info(store, {**features, **acls})
        handler: Handler = Dispatch(store, policy).answer
        for wrap in reversed(pipeline):
            handler = wrap(handler, store)
        self.handler = handler

    async def answer(self, request: Request) -> Response:
        trans_id = self._trans_id(request)
        try:
            response = await self._answer(request, trans_id)
        except ClientGone:
            raise
        except CloudError as error:
            response = answers.refusal(error)
        except Exception:
            log.exception("bug", request_id=trans_id, method=request.method, path=request.path)
            response = answers.page(500)
        if response.status == 401:
            response.headers.setdefault("Www-Authenticate", f'Swift realm="{_realm(request)}"')
        if request.headers.get("connection") == "keep-alive":
            response.headers["Connection"] = "keep-alive"
        response.headers["X-Trans-Id"] = response.headers["X-Openstack-Request-Id"] = trans_id
        return response

    async def _answer(self, request: Request, trans_id: str) -> Response:
        if not request.raw_path.startswith(b"/v1"):
            answer = self._info.answer(request)
            if answer is not None:
                return answer
            if self._entrance is not None and request.path in sign_in.PATHS:
                return await self._entrance.answer(request)
        call = await self.call(request, trans_id)
        if "origin" in call.headers:
            return await cors.answer(self._store, call, self.handler)
        return await self.handler(call)

    async def call(self, request: Request, trans_id: str) -> Call:
        account, container, name = paths.parse(request.raw_path)
        headers = request.headers
        if not all(map(str.isascii, headers.values())) or not all(map(str.isascii, headers)):
            headers = {_text(name): _text(value) for name, value in headers.items()}
        length = headers.get("content-length")
        data: Any = b"" if length == "0" else None if length is None else request.at_hand
        if data is None:
            data = request.stream()
        if length is not None and not (length.isascii() and length.isdigit()):
            raise BadRequest("Invalid Content-Length")
        return Call(
            request, request.method, account, container, name, headers, data,
            query=Params(request.scope["query_string"], nul=True), trans_id=trans_id, ctx=await self._who(headers),
        )  # fmt: skip

    async def _who(self, headers: Mapping[str, str]) -> Context:
        token = headers.get("x-auth-token") or headers.get("x-storage-token")
        if not token:
            return NOBODY
        try:
            return await self._authenticate(token, headers.get("x-service-token"))
        except Unauthorized:
            return NOBODY

    def _trans_id(self, request: Request) -> str:
        made = f"{self._trans_prefix}{next(self._trans_numbers):011x}-{self._store.ground.now_s():010x}"
        extra = request.headers.get("x-trans-id-extra")
        return made if not extra else f"{made}-{quote(extra[:_EXTRA_CHARACTERS])}"


def _text(raw: str) -> str:
    """What was read as Latin-1 as the UTF-8 that it is."""
    return raw if raw.isascii() else raw.encode("latin-1").decode("utf-8", "surrogateescape")


def _realm(request: Request) -> str:
    parts = request.raw_path.split(b"/", 3)
    account = parts[2].decode("ascii", "replace") if len(parts) > 2 and parts[1] in (b"v1", b"v1.0") else "unknown"
    return (
        "unknown" if not account or _TEXT_UNSAFE.intersection(account) or '"' in account else quote(account, safe="%")
    )
