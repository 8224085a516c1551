"""One S3 request while it is answered: who asks, for which bucket and key, and the few things every handler says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.http import Request, Response
from wolke.object_store.model import MANIFEST, TICKS_PER_S, Container, Object, parse_stamp, version_text
from wolke.object_store.policy import Policy
from wolke.object_store.s3 import xml
from wolke.object_store.s3.body import document
from wolke.object_store.s3.faults import Fault, argument
from wolke.object_store.s3.signature import Caller

if TYPE_CHECKING:
    from wolke.object_store.api.call import Handler
    from wolke.object_store.service import ObjectStore

ACCOUNT_PREFIX = "AUTH_"
MANIFEST_HEADER = "x-object-manifest"  # on what Swift joins when it is read
_DOCUMENT_BYTES = 256 << 10
_STORED_BYTES = 40 << 10  # of a bucket's configuration, each
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the door was opened with. ``regions``: its own first, then those it answers to as well. ``domains``: hosts whose
    subdomains are buckets. ``operators``: roles in a project that own its account."""

    regions: tuple[str, ...] = ("RegionOne", "us-east-1")
    domains: tuple[str, ...] = ()
    operators: frozenset[str] = frozenset({"admin", "member"})
    least_part_bytes: int = 5 << 20


class Call:
    """``container`` is there once the bucket was found; ``owner``: the caller owns the account that it is in. ``swift``: the
    other door's pipeline, for objects that only it can read."""

    __slots__ = (
        "bucket",
        "caller",
        "container",
        "key",
        "owner",
        "policy",
        "request",
        "request_id",
        "store",
        "swift",
        "terms",
    )

    def __init__(
        self,
        request: Request,
        store: ObjectStore,
        terms: Terms,
        policy: Policy,
        request_id: str,
        swift: Handler | None = None,
    ) -> None:
        self.policy = policy
        self.request = request
        self.store = store
        self.terms = terms
        self.request_id = request_id
        self.caller = Caller()
        self.bucket = ""
        self.key = ""
        self.swift = swift
        self.container: Container | None = None
        self.owner = False

    @property
    def ctx(self) -> Context:
        return self.caller.ctx

    @property
    def account(self) -> str:
        """The caller's own."""
        return ACCOUNT_PREFIX + (self.ctx.project_id or "")

    @property
    def operates(self) -> bool:
        """Whether the caller's roles make them an owner of their project's account."""
        return bool(self.ctx.project_id) and not self.terms.operators.isdisjoint(self.ctx.roles)

    @property
    def clock(self) -> Clock:
        return self.store.clock

    @property
    def headers(self) -> dict[str, str]:
        return self.request.headers

    @property
    def there(self) -> Container:
        assert self.container is not None
        return self.container

    def query(self, name: str) -> str | None:
        return self.request.query.get(name)

    def number(self, name: str, default: int, most: int) -> int:
        text = self.query(name)
        if text is None or text == "":
            return default
        if not _NUMBER.fullmatch(text):
            wrong = text.lstrip("-").isdigit()
            raise argument(name, text, f"Argument {name} must be an integer between 0 and 2147483647" if wrong else
                           f"Provided {name} not an integer or within integer range")  # fmt: skip
        return min(int(text), most)

    def version(self) -> int | None:
        """The version that ``versionId`` names: 0 is ``null``."""
        text = self.query("versionId")
        return None if text is None else version_number(text)

    async def document(self, root: str, *, digest: bool = False, limit_bytes: int = _DOCUMENT_BYTES) -> xml.Node:
        """The body, as XML with that root."""
        data = await document(self.request, self.caller, limit_bytes, digest=digest)
        if not data.strip():
            raise Fault("MissingRequestBodyError")
        try:
            return xml.parse(data, root)
        except xml.Malformed:
            raise Fault("MalformedXML") from None

    async def text(self, limit_bytes: int = _DOCUMENT_BYTES) -> bytes:
        return await document(self.request, self.caller, limit_bytes)

    async def keep(self, changes: Mapping[str, str | None]) -> None:
        """Some of the bucket's configuration, by name in ``system``."""
        if any(len(value) > _STORED_BYTES for value in changes.values() if value is not None):
            raise Fault("MaxMessageLengthExceeded", MaxMessageLengthBytes=_STORED_BYTES)
        self.container = await self.store.containers.update(self.there, {}, changes)


def version_number(text: str) -> int:
    if text == "null":
        return 0
    number = parse_stamp(text)
    if not number:
        raise argument("versionId", text, "Invalid version id specified")
    return number


def ok(body: bytes = b"", headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    kind = "application/xml" if body else "text/html; charset=UTF-8"
    return Response(status, body, headers=headers, content_type=kind)


def nothing(headers: Mapping[str, str] | None = None) -> Response:
    return Response(204, headers=headers)


def seconds(stamp: int) -> int:
    """S3 and Swift show a last change in whole seconds; rounded up, so that nothing is older than it says."""
    return -(-stamp // TICKS_PER_S)


def xml_time(stamp: int) -> str:
    return iso(seconds(stamp))


@lru_cache(maxsize=4096)
def iso(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@lru_cache(maxsize=4096)
def http_date(at_s: int) -> str:
    return formatdate(at_s, usegmt=True)


def http_time(text: str) -> float | None:
    """Unix time of an HTTP date; None if it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def quoted(etag: str) -> str:
    return f'"{etag}"'


def etag_of(value: Object) -> str:
    """As this door says it. What Swift joins from segments has an ETag that is no MD5 of it; clients know that by the dash."""
    is_joined = value.kind == MANIFEST or MANIFEST_HEADER in value.headers
    return f"{value.etag}-N" if is_joined else value.etag


def version_headers(container: Container, value: Object) -> dict[str, str]:
    """In a bucket that keeps or kept versions."""
    return {"x-amz-version-id": version_text(value.version)} if container.versioning else {}
