"""How people appear in S3's XML, and who is meant by an ID there.

An account belongs to a project. Its members see themselves as ``project:user``, as Swift's S3 does; everybody else is shown by
project id. Names may be used to grant, too, but only for callers of the default domain, where alone they are unique.
"""

from __future__ import annotations

from wolke.core.context import Context
from wolke.object_store.s3 import xml
from wolke.object_store.s3.call import ACCOUNT_PREFIX, Call

_DEFAULT_DOMAIN = "default"


def me(ctx: Context) -> str:
    if ctx.project_name and ctx.user_name:
        return f"{ctx.project_name}:{ctx.user_name}"
    return ctx.project_id or ctx.user_id or ""


def of_account(call: Call, account: str) -> str:
    if account == call.account and not call.caller.anonymous:
        return me(call.ctx)
    return account.removeprefix(ACCOUNT_PREFIX)


def element(name: str, shown: str) -> str:
    return xml.element(name, ("ID", shown), ("DisplayName", shown))


def identities(ctx: Context) -> frozenset[str]:
    """All the IDs that mean this caller."""
    if not ctx.project_id:
        return frozenset()
    found = {ctx.project_id, f"{ctx.project_id}:{ctx.user_id}"}
    if ctx.project_domain_id == _DEFAULT_DOMAIN and ctx.user_domain_id == _DEFAULT_DOMAIN:
        found |= {f"{ctx.project_name}:{ctx.user_name}"}
    return frozenset(found)
