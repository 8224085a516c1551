"""Signature version 4, in the Authorization header and in the query of a presigned URL."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from wolke.core.http import Request
from wolke.object_store.s3.faults import Fault, argument
from wolke.object_store.s3.signature.claim import UNSIGNED, Claim, check_skew, no_date, signing_key

_ALGORITHM = "AWS4-HMAC-SHA256"
_FIELD = re.compile(r"\s*([A-Za-z]+)=([^,\s]*)\s*(?:,|$)")
_ISO = re.compile(r"\d{8}T\d{6}Z")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_PLAIN = re.compile(rb"(?:[A-Za-z0-9._~\-]|%[0-9A-F]{2})*")
_WEEK_S = 7 * 24 * 3600
_NEEDED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)

PAYLOADS = frozenset({
    UNSIGNED,
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
})  # fmt: skip


def from_header(request: Request, authorization: str, regions: tuple[str, ...], now_s: float) -> Claim:
    fields = dict(_FIELD.findall(authorization.removeprefix(_ALGORITHM)))
    try:
        credential, signed, signature = fields["Credential"], fields["SignedHeaders"], fields["Signature"]
    except KeyError as missing:
        raise Fault(
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; the authorization header requires three components: Credential, "
            f"SignedHeaders, and Signature; {missing.args[0]} is missing.",
        ) from None
    payload = request.headers.get("x-amz-content-sha256", "")
    if not payload:
        raise Fault("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if payload not in PAYLOADS and not _SHA256.fullmatch(payload):
        raise argument(
            "x-amz-content-sha256",
            payload,
            f"x-amz-content-sha256 must be {', '.join(sorted(PAYLOADS, reverse=True))}, or a valid sha256 value.",
        )
    at, at_s = _header_time(request)
    scope, access = _scope(credential, at, regions, in_header=True)
    check_skew(at_s, now_s)
    return _claim(request, access, scope, at, signed, signature, payload, payload, in_header=True)


def _header_time(request: Request) -> tuple[str, float]:
    text = request.headers.get("x-amz-date") or request.headers.get("date") or ""
    if _ISO.fullmatch(text):
        return text, _seconds(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        raise no_date() from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"), moment.timestamp()


@lru_cache(maxsize=64)
def _seconds(text: str) -> float:
    try:
        return datetime(
            int(text[:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[9:11]),
            int(text[11:13]),
            int(text[13:15]),
            tzinfo=UTC,
        ).timestamp()
    except ValueError:
        raise no_date() from None


def _scope(credential: str, at: str, regions: tuple[str, ...], *, in_header: bool) -> tuple[tuple[str, str, str], str]:
    """``((date, region, service), access key)``. A wrong region is named with the right one, and clients try again there."""
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not parts[0]:
        raise _bad_scope(
            'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".', in_header
        )
    access, date, region, service, _ = parts
    if date != at[:8]:
        raise _bad_scope(
            f"invalid credential date {date}. This date is not the same as X-Amz-Date: {at[:8]}.", in_header
        )
    if service != "s3":
        raise _bad_scope(f"incorrect service {service}. This endpoint belongs to s3.", in_header)
    if region not in regions:
        raise _bad_scope(f"the region '{region}' is wrong; expecting '{regions[0]}'", in_header, regions[0])
    return (date, region, service), access


def _bad_scope(why: str, in_header: bool, region: str | None = None) -> Fault:
    if in_header:
        return Fault("AuthorizationHeaderMalformed", f"The authorization header is malformed; {why}", Region=region)
    return Fault(
        "AuthorizationQueryParametersError", f"Error parsing the X-Amz-Credential parameter; {why}", Region=region
    )


def from_query(request: Request, regions: tuple[str, ...], now_s: float) -> Claim:
    query = request.query
    values = {name: query.get(name) or "" for name in _NEEDED}
    if not all(values.values()):
        raise _bad_query(f"Query-string authentication version 4 requires the {', '.join(_NEEDED)} parameters.")
    if values["X-Amz-Algorithm"] != _ALGORITHM:
        raise _bad_query(f'X-Amz-Algorithm only supports "{_ALGORITHM}"')
    at = values["X-Amz-Date"]
    if not _ISO.fullmatch(at):
        raise _bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    at_s, lasts_s = _seconds(at), _expiry(values["X-Amz-Expires"])
    scope, access = _scope(values["X-Amz-Credential"], at, regions, in_header=False)
    if at_s > now_s + 15 * 60:
        raise Fault("AccessDenied", "Request is not valid yet", X_Amz_Date=at)
    if now_s > at_s + lasts_s:
        raise Fault("AccessDenied", "Request has expired", X_Amz_Expires=lasts_s)
    payload = request.headers.get("x-amz-content-sha256") or query.get("X-Amz-Content-Sha256") or ""
    signed, signature = values["X-Amz-SignedHeaders"], values["X-Amz-Signature"]
    return _claim(request, access, scope, at, signed, signature, payload, payload or UNSIGNED, in_header=False)


def _expiry(text: str) -> int:
    sign, digits = text[:1] == "-", text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19 or int(digits) >= 1 << 63:
        raise _bad_query("X-Amz-Expires should be a number")
    if sign and int(digits):
        raise _bad_query("X-Amz-Expires must be non-negative")
    if int(digits) > _WEEK_S:
        raise _bad_query(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            "604800 seconds"
        )
    return int(digits)


def _bad_query(message: str) -> Fault:
    return Fault("AuthorizationQueryParametersError", message)


def _claim(
    request: Request,
    access: str,
    scope: tuple[str, str, str],
    at: str,
    signed: str,
    signature: str,
    payload: str,
    hashed: str,
    *,
    in_header: bool,
) -> Claim:
    names = signed.split(";")
    headers = _signed_headers(request, names)
    path: bytes = request.scope.get("raw_path") or quote(request.path).encode()
    query = _canonical_query(request.scope["query_string"], drop_signature=not in_header)
    rest = b"\n".join((query, *headers, b"", signed.encode("latin-1"), hashed.encode("latin-1")))
    method = request.method.encode()
    canonical = b"\n".join((method, path, rest))
    head = f"{_ALGORITHM}\n{at}\n{'/'.join(scope)}/aws4_request\n".encode()
    encoded = quote(unquote_to_bytes(path), safe="/-_.~").encode()
    other = b""
    if encoded != path:
        other = head + hashlib.sha256(b"\n".join((method, encoded, rest))).hexdigest().encode()

    def sign(secret: str, data: bytes) -> str:
        return hmac.digest(signing_key(secret, *scope), data, "sha256").hex()

    to_sign = head + hashlib.sha256(canonical).hexdigest().encode()
    return Claim(access, signature, to_sign, sign, other, canonical, payload, in_header, scope, at)


def _signed_headers(request: Request, names: Iterable[str]) -> list[bytes]:
    """``name:value`` of each. A header of S3's own that is not signed could have been put there by anybody on the way."""
    headers, wanted = request.headers, set(names)
    if "host" not in wanted:
        raise Fault(
            "AccessDenied", "There were headers present in the request which were not signed", HeadersNotSigned="host"
        )
    loose = [name for name in headers if name.startswith("x-amz-") and name not in wanted]
    if loose:
        raise Fault(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(sorted(loose)),
        )
    if len(headers) != len(request.scope["headers"]):
        headers = _joined(request)
    return [f"{name}:{' '.join(headers.get(name, '').split())}".encode("latin-1") for name in names]


def _joined(request: Request) -> dict[str, str]:
    """Headers that came more than once, as they are signed: with nothing but a comma between."""
    found: dict[str, str] = {}
    for name, value in request.scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _canonical_query(raw: bytes, *, drop_signature: bool) -> bytes:
    if not raw:
        return b""
    pairs = []
    for pair in raw.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name and not (drop_signature and name == b"X-Amz-Signature"):
            pairs.append((_encoded(name), _encoded(value)))
    return b"&".join(name + b"=" + value for name, value in sorted(pairs))


def _encoded(text: bytes) -> bytes:
    return text if _PLAIN.fullmatch(text) else quote(unquote_to_bytes(text), safe="-_.~").encode()
