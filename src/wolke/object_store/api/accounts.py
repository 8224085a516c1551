"""``/v1/account``: what it holds. Every account that one may see is there, if only with nothing in it."""

from __future__ import annotations

from wolke.core.errors import BadRequest, Forbidden
from wolke.core.http import Response
from wolke.object_store.api import answers, etags, formats, lists, metadata
from wolke.object_store.api.call import Call
from wolke.object_store.api.gate import DOMAIN, Gate
from wolke.object_store.errors import AccountNotFound
from wolke.object_store.model import Account, Stat, stamp_text
from wolke.object_store.policy import ACCOUNT_ACL, clean_account_acl
from wolke.object_store.service.accounts import total
from wolke.object_store.service.quotas import BYTES, quota_names

_OLD_QUOTA = "x-account-meta-quota-bytes"  # as it is still written, and shown


async def get(gate: Gate, call: Call) -> Response:
    verdict = await gate.account(call)
    media = formats.wanted(call)
    wish = lists.wish(call)
    headers = await _headers(gate, call, owner=verdict.owner)
    found = await gate.store.accounts.containers(call.account, wish)
    return lists.answer(media, lists.containers(media, call.account, found), headers)


async def head(gate: Gate, call: Call) -> Response:
    verdict = await gate.account(call)
    media = formats.wanted(call)
    headers = await _headers(gate, call, owner=verdict.owner)
    return lists.head(media, headers)


async def _headers(gate: Gate, call: Call, *, owner: bool) -> dict[str, str]:
    stats = await gate.store.accounts.stats(call.account)
    try:
        account = await gate.store.accounts.get(call.account)
    except AccountNotFound:
        account = Account(call.account, 0, 0)
    whole = total(stats.values())
    shown = metadata.visible(account.headers, owner=owner)
    shown |= _figures("X-Account-", whole, containers=True)
    if quota := shown.get(BYTES):
        shown[_OLD_QUOTA] = quota
    shown |= {"X-Timestamp": stamp_text(account.created), "Accept-Ranges": "bytes"}
    if owner and (domain := account.system.get(DOMAIN)):
        shown["X-Account-Project-Domain-Id"] = domain
    for policy, stat in stats.items():
        shown |= _figures(f"X-Account-Storage-Policy-{policy}-", stat, containers=True)
    return shown


def _figures(prefix: str, stat: Stat, *, containers: bool) -> dict[str, str]:
    return {
        f"{prefix}Container-Count": str(stat.containers),
        f"{prefix}Object-Count": str(stat.objects),
        f"{prefix}Bytes-Used": str(stat.octets),
    }


async def post(gate: Gate, call: Call) -> Response:
    await gate.account(call)
    names = [name for policy in ("", *gate.store.ground.engines) for name in quota_names(policy)]
    changes = metadata.changes(call.headers, "account", (*names, etags.ACCOUNT_HEADER, ACCOUNT_ACL))
    if acl := changes.get(ACCOUNT_ACL):
        changes[ACCOUNT_ACL] = clean_account_acl(acl) or None
    if _OLD_QUOTA in changes:
        changes[BYTES] = changes.pop(_OLD_QUOTA)
    for name in names:
        if name in changes:
            _check_quota(gate, call, changes[name])
    await gate.ensure_account(call)
    await gate.store.accounts.update(call.account, changes)
    return answers.done(204)


def _check_quota(gate: Gate, call: Call, value: str | None) -> None:
    if not (gate.policy.is_reseller(call.ctx) or call.inner):
        raise Forbidden
    if value is not None and not (value.isascii() and value.isdigit()):
        raise BadRequest("Invalid quota.")


async def put(gate: Gate, call: Call) -> Response:
    """Accounts make themselves; only a reseller's administrator may ask for one."""
    await gate.account(call)
    if not gate.policy.is_reseller(call.ctx):
        return answers.page(405, {"Allow": "DELETE, GET, HEAD, OPTIONS, POST"})
    await post(gate, call)
    return answers.done(201)


async def delete(gate: Gate, call: Call) -> Response:
    """For a reseller's administrator, once it is empty."""
    await gate.account(call)
    if not gate.policy.is_reseller(call.ctx):
        raise Forbidden
    await gate.store.accounts.delete(call.account)
    return answers.done(204)
