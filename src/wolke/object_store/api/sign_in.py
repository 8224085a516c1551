"""``GET /auth/v1.0``: the first version of signing in, which many small clients still speak.

``X-Auth-User: project:user`` and ``X-Auth-Key: password``, both of the default domain, give a token and the account's URL. It is
Identity's password method, and what it refuses is refused here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from wolke.core.errors import CloudError, Unauthorized
from wolke.core.http import Request, Response
from wolke.object_store.api import answers
from wolke.object_store.policy import ACCOUNT_PREFIX, DEFAULT_DOMAIN

#: From the body of Identity's ``POST /v3/auth/tokens`` to a token and what it says; its ``scope.project_id`` is needed here.
Login = Callable[[Any], Awaitable[tuple[str, Any]]]
PATHS = frozenset({"/auth/v1.0", "/auth/v1.0/", "/auth/v1", "/auth/v1/"})


class SignIn:
    def __init__(self, login: Login) -> None:
        self._login = login

    async def answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return answers.page(405, {"Allow": "GET, HEAD"})
        headers = request.headers
        who = headers.get("x-auth-user") or headers.get("x-storage-user") or ""
        password = headers.get("x-auth-key") or headers.get("x-storage-pass") or ""
        project, colon, user = who.partition(":")
        if not (colon and project and user and password):
            raise Unauthorized
        try:
            token, said = await self._login(_body(project, user, password))
        except CloudError:
            raise Unauthorized from None
        shown = {
            "X-Auth-Token": token,
            "X-Storage-Token": token,
            "X-Storage-Url": f"{request.origin}/v1/{ACCOUNT_PREFIX}{said.scope.project_id}",
        }
        return answers.done(200, shown)


def _body(project: str, user: str, password: str) -> dict[str, Any]:
    domain = {"id": DEFAULT_DOMAIN}
    method = {"user": {"name": user, "domain": domain, "password": password}}
    scope = {"project": {"name": project, "domain": domain}}
    return {"auth": {"identity": {"methods": ["password"], "password": method}, "scope": scope}}
