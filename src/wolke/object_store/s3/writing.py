"""PutObject, and what every way of making an object has in common: its list, its lock, its description."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from wolke.core.http import Response
from wolke.object_store.model import Description, Object, Received
from wolke.object_store.s3 import access, acl, checksums, conditions, copying
from wolke.object_store.s3 import headers as meta
from wolke.object_store.s3.body import OBJECT_BYTES, Incoming
from wolke.object_store.s3.call import Call, ok, quoted, version_headers
from wolke.object_store.s3.faults import Fault, argument
from wolke.object_store.service import locks


async def put_object(call: Call) -> Response:
    if "x-amz-copy-source" in call.headers:
        return await copying.copy_object(call)
    check = conditions.of_write(call.headers)
    incoming = Incoming(call.request, call.caller)
    system = await asked_system(call)
    due_s = meta.delete_at(call)
    kept = described_headers(call, due_s, streamed=incoming.streaming)
    sums: dict[str, str] = {}

    def describe(received: Received) -> Description:
        sums.update(incoming.check(received))
        return Description(
            content_type=content_type(call),
            etag=received.md5,
            headers=kept,
            system=system | meta.sums_text(sums),
            due_s=due_s,
        )

    value = await call.store.objects.put(
        call.there,
        call.key,
        await incoming.data(),
        describe,
        size=incoming.size,
        check=check,
        limit_bytes=OBJECT_BYTES,
    )
    return ok(b"", written(call, value))


def written(call: Call, value: Object) -> dict[str, str]:
    """Headers of an answer to a write."""
    found = {"etag": quoted(value.etag), **version_headers(call.there, value)}
    one = meta.sum_of(value)
    if one is not None:
        found[checksums.PREFIX + one[0].lower()] = one[1]
        found["x-amz-checksum-type"] = one[2]
    return found


def content_type(call: Call) -> str:
    return meta.text(call.headers.get("content-type", "")) or meta.DEFAULT_TYPE


def described_headers(call: Call, due_s: int | None, *, streamed: bool = False) -> dict[str, str]:
    kept = meta.kept(call.headers, streamed=streamed)
    if due_s is not None:
        kept["x-delete-at"] = str(due_s)
    return kept


async def asked_system(call: Call) -> dict[str, str]:
    """What the request's headers ask for beside metadata: class, tags, list, lock."""
    return meta.system(call) | await list_of(call) | lock_of(call)


async def list_of(call: Call) -> dict[str, str]:
    grants = acl.from_headers(call.headers)
    if not grants:
        return {}
    container = call.there
    if not call.owner:
        await access.check(call, container, call.owner, access.Need("s3:PutObjectAcl", acl.WRITE_ACP), call.key)
    access.refuse_public(container, grants)
    await access.open_to_others(call, container)
    return {acl.NAME: acl.text(grants) or ""}


def lock_of(call: Call) -> dict[str, str]:
    headers = call.headers
    mode, until = headers.get("x-amz-object-lock-mode"), headers.get("x-amz-object-lock-retain-until-date")
    hold = headers.get("x-amz-object-lock-legal-hold")
    if mode is None and until is None and hold is None:
        return {}
    if not locks.locks(call.there):
        raise Fault("InvalidRequest", "Bucket is missing Object Lock Configuration")
    found: dict[str, str] = {}
    if (mode is None) != (until is None):
        raise argument(
            "x-amz-object-lock-mode",
            mode or "",
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
        )
    if mode is not None and until is not None:
        found |= retention_system(mode, until, int(call.clock.time()))
    if hold is not None:
        found[locks.HOLD] = checked_hold(hold)
    return found


def retention_system(mode: str, until: str, now_s: int) -> dict[str, str]:
    if mode not in (locks.GOVERNANCE, locks.COMPLIANCE):
        raise argument("x-amz-object-lock-mode", mode, "Unknown wormMode directive.")
    until_s = moment(until)
    if until_s is None:
        raise argument("x-amz-object-lock-retain-until-date", until)
    if until_s <= now_s:
        raise argument("x-amz-object-lock-retain-until-date", until, "The retain until date must be in the future!")
    return {locks.MODE: mode, locks.UNTIL: str(until_s)}


def moment(text: str) -> int | None:
    """Unix time of an ISO 8601 date."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(parsed.timestamp()) if parsed.tzinfo else None


def checked_hold(status: str) -> str:
    if status not in ("ON", "OFF"):
        raise argument("x-amz-object-lock-legal-hold", status, "Legal Hold must be either of 'ON' or 'OFF'")
    return status


def replaced(system: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**system, **changes}.items() if value is not None}
