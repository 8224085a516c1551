"""A bucket's sub-resources: what of them this store keeps, and S3's default answer for what it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wolke.core.http import Response
from wolke.object_store.model import ENABLED, SUSPENDED
from wolke.object_store.s3 import access, acl, bucket_policy, xml
from wolke.object_store.s3.call import Call, nothing, ok
from wolke.object_store.s3.faults import Fault
from wolke.object_store.service import locks

Handler = Callable[[Call], Awaitable[Response]]


# -- versioning


async def get_versioning(call: Call) -> Response:
    state = {ENABLED: "Enabled", SUSPENDED: "Suspended"}.get(call.there.versioning)
    return ok(xml.document("VersioningConfiguration", xml.optional("Status", state)))


async def put_versioning(call: Call) -> Response:
    root = await call.document("VersioningConfiguration")
    state = {"Enabled": ENABLED, "Suspended": SUSPENDED}.get(root.get("Status") or "")
    if state is None:
        raise Fault("MalformedXML")
    if root.get("MfaDelete") == "Enabled":
        raise Fault("NotImplemented")
    if state == SUSPENDED and locks.locks(call.there):
        raise Fault(
            "InvalidBucketState",
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
        )
    await call.keep({"versioning": state})
    return ok()


# -- lists and policies


async def get_acl(call: Call) -> Response:
    return ok(acl.document(access.owner_name(call, call.there), acl.of(call.there.system)))


async def put_acl(call: Call) -> Response:
    grants = await asked_grants(call)
    access.refuse_public(call.there, grants)
    if grants:
        await access.open_to_others(call, call.there)
    await call.keep({acl.NAME: acl.text(grants)})
    return ok()


async def asked_grants(call: Call) -> acl.Grants:
    """From the headers, else from the body, which must not come with them."""
    grants = acl.from_headers(call.headers)
    if grants is not None:
        if call.headers.get("content-length", "0") != "0":
            raise Fault("UnexpectedContent")
        return grants
    data = await call.text()
    if not data.strip():
        raise Fault("MissingRequestBodyError")
    try:
        root = xml.parse(data, "AccessControlPolicy")
    except xml.Malformed:
        raise Fault("MalformedACLError") from None
    return acl.from_xml(root, access.owner_ids(call, call.there))


async def get_policy(call: Call) -> Response:
    text = call.there.system.get(bucket_policy.NAME)
    if text is None:
        raise Fault("NoSuchBucketPolicy", BucketName=call.bucket)
    return Response(200, text.encode(), content_type="application/json")


async def put_policy(call: Call) -> Response:
    data = await call.text(bucket_policy.LIMIT_BYTES)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Fault("MalformedPolicy") from None
    policy = bucket_policy.compile_policy(text, call.bucket)
    access.refuse_public_policy(call.there, policy)
    if any(one.allow for one in policy.statements):
        await access.open_to_others(call, call.there)
    await call.keep({bucket_policy.NAME: text})
    return nothing()


async def get_policy_status(call: Call) -> Response:
    policy = bucket_policy.of(call.there.system, call.bucket)
    if policy is None:
        raise Fault("NoSuchBucketPolicy", BucketName=call.bucket)
    return ok(xml.document("PolicyStatus", ("IsPublic", xml.boolean(policy.is_public))))


async def get_public_access(call: Call) -> Response:
    kept = call.there.system.get(access.BLOCK)
    if kept is None:
        raise Fault("NoSuchPublicAccessBlockConfiguration", BucketName=call.bucket)
    flags = set(kept.split())
    parts: list[xml.Part] = [(flag, xml.boolean(flag in flags)) for flag in access.BLOCK_FLAGS]
    return ok(xml.document("PublicAccessBlockConfiguration", *parts))


async def put_public_access(call: Call) -> Response:
    root = await call.document("PublicAccessBlockConfiguration")
    if not root.names() <= set(access.BLOCK_FLAGS):
        raise Fault("MalformedXML")
    flags = [flag for flag in access.BLOCK_FLAGS if (root.get(flag) or "").lower() == "true"]
    await call.keep({access.BLOCK: " ".join(flags) or "none"})
    return ok()


# -- locks


async def get_lock(call: Call) -> Response:
    if not locks.locks(call.there):
        raise Fault("ObjectLockConfigurationNotFoundError", BucketName=call.bucket)
    terms = locks.default_terms(call.there)
    rule = ""
    if terms.mode:
        retention = xml.element("DefaultRetention", ("Mode", terms.mode), ("Days", str(terms.seconds // 86_400)))
        rule = xml.element("Rule", retention)
    return ok(xml.document("ObjectLockConfiguration", ("ObjectLockEnabled", "Enabled"), rule))


async def put_lock(call: Call) -> Response:
    root = await call.document("ObjectLockConfiguration")
    if not root.children:
        raise Fault("NotImplemented")  # it asks for nothing that S3 documents
    if root.get("ObjectLockEnabled") != "Enabled":
        raise Fault("MalformedXML")
    if call.there.versioning != ENABLED:
        raise Fault(
            "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        )
    terms = locks.Terms()
    if (rule := root.find("Rule")) is not None:
        terms = _terms(rule.find("DefaultRetention"))
    await call.keep({locks.LOCK: locks.lock_text(terms)})
    return ok()


def _terms(node: xml.Node | None) -> locks.Terms:
    if node is None or node.get("Mode") not in (locks.GOVERNANCE, locks.COMPLIANCE):
        raise Fault("MalformedXML")
    days, years = node.get("Days"), node.get("Years")
    if (days is None) == (years is None):
        raise Fault("MalformedXML")
    text = days if days is not None else years or ""
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Fault("MalformedXML")
    most = 36_500 if days is not None else 100
    if not 1 <= int(text) <= most:
        raise Fault("InvalidRetentionPeriod", "Default retention period must be a positive integer value.")
    seconds = locks.days(int(text)) if days is not None else locks.days(0, int(text))
    return locks.Terms(node.get("Mode") or "", seconds)


# -- ownership, and what is only kept


_OWNERSHIP = "s3:ownershipControls"


async def get_ownership(call: Call) -> Response:
    kept = call.there.system.get(_OWNERSHIP)
    if kept is None:
        raise Fault("OwnershipControlsNotFoundError", BucketName=call.bucket)
    return ok(f'<?xml version="1.0" encoding="UTF-8"?>\n{kept}'.encode())


async def put_ownership(call: Call) -> Response:
    root = await call.document("OwnershipControls")
    wanted = root.get("Rule/ObjectOwnership")
    if wanted not in ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter") or len(root.children) != 1:
        raise Fault("MalformedXML")
    await call.keep({_OWNERSHIP: xml.tree(root)})
    return ok()


def forget(*names: str) -> Handler:
    async def delete(call: Call) -> Response:
        await call.keep(dict.fromkeys(names))
        return nothing()

    return delete


def answers(root: str, *parts: xml.Part) -> Handler:
    """S3's answer for a bucket where this was never set."""

    async def get(call: Call) -> Response:
        return ok(xml.document(root, *parts))

    return get


def lacks(code: str) -> Handler:
    async def get(call: Call) -> Response:
        raise Fault(code, BucketName=call.bucket)

    return get


def takes_only(root: str, *parts: tuple[str, str]) -> Handler:
    """The default may be set; anything else is not done here."""

    async def put(call: Call) -> Response:
        node = await call.document(root)
        if {(child.name, child.text.strip()) for child in node.children} - set(parts):
            raise Fault("NotImplemented")
        return ok()

    return put


async def done(call: Call) -> Response:
    """There is nothing to delete."""
    return nothing()
