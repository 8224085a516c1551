"""What a signed request claims, and whether its signature bears it out."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from wolke.core.context import NOBODY, Context
from wolke.object_store.s3.faults import Fault

UNSIGNED = "UNSIGNED-PAYLOAD"
_SKEW_S = 15 * 60
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Claim:
    """``to_sign`` with the key that ``key`` makes of a secret must give ``signature``; ``other_to_sign`` will do as well.

    ``payload`` is what x-amz-content-sha256 said, if it counts. ``scope`` and ``at`` are of version 4 alone, and
    ``in_header`` says whether version 4's rules for bodies hold.
    """

    access: str
    signature: str
    to_sign: bytes
    sign: Callable[[str, bytes], str]
    other_to_sign: bytes = b""
    canonical: bytes = b""
    payload: str = ""
    in_header: bool = False
    scope: tuple[str, str, str] = ("", "", "")
    at: str = ""


@dataclass(frozen=True, slots=True)
class ChunkSigner:
    """Signs the pieces of a body that comes in chunks, each with the signature of the one before."""

    key: bytes = field(repr=False)
    at: str
    scope: str
    seed: str
    claim: Claim

    def chunk(self, previous: str, sha256: str) -> tuple[str, bytes]:
        """The signature, and what was signed."""
        return self._sign("AWS4-HMAC-SHA256-PAYLOAD", previous, EMPTY_SHA256, sha256)

    def trailer(self, previous: str, sha256: str) -> tuple[str, bytes]:
        return self._sign("AWS4-HMAC-SHA256-TRAILER", previous, sha256)

    def _sign(self, algorithm: str, *lines: str) -> tuple[str, bytes]:
        to_sign = "\n".join((algorithm, self.at, self.scope, *lines)).encode("latin-1")
        return hmac.new(self.key, to_sign, hashlib.sha256).hexdigest(), to_sign

    def check(self, signature: str, expected: tuple[str, bytes]) -> None:
        if not hmac.compare_digest(signature.encode(), expected[0].encode()):
            raise _mismatch(self.claim, signature, expected[1])


@dataclass(frozen=True, slots=True)
class Caller:
    """``ctx`` is NOBODY's where nobody signed. ``payload`` and ``chunks``: see ``Claim``; they bind the body."""

    ctx: Context = NOBODY
    access: str = ""
    payload: str = ""
    in_header: bool = False
    chunks: ChunkSigner | None = None

    @property
    def anonymous(self) -> bool:
        return not self.access


def authentic(claim: Claim, ctx: Context, secret: str) -> Caller:
    given = claim.signature.encode("utf-8", "replace")
    good = hmac.compare_digest(given, claim.sign(secret, claim.to_sign).encode())
    if not good and claim.other_to_sign:
        good = hmac.compare_digest(given, claim.sign(secret, claim.other_to_sign).encode())
    if not good:
        raise _mismatch(claim, claim.signature, claim.to_sign)
    chunks = None
    if claim.in_header and claim.payload.startswith("STREAMING-AWS4-HMAC-SHA256"):
        date, region, service = claim.scope
        scope = f"{date}/{region}/{service}/aws4_request"
        chunks = ChunkSigner(signing_key(secret, *claim.scope), claim.at, scope, claim.signature, claim)
    return Caller(ctx, claim.access, claim.payload, claim.in_header, chunks)


def _mismatch(claim: Claim, signature: str, to_sign: bytes) -> Fault:
    more: dict[str, Any] = {}
    if claim.canonical:
        more = {
            "CanonicalRequest": claim.canonical.decode("latin-1"),
            "CanonicalRequestBytes": _octets(claim.canonical),
        }
    return Fault(
        "SignatureDoesNotMatch",
        AWSAccessKeyId=claim.access,
        StringToSign=to_sign.decode("latin-1"),
        SignatureProvided=signature,
        StringToSignBytes=_octets(to_sign),
        **more,
    )


def _octets(data: bytes) -> str:
    return data[:1024].hex(" ")


@lru_cache(maxsize=4096)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Four rounds of HMAC that are the same for everything a client signs in a day."""
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def check_skew(at_s: float, now_s: float) -> None:
    if abs(now_s - at_s) > _SKEW_S:
        raise Fault("RequestTimeTooSkewed", MaxAllowedSkewMilliseconds=_SKEW_S * 1000)


def no_date() -> Fault:
    return Fault("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
