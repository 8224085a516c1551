"""Before a handler does anything: may the caller, and is the container there? In this order for those who may not."""

from __future__ import annotations

from wolke.core.errors import Forbidden, Unauthorized
from wolke.object_store.api.call import Call
from wolke.object_store.errors import AccountNotFound, ContainerNotFound
from wolke.object_store.model import Container
from wolke.object_store.policy import ACCOUNT_ACL, DEFAULT_DOMAIN, Policy, Verdict, account_verdict
from wolke.object_store.service import ObjectStore

READ = "x-container-read"
WRITE = "x-container-write"
DOMAIN = "domain"  # of an account's project, among what the store keeps for itself
_GRANTED = Verdict(True)
_UNKNOWN = "?"


class Gate:
    def __init__(self, store: ObjectStore, policy: Policy) -> None:
        self.store = store
        self.policy = policy

    async def account(self, call: Call) -> Verdict:
        """Who runs this account or is on its own access list. Raises ``Unauthorized`` or ``Forbidden``, as everything here does."""
        if (free := self._granted(call)) is not None:
            return free
        verdict = self.policy.verdict(call.ctx, call.method, call.account, is_account=not call.container)
        return verdict if verdict.allowed else await self._listed(call)

    async def container(self, call: Call, access: str) -> tuple[Container, Verdict]:
        """``access``: ``READ`` or ``WRITE``, the list that may let others in. Raises ``ContainerNotFound`` for who may know."""
        try:
            container = await self.store.containers.get(call.account, call.container)
        except ContainerNotFound:
            await self.account(call)
            raise
        if (free := self._granted(call)) is not None:
            return container, free
        acl = container.headers.get(access, "")
        verdict = self.policy.verdict(
            call.ctx,
            call.method,
            call.account,
            acl=acl,
            referrer=call.headers.get("referer", ""),
            is_object=bool(call.name),
            names_allowed=not acl or await self._in_default_domain(call),
        )
        return container, verdict if verdict.allowed else await self._listed(call)

    async def _listed(self, call: Call) -> Verdict:
        """What the account's own access list gives to whom nothing else lets in."""
        if call.ctx.user_id is not None and (acl := await self.store.accounts.header(call.account, ACCOUNT_ACL)):
            names_allowed = await self._in_default_domain(call)
            verdict = account_verdict(acl, call.ctx, call.method, bool(call.container), names_allowed=names_allowed)
            if verdict.allowed:
                return verdict
        raise denied(call)

    def _granted(self, call: Call) -> Verdict | None:
        return _GRANTED if call.inner or (call.granted is not None and call.granted(call)) else None

    async def _in_default_domain(self, call: Call) -> bool:
        if call.ctx.user_id is None or call.account.endswith(call.ctx.project_id or "/"):
            return True
        try:
            account = await self.store.accounts.get(call.account)
        except AccountNotFound:
            return False
        return account.system.get(DOMAIN, DEFAULT_DOMAIN) == DEFAULT_DOMAIN

    async def ensure_account(self, call: Call) -> None:
        """An account is there once its owner writes to it; its project's domain is kept for the names in access lists."""
        ctx = call.ctx
        ours = ctx.project_id is not None and call.account.endswith(ctx.project_id)
        domain = (ctx.project_domain_id if ours else None) or _UNKNOWN
        try:
            known = (await self.store.accounts.get(call.account)).system.get(DOMAIN, _UNKNOWN)
        except AccountNotFound:
            known = None
        if known is None or (known == _UNKNOWN and known != domain):
            await self.store.accounts.update(call.account, {}, {DOMAIN: domain})


def denied(call: Call) -> Exception:
    return Unauthorized() if call.ctx.user_id is None else Forbidden()
