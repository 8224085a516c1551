"""One call to the Swift API, as the filters and handlers pass it on.

A filter wraps the handler behind it: it may answer by itself, change the call, make calls of its own (``call.sub``) to the
handler behind, or change the answer. ``filters.PIPELINE`` fixes their order. The innermost handler answers errors too; what a
filter raises becomes an answer at the door.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wolke.core.context import NOBODY, Context
from wolke.core.http import Params, Request, Response
from wolke.object_store.service import Found, ObjectStore

Handler = Callable[["Call"], Awaitable[Response]]
Filter = Callable[[Handler, ObjectStore], Handler]

NO_QUERY = Params(b"")


@dataclass(frozen=True, slots=True)
class Marks:
    """What a filter wants the object to be that this PUT makes: its ``kind``; what its data is a list of, and so its ``size``
    and ``etag`` (``""``: those of the data); what is kept with it (``system``)."""

    kind: str = ""
    size: int = -1
    etag: str = ""
    system: Mapping[str, str] = field(default_factory=dict)


class Call:
    """``account``, ``container`` and ``name`` are decoded and empty where the path ends before them. ``headers`` by lower-case
    name; filters may change them, and what is not ASCII in them was UTF-8. ``data`` is the body.

    ``granted``: a filter has found that this caller needs no token (a signed URL) for the calls it says True to; it is asked
    about a call's sub-calls as well. ``inner``: this is a part of another call, whose caller was asked already.

    ``found``: set by the handler of GET and HEAD to the object. One that only a filter understands (it has a kind, or an
    ``x-object-manifest``) comes back with its headers and no body, and with neither ranges nor conditions looked at, unless
    ``raw``. ``objects.send`` makes the answer once the filter knows the data. ``marks``: of what PUT makes;
    ``source``: whose data it takes in place of ``data``.
    """

    __slots__ = (
        "account", "container", "ctx", "data", "found", "granted", "headers", "inner", "kept", "marks", "method", "name",
        "query", "raw", "request", "source", "trans_id",
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
        query: Params = NO_QUERY,
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
        self.query = query
        self.trans_id = trans_id
        self.ctx = ctx
        self.granted: Callable[[Call], bool] | None = None
        self.inner = inner
        self.found: Found | None = None
        self.marks: Marks | None = None
        self.raw = False
        self.source: Found | None = None
        self.kept: dict[str, Any] = {}  # what one filter or handler leaves for another, by a name they agree on

    @property
    def noun(self) -> str:
        """``object``, ``container`` or ``account``: what the path names."""
        return "object" if self.name else "container" if self.container else "account"

    @property
    def path(self) -> str:
        """``/v1/account/container/object``, decoded."""
        path = f"/v1/{self.account}/{self.container}" if self.container else f"/v1/{self.account}"
        return f"{path}/{self.name}" if self.name else path

    def sub(
        self,
        method: str,
        container: str,
        name: str = "",
        headers: dict[str, str] | None = None,
        data: AsyncIterator[bytes] | bytes = b"",
        *,
        account: str = "",
        query: Params = NO_QUERY,
        inner: bool = False,
    ) -> Call:
        """A call by the same caller, with none of this call's headers and query."""
        made = Call(
            self.request, method, account or self.account, container, name, {} if headers is None else headers, data,
            query=query, trans_id=self.trans_id, ctx=self.ctx, inner=inner or self.inner,
        )  # fmt: skip
        made.granted = self.granted
        return made
