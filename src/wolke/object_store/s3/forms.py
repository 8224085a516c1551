"""POST Object: a browser's form, whose policy document says what may be in it, signed in version 4 or 2, or by nobody.

The fields come before the file and are bounded; the file is streamed. Every field must be met by a condition of the policy,
but for those that carry the signature, and those that nobody looks at (x-ignore-…).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from wolke.core.http import Response
from wolke.object_store.model import Description, Received
from wolke.object_store.s3 import access, checksums, writing, xml
from wolke.object_store.s3 import headers as meta
from wolke.object_store.s3.acl import WRITE
from wolke.object_store.s3.body import OBJECT_BYTES
from wolke.object_store.s3.call import Call, quoted
from wolke.object_store.s3.faults import Fault, argument
from wolke.object_store.s3.multipart import Form, open_form
from wolke.object_store.s3.signature import Caller, Keys
from wolke.object_store.s3.signature.claim import signing_key

_UNCONDITIONAL = frozenset({"awsaccesskeyid", "signature", "file", "policy", "x-amz-signature"})
_KEY_BYTES = 1024
_SUCCESS = {"200": 200, "201": 201, "204": 204}


def is_form(call: Call) -> bool:
    request = call.request
    kind = request.headers.get("content-type", "")
    return request.method == "POST" and bool(call.bucket) and not call.key and kind.startswith("multipart/form-data")


async def post(call: Call, keys: Keys) -> Response:
    form = await open_form(call.request)
    fields = form.fields
    if not fields.get("key"):
        raise Fault("UserKeyMustBeSpecified")
    call.key = fields["key"].replace("${filename}", form.filename)
    if len(call.key.encode()) > _KEY_BYTES:
        raise Fault("KeyTooLongError", Size=len(call.key.encode()), MaxSizeAllowed=_KEY_BYTES)
    if "\0" in call.key:
        raise argument("key", call.key)
    least, most = 0, OBJECT_BYTES
    if "policy" in fields:
        call.caller = await _signed(fields, keys, call.terms.regions)
        least, most = _judge(call, fields)
    await access.enter(call, access.Need("s3:PutObject", WRITE))
    _as_headers(call, fields)
    value = await _store(call, form, least, most)
    return _answer(call, fields, value)


async def _signed(fields: Mapping[str, str], keys: Keys, regions: tuple[str, ...]) -> Caller:
    policy = fields["policy"].encode()
    if "x-amz-signature" in fields:
        if fields.get("x-amz-algorithm") != "AWS4-HMAC-SHA256":
            raise argument("x-amz-algorithm", fields.get("x-amz-algorithm", ""))
        parts = fields.get("x-amz-credential", "").rsplit("/", 4)
        if len(parts) != 5 or parts[2] not in regions or parts[3:] != ["s3", "aws4_request"]:
            raise argument("x-amz-credential", "/".join(parts[1:]), "The credential is malformed.")
        name, signature = parts[0], fields["x-amz-signature"]
    else:
        name, signature, parts = fields.get("awsaccesskeyid", ""), fields.get("signature", ""), []
    found = await keys(name) if name else None
    if found is None:
        raise Fault("InvalidAccessKeyId", AWSAccessKeyId=name)
    ctx, secret = found
    if parts:
        expected = hmac.digest(signing_key(secret, *parts[1:4]), policy, "sha256").hex()
    else:
        expected = base64.b64encode(hmac.digest(secret.encode(), policy, "sha1")).decode()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise Fault("SignatureDoesNotMatch", AWSAccessKeyId=name, SignatureProvided=signature)
    return Caller(ctx, name)


def _document(text: str) -> dict[str, Any]:
    try:
        policy = msgspec.json.decode(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        raise Fault("InvalidPolicyDocument", "Invalid Policy: Invalid JSON.") from None
    if not isinstance(policy, dict) or not isinstance(policy.get("conditions"), list):
        raise Fault("InvalidPolicyDocument", "Invalid Policy: Policy document must contain 'conditions'.")
    return policy


def _judge(call: Call, fields: Mapping[str, str]) -> tuple[int, int]:
    """The file's bounds. Raises ``Fault`` if the form is not what the policy allows."""
    policy = _document(fields["policy"])
    try:
        until_s = datetime.fromisoformat(str(policy.get("expiration"))).timestamp()
    except ValueError:
        raise Fault("InvalidPolicyDocument", "Invalid Policy: Invalid 'expiration' value.") from None
    if call.clock.time() >= until_s:
        raise Fault("AccessDenied", "Invalid according to Policy: Policy expired.")
    values = {**fields, "bucket": call.bucket, "key": call.key}
    bounds, met = (0, OBJECT_BYTES), set(_UNCONDITIONAL)
    for condition in policy["conditions"]:
        if isinstance(condition, list) and len(condition) == 3 and condition[0] == "content-length-range":
            bounds = _bounds(condition)
        else:
            met |= _hold(condition, values)
    for name in fields:
        if name not in met and not name.startswith("x-ignore-"):
            raise Fault("AccessDenied", f"Invalid according to Policy: Extra input fields: {name}")
    return bounds


def _bounds(condition: list[Any]) -> tuple[int, int]:
    least, most = (str(one) for one in condition[1:])
    if not (least.isdecimal() and most.isdecimal()):
        raise Fault("InvalidPolicyDocument", "Invalid Policy: Invalid content-length-range.")
    return int(least), int(most)


def _hold(condition: Any, values: Mapping[str, str]) -> set[str]:
    """The names that a condition speaks of, all of which it holds for."""
    if isinstance(condition, dict):
        checks = [("eq", str(name), value) for name, value in condition.items()]
    elif isinstance(condition, list) and len(condition) == 3 and str(condition[1]).startswith("$"):
        checks = [(str(condition[0]), condition[1][1:], condition[2])]
    else:
        raise Fault("InvalidPolicyDocument", "Invalid Policy: Invalid condition.")
    for operator, name, wanted in checks:
        value, expected = values.get(name.lower(), ""), str(wanted)
        good = value == expected if operator == "eq" else operator == "starts-with" and value.startswith(expected)
        if not good:
            shown = msgspec.json.encode([operator, "$" + name, expected]).decode()
            raise Fault("AccessDenied", f"Invalid according to Policy: Policy Condition failed: {shown}")
    return {name.lower() for _, name, _ in checks}


def _as_headers(call: Call, fields: Mapping[str, str]) -> None:
    """From here on the fields are what headers are elsewhere."""
    given = {name: value.encode().decode("latin-1") for name, value in fields.items() if name not in _UNCONDITIONAL}
    if "acl" in given:
        given["x-amz-acl"] = given.pop("acl")
    if "tagging" in given:
        given["x-amz-tagging"] = _tags(given.pop("tagging"))
    call.request.headers = {
        **{name: call.headers[name] for name in ("host", "origin") if name in call.headers},
        **given,
    }


def _tags(document: str) -> str:
    try:
        root = xml.parse(document.encode("latin-1"), "Tagging")
    except xml.Malformed:
        raise Fault("MalformedXML") from None
    found = root.find("TagSet")
    return urlencode([(tag.get("Key") or "", tag.get("Value") or "") for tag in found.all("Tag")] if found else [])


async def _store(call: Call, form: Form, least: int, most: int) -> str:
    system = await writing.asked_system(call)
    kept = writing.described_headers(call, None)
    wanted = checksums.wanted(call.headers)
    digest = wanted.algorithm.new() if wanted else None

    async def data() -> AsyncIterator[bytes]:
        taken = 0
        async for chunk in form.file():
            taken += len(chunk)
            if taken > most:
                raise Fault("EntityTooLarge", ProposedSize=taken, MaxSizeAllowed=most)
            if digest is not None:
                digest.update(chunk)
            yield chunk
        if taken < least:
            raise Fault("EntityTooSmall", ProposedSize=taken, MinSizeAllowed=least)

    def describe(received: Received) -> Description:
        sums: dict[str, str] = {}
        if wanted is not None and digest is not None:
            if digest.digest() != wanted.value:
                raise checksums.mismatch(wanted.algorithm)
            sums = {wanted.algorithm.name: checksums.text(wanted.value)}
        kind = writing.content_type(call)
        return Description(content_type=kind, etag=received.md5, headers=kept, system=system | meta.sums_text(sums))

    value = await call.store.objects.put(call.there, call.key, data(), describe, limit_bytes=OBJECT_BYTES)
    return value.etag


def _answer(call: Call, fields: Mapping[str, str], etag: str) -> Response:
    place = f"{call.request.origin}/{call.bucket}/{call.key}"
    headers = {"etag": quoted(etag), "location": place}
    redirect = fields.get("success_action_redirect") or fields.get("redirect")
    if redirect:
        target = urlsplit(redirect)
        if target.scheme in ("http", "https") and target.netloc and not re.search(r"[\r\n]", redirect):
            query = [*parse_qsl(target.query), ("bucket", call.bucket), ("key", call.key), ("etag", quoted(etag))]
            headers["location"] = urlunsplit(target._replace(query=urlencode(query)))
            return Response(303, headers=headers)
    status = _SUCCESS.get(fields.get("success_action_status", ""), 204)
    if status != 201:
        return Response(status, headers=headers)
    parts: tuple[xml.Part, ...] = (
        ("Location", place),
        ("Bucket", call.bucket),
        ("Key", call.key),
        ("ETag", quoted(etag)),
    )
    return Response(
        201, xml.document("PostResponse", *parts, namespace=False), headers=headers, content_type="application/xml"
    )
