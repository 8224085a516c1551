"""What one object is protected by: its list, its retention, its legal hold."""

from __future__ import annotations

from wolke.core.http import Response
from wolke.object_store.model import Object, described
from wolke.object_store.s3 import access, acl, reading, xml
from wolke.object_store.s3.call import Call, iso, ok, version_headers
from wolke.object_store.s3.configuration import asked_grants
from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.tagging import change_system
from wolke.object_store.s3.writing import checked_hold, moment, replaced, retention_system
from wolke.object_store.service import locks


async def get_acl(call: Call) -> Response:
    found = await reading.find(call)
    shown = acl.document(access.owner_name(call, call.there), acl.of(found.object.system))
    return ok(shown, version_headers(call.there, found.object))


async def put_acl(call: Call) -> Response:
    await reading.find(call)
    grants = await asked_grants(call)
    access.refuse_public(call.there, grants)
    if grants:
        await access.open_to_others(call, call.there)
    return ok(b"", version_headers(call.there, await change_system(call, {acl.NAME: acl.text(grants)})))


def _needs_lock(call: Call) -> None:
    if not locks.locks(call.there):
        raise Fault("InvalidRequest", "Bucket is missing Object Lock Configuration")


async def get_retention(call: Call) -> Response:
    _needs_lock(call)
    found = await reading.find(call)
    mode, until_s = locks.retention(found.object.system)
    if not mode:
        raise Fault("NoSuchObjectLockConfiguration")
    return ok(xml.document("Retention", ("Mode", mode), ("RetainUntilDate", iso(until_s))))


async def put_retention(call: Call) -> Response:
    _needs_lock(call)
    found = await reading.find(call)
    root = await call.document("Retention")
    mode, until = root.get("Mode"), root.get("RetainUntilDate")
    now_s = int(call.clock.time())
    changes: dict[str, str | None] = {locks.MODE: None, locks.UNTIL: None}
    if mode is not None or until is not None:
        if mode not in (locks.GOVERNANCE, locks.COMPLIANCE) or until is None or moment(until) is None:
            raise Fault("MalformedXML")
        changes |= retention_system(mode, until, now_s)
    bypass = await _bypass(call)

    def change(value: Object) -> tuple[Object, int | None]:
        locks.check_change(value, changes[locks.MODE] or "", int(changes[locks.UNTIL] or 0), now_s, bypass=bypass)
        due = value.headers.get("x-delete-at", "")
        return described(value, system=replaced(value.system, changes)), int(due) if due.isdecimal() else None

    await call.store.objects.update(call.there, found.name, change, call.version())
    return ok()


async def _bypass(call: Call) -> bool:
    if call.headers.get("x-amz-bypass-governance-retention", "").lower() != "true":
        return False
    await access.check(call, call.there, call.owner, access.Need("s3:BypassGovernanceRetention"), call.key)
    return True


async def get_hold(call: Call) -> Response:
    _needs_lock(call)
    found = await reading.find(call)
    if locks.HOLD not in found.object.system:
        raise Fault("NoSuchObjectLockConfiguration")
    return ok(xml.document("LegalHold", ("Status", found.object.system[locks.HOLD])))


async def put_hold(call: Call) -> Response:
    _needs_lock(call)
    root = await call.document("LegalHold")
    status = root.get("Status")
    if status not in ("ON", "OFF"):
        raise Fault("MalformedXML")
    await change_system(call, {locks.HOLD: checked_hold(status)})
    return ok()
