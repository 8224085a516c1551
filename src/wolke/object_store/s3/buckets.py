"""Buckets: listed, made, looked at, deleted."""

from __future__ import annotations

import ipaddress
import re

from wolke.core.http import Response
from wolke.object_store.errors import ContainerNotEmpty, ContainerNotFound
from wolke.object_store.model import ENABLED, Container, ContainerListed, Wish
from wolke.object_store.s3 import access, acl, owners, xml
from wolke.object_store.s3.call import Call, nothing, ok, xml_time
from wolke.object_store.s3.faults import Fault, argument
from wolke.object_store.service import locks

_NEW = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")
_ANY = re.compile(r"[A-Za-z0-9._\-]{1,255}")
_PAGE = 10_000
_BODY_BYTES = 64 << 10
_OWNERSHIPS = frozenset({"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"})


def check_name(name: str) -> None:
    """Containers made through Swift may have names that no bucket gets; those that a URL can hold are buckets all the same."""
    if not _ANY.fullmatch(name):
        raise Fault("InvalidBucketName", BucketName=name)


def _check_new_name(name: str) -> None:
    good = _NEW.fullmatch(name) and ".." not in name and not name.startswith("xn--") and not name.endswith("-s3alias")
    try:
        ipaddress.IPv4Address(name)
        good = None
    except ValueError:
        pass
    if not good:
        raise Fault("InvalidBucketName", BucketName=name)


async def list_buckets(call: Call) -> Response:
    if not call.operates:
        raise Fault("AccessDenied")
    limit = call.number("max-buckets", _PAGE, _PAGE)
    prefix, token = call.query("prefix") or "", call.query("continuation-token") or ""
    found = await call.store.accounts.containers(call.account, Wish(limit=limit + 1, prefix=prefix, marker=token))
    rows = [
        xml.element("Bucket", ("Name", one.name), ("CreationDate", xml_time(one.created)))
        for one in found[:limit]
        if isinstance(one, ContainerListed)
    ]
    parts = [owners.element("Owner", owners.me(call.ctx)), xml.element("Buckets", *rows)]
    if len(found) > limit > 0:
        parts.append(xml.leaf("ContinuationToken", found[limit - 1].name))
    return ok(xml.document("ListAllMyBucketsResult", *parts))


async def create(call: Call) -> Response:
    _check_new_name(call.bucket)
    if not call.operates:
        raise Fault("AccessDenied")
    await _check_location(call)
    grants = acl.from_headers(call.headers) or ()
    system: dict[str, str] = {}
    if call.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
        system = {locks.LOCK: locks.lock_text(locks.Terms()), "versioning": ENABLED}
    ownership = call.headers.get("x-amz-object-ownership")
    if ownership is not None:
        if ownership not in _OWNERSHIPS:
            raise argument("x-amz-object-ownership", ownership)
        system["s3:ownershipControls"] = xml.element(
            "OwnershipControls", xml.element("Rule", ("ObjectOwnership", ownership))
        )
    if text := acl.text(grants):
        system[acl.NAME] = text
    if await call.store.containers.exists(call.account, call.bucket):
        raise Fault("BucketAlreadyOwnedByYou", BucketName=call.bucket)
    await call.store.accounts.ensure(call.account)
    made, new = await call.store.containers.create(call.account, call.bucket, {}, system)
    if not new:
        raise Fault("BucketAlreadyOwnedByYou", BucketName=call.bucket)
    if grants:
        await _open(call, made)
    return ok(b"", {"location": f"/{call.bucket}"})


async def _open(call: Call, made: Container) -> None:
    try:
        await access.open_to_others(call, made)
    except Fault:
        await call.store.containers.delete(made)
        raise


async def _check_location(call: Call) -> None:
    if call.headers.get("content-length", "0") == "0" and "transfer-encoding" not in call.headers:
        return
    data = await call.text(_BODY_BYTES)
    if not data.strip():
        return
    try:
        root = xml.parse(data, "CreateBucketConfiguration")
    except xml.Malformed:
        raise Fault("MalformedXML") from None
    location = root.get("LocationConstraint")
    if location is not None and location not in call.terms.regions:
        raise Fault("InvalidLocationConstraint", LocationConstraint=location)


async def head(call: Call) -> Response:
    return Response(200, headers={"x-amz-bucket-region": call.terms.regions[0]}, content_type="application/xml")


async def delete(call: Call) -> Response:
    container = call.there
    try:
        await call.store.containers.delete(container)
    except ContainerNotEmpty:
        why = " You must delete all versions in the bucket." if container.versioning else ""
        raise Fault(
            "BucketNotEmpty", f"The bucket you tried to delete is not empty.{why}", BucketName=call.bucket
        ) from None
    except ContainerNotFound:
        raise Fault("NoSuchBucket", BucketName=call.bucket) from None
    await call.store.names.release(container.name, container.account)
    return nothing()


async def location(call: Call) -> Response:
    """us-east-1 is shown as nothing, as it always was."""
    region = call.terms.regions[0]
    return ok(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="{xml.NAMESPACE}">'
        f"{'' if region == 'us-east-1' else xml.escape(region)}</LocationConstraint>".encode()
    )
