"""Which handler answers: a table by noun and method. Behind the last filter; errors become answers here, so that filters see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from wolke.core.errors import CloudError
from wolke.core.http import Response
from wolke.object_store.api import accounts, answers, containers, cors
from wolke.object_store.api.call import Call
from wolke.object_store.api.gate import Gate
from wolke.object_store.api.objects import TABLE as OBJECTS
from wolke.object_store.policy import Policy
from wolke.object_store.service import ObjectStore

Verb = Callable[[Gate, Call], Awaitable[Response]]

TABLE: Mapping[str, Mapping[str, Verb]] = {
    "account": {
        "GET": accounts.get,
        "HEAD": accounts.head,
        "POST": accounts.post,
        "PUT": accounts.put,
        "DELETE": accounts.delete,
        "OPTIONS": cors.options,
    },
    "container": {
        "GET": containers.get,
        "HEAD": containers.head,
        "PUT": containers.put,
        "POST": containers.post,
        "DELETE": containers.delete,
        "OPTIONS": cors.options,
    },
    "object": {**OBJECTS, "OPTIONS": cors.options},
}


class Dispatch:
    def __init__(self, store: ObjectStore, policy: Policy) -> None:
        self._gate = Gate(store, policy)

    async def answer(self, call: Call) -> Response:
        verbs = TABLE[call.noun]
        verb = verbs.get(call.method)
        try:
            if verb is None:
                return answers.page(405, {"Allow": ", ".join(sorted(verbs))})
            return await verb(self._gate, call)
        except CloudError as error:
            return answers.refusal(error)
