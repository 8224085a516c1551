"""Accounts and containers in the host's name: ``container.AUTH-account.storage.example/object``.

It comes before everything else, as it decides on the path. Names of hosts have no underscores and no case, so
``auth-…`` stands for ``AUTH_…``; container and account must be names that a host can have. Off without domains.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, unquote

from wolke.core.http import Request, Response
from wolke.object_store.config import ObjectStoreConfig

_PREFIXES = ("AUTH", "SERVICE")
Answer = Callable[[Request], Awaitable[Response]]


def info(config: ObjectStoreConfig) -> dict[str, Any]:
    return {"domain_remap": {"default_reseller_prefix": None}} if _domains(config) else {}


def remapped(answer: Answer, config: ObjectStoreConfig) -> Answer:
    """``answer`` for hosts of those domains as well."""
    domains = _domains(config)
    if not domains:
        return answer

    async def remap(request: Request) -> Response:
        host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
        domain = next((domain for domain in domains if host.lower().endswith(domain)), None)
        if domain is None:
            return await answer(request)
        names = host[: -len(domain)].strip(".").split(".")
        if len(names) > 2:
            return Response(400, b"Bad domain in host header", content_type="text/plain")
        account = account_of(names[-1])
        if account is None:
            return await answer(request)
        start = "/v1/" + "/".join(quote(part.encode("latin-1")) for part in (account, *names[:-1]))
        request.scope = {**request.scope, "raw_path": start.encode() + request.raw_path}
        request.path = unquote(start) + request.path
        response = await answer(request)
        _shorten(response, request.origin, start)
        return response

    return remap


def concerns(request: Request, config: ObjectStoreConfig) -> bool:
    """Whether it is addressed in the host's name."""
    domains = _domains(config)
    return bool(domains) and _host(request).endswith(domains)


def _host(request: Request) -> str:
    host = request.headers.get("host", "")
    return (host.rpartition(":")[0] or host).lower()


def _domains(config: ObjectStoreConfig) -> tuple[str, ...]:
    names = (name.strip().strip(".").lower() for name in config.storage_domains.split(","))
    return tuple(f".{name}" for name in names if name)


def account_of(name: str) -> str | None:
    """``auth-1234`` → ``AUTH_1234``. None: the name of no account."""
    if "_" not in name:
        name = name.replace("-", "_", 1)
    prefix, _, rest = name.partition("_")
    known = next((one for one in _PREFIXES if one == prefix.upper()), None)
    return f"{known}_{rest}" if known and rest else None


def _shorten(response: Response, origin: str, start: str) -> None:
    """The client's own way of saying where to go."""
    place = response.headers.get("Location")
    if isinstance(place, str) and place.startswith(f"{origin}{start}/"):
        response.headers["Location"] = origin + place[len(origin) + len(start) :]
