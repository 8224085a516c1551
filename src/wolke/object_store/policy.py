"""Who may: a project's own people by their role, others by what a container's access lists say.

    account AUTH_p            members of project p; readers of it may look
    account SERVICE_p         the same, with the token of a service beside their own
    any account               reseller administrators

An access list of a container is names with commas between: ``project:user`` (names or ids, ``*`` for any), a role, ``.r:host`` for a referrer
(``.r:*`` anybody, ``.r:.example.com`` a domain, ``.r:-host`` not that one), ``.rlistings`` for lists as well. Names are understood
only within the default domain, as the same name may be somebody else's in another.

An account's own list is JSON, ``{"admin": ["project:user"], "read-write": [], "read-only": []}``: to look, to change anything in
the account, to be one of its owners.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.object_store.config import ObjectStoreConfig

DEFAULT_DOMAIN = "default"
ACCOUNT_ACL = "x-account-access-control"
ACCOUNT_PREFIX = "AUTH_"
SERVICE_PREFIX = "SERVICE_"
_READS = frozenset({"GET", "HEAD"})
_LEVELS = frozenset({"admin", "read-write", "read-only"})
_NOBODY: frozenset[str] = frozenset()
_REFERRERS = frozenset({".r", ".ref", ".referer", ".referrer"})


class Verdict(NamedTuple):
    """``owner``: may set quotas' companions, access lists and keys, and see them."""

    allowed: bool
    owner: bool = False


class Acl(NamedTuple):
    """``roles`` are all the names in lower case."""

    referrers: tuple[str, ...]
    names: frozenset[str]
    roles: frozenset[str]


_NO = Verdict(False)
_YES = Verdict(True)
_OWNER = Verdict(True, True)


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip().lower() for word in text.split(",") if word.strip())


@dataclass(frozen=True)
class Roles:
    operators: frozenset[str]
    readers: frozenset[str]
    system_readers: frozenset[str]
    services: frozenset[str]
    reseller: str

    @classmethod
    def configured(cls, config: ObjectStoreConfig) -> Roles:
        return cls(
            _words(config.operator_roles),
            _words(config.reader_roles),
            _words(config.system_reader_roles),
            _words(config.service_roles),
            config.reseller_admin_role.lower(),
        )


class Policy:
    def __init__(self, config: ObjectStoreConfig) -> None:
        self._roles = Roles.configured(config)
        self._lowered: dict[frozenset[str], frozenset[str]] = {}

    def verdict(
        self,
        ctx: Context,
        method: str,
        account: str,
        *,
        acl: str = "",
        referrer: str = "",
        is_object: bool = False,
        is_account: bool = False,
        names_allowed: bool = True,
    ) -> Verdict:
        """``names_allowed``: the account is of the default domain. ``acl`` is the container's list for this method."""
        found = _parsed(acl) if acl else None
        open_to_all = found is not None and _referrer_allows(found.referrers, referrer)
        admitted = open_to_all and found is not None and (is_object or ".rlistings" in found.names)
        if ctx.user_id is None:
            return _YES if admitted else _NO
        own = self._lower(ctx.roles)
        if self._roles.reseller in own:
            return _OWNER
        if method in _READS and own & self._roles.system_readers:
            return _YES
        if is_account and method == "DELETE":
            return _NO
        prefix, ours = _owned(account, ctx.project_id)
        if ours and own & self._roles.operators and self._served(prefix, ctx):
            return _OWNER
        if admitted or (found is not None and _named(found.names, ctx, names_allowed)):
            return _YES
        if not ours:
            return _NO
        if method in _READS and prefix == ACCOUNT_PREFIX and own & self._roles.readers:
            return _YES
        return _YES if found is not None and not open_to_all and own & found.roles else _NO

    def is_reseller(self, ctx: Context) -> bool:
        return self._roles.reseller in self._lower(ctx.roles)

    def _served(self, prefix: str, ctx: Context) -> bool:
        return prefix == ACCOUNT_PREFIX or bool(self._lower(ctx.service_roles) & self._roles.services)

    def _lower(self, roles: frozenset[str]) -> frozenset[str]:
        found = self._lowered.get(roles)
        if found is None:
            if len(self._lowered) > 1000:
                self._lowered.clear()
            found = self._lowered[roles] = frozenset(role.lower() for role in roles)
        return found


def _owned(account: str, project_id: str | None) -> tuple[str, bool]:
    for prefix in (ACCOUNT_PREFIX, SERVICE_PREFIX):
        if account.startswith(prefix):
            return prefix, project_id is not None and account[len(prefix) :] == project_id
    return "", False


def is_default_domain(ctx: Context) -> bool:
    return ctx.user_domain_id in (None, DEFAULT_DOMAIN) and ctx.project_domain_id in (None, DEFAULT_DOMAIN)


def _named(names: frozenset[str], ctx: Context, names_allowed: bool) -> bool:
    projects, users = [ctx.project_id, "*"], [ctx.user_id, "*"]
    if names_allowed and is_default_domain(ctx):
        projects.append(ctx.project_name)
        users.append(ctx.user_name)
    return any(f"{project}:{user}" in names for project in projects for user in users)


@lru_cache(4096)
def _parsed(acl: str) -> Acl:
    referrers, names = [], set()
    for word in acl.split(","):
        if word.startswith(".r:"):
            referrers.append(word[3:])
        elif word:
            names.add(unquote(word))
    return Acl(tuple(referrers), frozenset(names), frozenset(name.lower() for name in names))


def _referrer_allows(patterns: tuple[str, ...], referrer: str) -> bool:
    """The last pattern that fits decides."""
    if not patterns:
        return False
    try:
        host = urlsplit(referrer).hostname or "unknown"
    except ValueError:
        host = "unknown"
    allowed = False
    for pattern in patterns:
        refused, pattern = pattern[:1] == "-", pattern.removeprefix("-")
        if pattern == "*" or pattern == host or (pattern[:1] == "." and host.endswith(pattern)):
            allowed = not refused
    return allowed


def clean_acl(name: str, value: str) -> str:
    """An access list as it is kept. ``BadRequest`` names the word that cannot be one."""
    return ",".join(_clean(name, word.strip()) for word in value.split(",") if word.strip())


def _clean(name: str, word: str) -> str:
    first, colon, second = word.partition(":")
    first, second = first.strip(), second.strip()
    if not colon or not first.startswith("."):
        return word
    if first not in _REFERRERS:
        raise BadRequest(f"Unknown designator {first!r} in ACL: {word!r}")
    if "write" in name.lower():
        raise BadRequest(f"Referrers not allowed in write ACL: {word!r}")
    refused, host = second[:1] == "-", second.removeprefix("-").strip()
    if host != "*" and host.startswith("*"):
        host = host[1:].strip()
    if not host or host == ".":
        raise BadRequest(f"No host/domain value after referrer designation in ACL: {word!r}")
    return f".r:{'-' if refused else ''}{host}"


def clean_account_acl(value: str) -> str:
    """As it is kept; empty if it lets nobody in. ``BadRequest`` if it is none."""
    try:
        found = msgspec.json.decode(value.encode(), type=dict[str, list[str]])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise BadRequest("X-Account-Access-Control must be a JSON object of lists of names.") from None
    if not set(found) <= _LEVELS:
        raise BadRequest("X-Account-Access-Control knows only admin, read-write and read-only.")
    return msgspec.json.encode(found).decode() if any(found.values()) else ""


@lru_cache(1024)
def _account_acl(text: str) -> dict[str, frozenset[str]]:
    return {level: frozenset(names) for level, names in msgspec.json.decode(text, type=dict[str, list[str]]).items()}


def account_verdict(acl: str, ctx: Context, method: str, is_inside: bool, *, names_allowed: bool) -> Verdict:
    """``is_inside``: it is about a container or an object, not the account itself."""
    levels = _account_acl(acl)
    if _named(levels.get("admin", _NOBODY), ctx, names_allowed):
        return _OWNER
    if _named(levels.get("read-write", _NOBODY), ctx, names_allowed) and (is_inside or method in _READS):
        return _YES
    return _YES if method in _READS and _named(levels.get("read-only", _NOBODY), ctx, names_allowed) else _NO
