"""One call to the Swift API, as the filters and handlers pass it on.

A filter wraps the handler behind it: it may answer by itself, change the call, make calls of its own (``call.sub``) to the
handler behind, or change the answer. ``filters.PIPELINE`` fixes their order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from wolke.core.context import NOBODY, Context
from wolke.core.http import Request, Response
from wolke.object_store.service import ObjectStore

Handler = Callable[["Call"], Awaitable[Response]]
Filter = Callable[[Handler, ObjectStore], Handler]


class Call:
    """``account``, ``container`` and ``name`` are decoded and empty where the path ends before them. ``headers`` by lower-case
    name; filters may change them. ``data`` is the body.

    ``granted``: a filter has found that this call may do what it asks (a signed URL), and no token is needed. ``inner``: it is
    a part of another call, whose caller was asked already.
    """

    __slots__ = (
        "account", "container", "ctx", "data", "granted", "headers", "inner", "kept", "method", "name", "request", "trans_id",
    )  # fmt: skip

    def __init__(
        self,
        request: Request,
        method: str,
        account: str,
        container: str,
        name: str,
        headers: dict[str, str],
        data: AsyncIterator[bytes] | bytes,
        *,
        trans_id: str = "",
        ctx: Context = NOBODY,
        inner: bool = False,
    ) -> None:
        self.request = request
        self.method = method
        self.account = account
        self.container = container
        self.name = name
        self.headers = headers
        self.data = data
        self.trans_id = trans_id
        self.ctx = ctx
        self.granted = False
        self.inner = inner
        self.kept: dict[str, Any] = {}  # what one filter or handler leaves for another, by a name they agree on

    @property
    def query(self) -> Any:
        return self.request.query

    @property
    def path(self) -> str:
        """``/v1/account/container/object``, decoded."""
        parts = [part for part in (self.account, self.container) if part]
        return "/v1/" + "/".join([*parts, self.name] if self.name else parts)

    def sub(
        self,
        method: str,
        container: str,
        name: str = "",
        headers: dict[str, str] | None = None,
        data: AsyncIterator[bytes] | bytes = b"",
        *,
        account: str = "",
        inner: bool = False,
    ) -> Call:
        """A call by the same caller; with none of this call's query."""
        made = Call(
            self.request, method, account or self.account, container, name, headers or {}, data,
            trans_id=self.trans_id, ctx=self.ctx, inner=inner,
        )  # fmt: skip
        made.kept["query"] = ()
        return made
