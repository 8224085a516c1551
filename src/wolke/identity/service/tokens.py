"""Tokens: issued, verified, ended.

A verified token is remembered with the epoch it was verified in, so that asking again costs a dictionary; otherwise it is
put together anew from the database, which is what makes every disabling, deleting and taking away of a role right
without a list of what was revoked. Only single tokens that were ended before their time have a row.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from wolke.core.clock import instant, moment
from wolke.core.context import Context
from wolke.core.db import Where
from wolke.core.errors import NotFound
from wolke.identity import views
from wolke.identity.errors import AuthenticationRequired, TokenNotFound
from wolke.identity.model import UNSCOPED, ApplicationCredential, Project, Revocation, Role, Scope, Token, User
from wolke.identity.service.ground import Ground
from wolke.identity.service.payload import Payload, pack, unpack
from wolke.identity.service.standing import Standing
from wolke.identity.store import APPLICATION_CREDENTIALS, PROJECTS, REVOCATIONS, USERS
from wolke.identity.store.keys import KeyRing

_MOST_CHARACTERS = 4096
_MICRO = 1_000_000
_MOST_CATALOGS = 1024
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Verified:
    """What is remembered of a token. ``body`` is its JSON without the catalog and the closing brackets."""

    epoch: int
    expires_at_s: float
    ctx: Context
    token: Token
    body: bytes = b""


class Tokens:
    def __init__(self, ground: Ground, standing: Standing, keys: KeyRing) -> None:
        self._ground = ground
        self._db = ground.db
        self._standing = standing
        self._keys = keys
        self._remembered: dict[str, Verified] = {}
        self._catalogs: dict[tuple[int, str | None, str], bytes] = {}

    # -- issuing

    async def issue(
        self,
        user: User,
        scope: Scope,
        methods: tuple[str, ...],
        *,
        credential: ApplicationCredential | None = None,
        parent: Token | None = None,
    ) -> tuple[str, Token]:
        """A new token as text and as what it says. 401 if the user has nothing to do there. ``parent``: the token it was
        made from, whose end it shares."""
        now_us = round(self._ground.clock.time() * _MICRO)
        expires_us = now_us + self._ground.config.token_lifetime_s * _MICRO
        audit_ids: tuple[str, ...] = (_audit_id(),)
        if parent is not None:
            expires_us = round(moment(parent.expires_at).timestamp() * _MICRO)
            audit_ids += (parent.audit_ids[-1],)
        if credential is not None and credential.expires_at is not None:
            expires_us = min(expires_us, round(moment(credential.expires_at).timestamp() * _MICRO))
        payload = Payload(
            user.id, methods, scope, 0, now_us, expires_us, audit_ids, credential.id if credential else None
        )
        epoch = await self._ground.epoch()
        built = await self._build(payload)
        if built is None:
            raise AuthenticationRequired
        token, generation = built
        sealed = self._keys.seal(pack(msgspec.structs.replace(payload, generation=generation)))
        self._remember(sealed, epoch, token)
        return sealed, token

    async def standing(self, user_id: str, scope: Scope, methods: tuple[str, ...]) -> Token | None:
        """What a token of that user for that scope would say now; None if there would be none."""
        now_us = round(self._ground.clock.time() * _MICRO)
        expires_us = now_us + self._ground.config.token_lifetime_s * _MICRO
        built = await self._build(Payload(user_id, methods, scope, 0, now_us, expires_us, (_audit_id(),), None))
        return built[0] if built is not None else None

    # -- verifying

    async def authenticate(self, token: str, service_token: str | None = None) -> Context:
        """Who speaks; 401 otherwise."""
        ground = self._ground
        entry = self._remembered.get(token)
        if entry is None or entry.epoch != ground.epoch_if_fresh or entry.expires_at_s <= ground.clock.time():
            try:
                entry = await self.verify(token)
            except NotFound:
                raise AuthenticationRequired from None
        if service_token is None:
            return entry.ctx
        try:
            service = await self.verify(service_token)
        except NotFound:
            raise AuthenticationRequired from None
        return replace(entry.ctx, service_roles=service.ctx.roles)

    async def verify(self, sealed: str, *, allow_expired: bool = False) -> Verified:
        """404 for a token that is none, or no longer."""
        epoch = await self._ground.epoch()
        entry = self._remembered.get(sealed)
        now = self._ground.clock.time()
        if entry is not None and entry.epoch == epoch and entry.expires_at_s > now:
            return entry
        raw = self._keys.open(sealed) if len(sealed) <= _MOST_CHARACTERS else None
        payload = unpack(raw) if raw is not None else None
        grace = self._ground.config.allow_expired_window_s if allow_expired else 0
        if payload is None or payload.expires_at_us + grace * _MICRO <= now * _MICRO:
            self._remembered.pop(sealed, None)
            raise TokenNotFound
        if await self._db.get(REVOCATIONS, audit_id=payload.audit_ids[0]) is not None:
            raise TokenNotFound
        built = await self._build(payload)
        if built is None or built[1] != payload.generation:
            self._remembered.pop(sealed, None)
            raise TokenNotFound
        return self._remember(sealed, epoch, built[0])

    def _remember(self, sealed: str, epoch: int, token: Token) -> Verified:
        entry = Verified(epoch, moment(token.expires_at).timestamp(), context(token, sealed), token)
        self._remembered.pop(sealed, None)
        self._remembered[sealed] = entry
        if len(self._remembered) > self._ground.config.token_cache_size:
            del self._remembered[next(iter(self._remembered))]
        return entry

    async def _build(self, payload: Payload) -> tuple[Token, int] | None:
        """The token that a payload means now, and the sum of generations it stands on; None if it means none any more."""
        user = await self._db.get(USERS, id=payload.user_id)
        if user is None or not user.enabled:
            return None
        domain = await self._db.get(PROJECTS, id=user.domain_id)
        if domain is None or not domain.enabled:
            return None
        found = await self._place(payload.scope)
        if found is None:
            return None
        project, scope_domain, above = found
        roles = await self._standing.roles_below(user.id, payload.scope, [a.id for a in above])
        credential = None
        if payload.application_credential_id is not None:
            credential = await self._db.get(APPLICATION_CREDENTIALS, id=payload.application_credential_id)
            roles = await self._restricted(credential, roles)
        if payload.scope != UNSCOPED and not roles:
            return None
        token = Token(
            user, domain, payload.methods, payload.audit_ids, _instant(payload.issued_at_us),
            _instant(payload.expires_at_us), payload.scope, project, scope_domain, roles, credential,
        )  # fmt: skip
        stands_on = {one.id: one.generation for one in (project, scope_domain, domain) if one is not None}
        return token, user.generation + sum(stands_on.values())

    async def _place(self, scope: Scope) -> tuple[Project | None, Project | None, list[Project]] | None:
        """The project and the domain of a scope, and what stands above; None if any of it is gone or disabled."""
        if scope.project_id is not None:
            project = await self._db.get(PROJECTS, id=scope.project_id)
            if project is None or not project.enabled or project.is_domain:
                return None
            above = await self._standing.ancestors(project)
            if not above or not all(a.enabled for a in above):
                return None
            return project, above[-1], above
        if scope.domain_id is not None:
            domain = await self._db.get(PROJECTS, id=scope.domain_id)
            return (None, domain, []) if domain is not None and domain.enabled and domain.is_domain else None
        return None, None, []

    async def _restricted(self, credential: ApplicationCredential | None, roles: tuple[Role, ...]) -> tuple[Role, ...]:
        """What an application credential has of its user's roles: all it was given, or nothing."""
        if credential is None or (credential.expires_at or "9") <= self._ground.clock.now():
            return ()
        snapshot = await self._standing.snapshot()
        given = snapshot.expand(credential.role_ids)
        if not set(credential.role_ids) <= {role.id for role in roles}:
            return ()
        return tuple(role for role in roles if role.id in given)

    # -- ending

    async def revoke(self, sealed: str) -> None:
        token = (await self.verify(sealed)).token
        now = self._ground.clock.now()
        async with self._ground.writing("token", tokens=True, idempotent=True) as tx:
            await tx.delete(REVOCATIONS, where=[Where("expires_at", "lt", now)])
            if await tx.get(REVOCATIONS, audit_id=token.audit_ids[0]) is None:
                await tx.insert(REVOCATIONS, Revocation(token.audit_ids[0], token.expires_at))

    # -- showing

    async def body(self, entry: Verified, *, catalog: bool = True) -> bytes:
        """``{"token": …}`` as it goes over the wire."""
        if not entry.body:
            entry.body = msgspec.json.encode({"token": views.token(entry.token)})[:-2]
        if not catalog or entry.token.scope == UNSCOPED:
            return entry.body + b"}}"
        return b'%b,"catalog":%b}}' % (entry.body, await self.catalog(entry.token))

    async def catalog(self, token: Token) -> bytes:
        """The catalog's JSON for a token, made once for each project and user."""
        snapshot = await self._standing.snapshot()
        key = (snapshot.epoch, token.scope.project_id, token.user.id)
        found = self._catalogs.get(key)
        if found is None:
            if len(self._catalogs) >= _MOST_CATALOGS:
                self._catalogs.clear()
            values = {"public_url": self._ground.public_url, "user_id": token.user.id}
            if token.scope.project_id is not None:
                values |= {"project_id": token.scope.project_id, "tenant_id": token.scope.project_id}
            found = self._catalogs[key] = msgspec.json.encode(views.catalog(snapshot.catalog, values))
        return found


def context(token: Token, sealed: str) -> Context:
    project, domain = token.project, token.domain
    home = domain if project is not None else None
    return Context(
        user_id=token.user.id,
        user_name=token.user.name,
        user_domain_id=token.user_domain.id,
        user_domain_name=token.user_domain.name,
        project_id=project.id if project else None,
        project_name=project.name if project else None,
        project_domain_id=home.id if home else None,
        project_domain_name=home.name if home else None,
        domain_id=domain.id if domain and project is None else None,
        domain_name=domain.name if domain and project is None else None,
        system_scope="all" if token.scope.system else None,
        roles=frozenset(role.name.lower() for role in token.roles),
        token_id=sealed,
        token_expires_at=token.expires_at,
        token=token,
    )


def _audit_id() -> str:
    return base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode()


def _instant(at_us: int) -> str:
    return instant(_BEGINNING + timedelta(microseconds=at_us))
