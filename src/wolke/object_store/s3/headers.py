"""An object's metadata, between S3's headers and what the store keeps under Swift's names, so that both doors show the same."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import parse_qsl, quote

from wolke.object_store.model import Container, Listed, Object
from wolke.object_store.s3 import checksums
from wolke.object_store.s3.call import Call, etag_of, http_date, iso, quoted, seconds, version_headers
from wolke.object_store.s3.faults import Fault, argument, not_here
from wolke.object_store.service import Found, lifecycle, locks

META = "x-amz-meta-"
KEPT_META = "x-object-meta-"
DEFAULT_TYPE = "binary/octet-stream"
_META_BYTES = 2048
_TAGS = 10
PARTS = "s3:parts"  # the sizes of a completed upload's parts, in runs: "3*5242880 1*17"
SUMS = "s3:sums"  # "CRC32 base64 FULL_OBJECT"
TAGS = "s3:tags"  # as a query string
CLASS = "s3:class"

#: Headers that come back as they were sent.
KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires", "x-robots-tag")
CLASSES = frozenset({
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE",
    "GLACIER_IR", "EXPRESS_ONEZONE",
})  # fmt: skip
_TAG_TEXT = re.compile(r"[\w\s+\-=.:/@]*")


def text(value: str) -> str:
    """A header's value as text: it may be UTF-8, or encoded words."""
    if value.isascii():
        if "=?" in value:
            try:
                return str(make_header(decode_header(value)))
            except (HeaderParseError, LookupError, UnicodeError, binascii.Error):
                return value
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def wire(value: str) -> str:
    """The same for an answer: encoded words where it is not ASCII, as S3 does."""
    if value.isascii() and value.isprintable():
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def kept(headers: Mapping[str, str], *, streamed: bool = False) -> dict[str, str]:
    """What a request says of its object, as the store keeps it. ``streamed``: aws-chunked is of the transfer, not of the data."""
    found = {name: text(headers[name]) for name in KEPT if name in headers}
    if streamed and "content-encoding" in found:
        codings = [one.strip() for one in found.pop("content-encoding").split(",")]
        if left := ", ".join(one for one in codings if one.lower() != "aws-chunked"):
            found["content-encoding"] = left
    size = 0
    for name, value in headers.items():
        if name.startswith(META) and len(name) > len(META):
            shown = text(value)
            size += len(name) - len(META) + len(shown.encode())
            found[KEPT_META + name.removeprefix(META)] = shown
    if size > _META_BYTES:
        raise Fault("MetadataTooLarge", MaxSizeAllowed=_META_BYTES, Size=size)
    return found


def delete_at(call: Call) -> int | None:
    """When the object is to be deleted (Unix time), in Swift's headers, which Swift's S3 knows too."""
    now_s = int(call.clock.time())
    for name, base, shown in (("x-delete-after", now_s, "X-Delete-After"), ("x-delete-at", 0, "X-Delete-At")):
        value = call.headers.get(name)
        if value is None:
            continue
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 12:
            raise argument(shown, value, f"Non-integer {shown}")
        if value.startswith("-") or base + int(value) <= now_s:
            raise argument(shown, value, f"{shown} in past")
        return base + int(value)
    return None


def system(call: Call) -> dict[str, str]:
    """What else a request asks for: storage class, tags, lock. Refuses what this store does not do."""
    headers = call.headers
    found: dict[str, str] = {}
    refuse_encryption(headers)
    wanted = headers.get("x-amz-storage-class", "STANDARD")
    if wanted not in CLASSES:
        raise Fault("InvalidStorageClass", StorageClassRequested=wanted)
    if wanted != "STANDARD":
        found[CLASS] = wanted
    if tagging := headers.get("x-amz-tagging"):
        found[TAGS] = tags_of(tagging)
    return found


def refuse_encryption(headers: Mapping[str, str]) -> None:
    """Nothing is encrypted here that S3 would encrypt; to say otherwise would be a lie that matters."""
    for name in headers:
        if name.startswith("x-amz-server-side-encryption"):
            raise not_here(name)
    if "x-amz-website-redirect-location" in headers:
        raise not_here("x-amz-website-redirect-location")


def tags_of(header: str) -> str:
    """x-amz-tagging, checked. It is kept as it is sent: a query string."""
    try:
        pairs = parse_qsl(header, keep_blank_values=True, strict_parsing=True, max_num_fields=50)
    except ValueError:
        raise argument("x-amz-tagging", header, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded "
                       "URL query parameters without tag name duplicates.") from None  # fmt: skip
    check_tags(pairs, _TAGS)
    return header


def check_tags(pairs: list[tuple[str, str]], most: int) -> None:
    if len(pairs) > most:
        raise Fault("BadRequest", f"Object tags cannot be greater than {most}")
    if len({key for key, _ in pairs}) != len(pairs):
        raise Fault("InvalidTag", "Cannot provide multiple Tags with the same key")
    for key, value in pairs:
        if not 1 <= len(key) <= 128 or not _TAG_TEXT.fullmatch(key):
            raise Fault("InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if len(value) > 256 or not _TAG_TEXT.fullmatch(value):
            raise Fault("InvalidTag", "The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        if key.lower().startswith("aws:"):
            raise Fault("InvalidTag", "System tags cannot be added/updated by requester", TagKey=key)


def tags(value: Object) -> list[tuple[str, str]]:
    return parse_qsl(value.system.get(TAGS, ""), keep_blank_values=True)


def sums_text(sums: Mapping[str, str], kind: str = checksums.FULL) -> dict[str, str]:
    return {SUMS: " ".join((*next(iter(sums.items())), kind))} if sums else {}


def sum_of(value: Object) -> tuple[str, str, str] | None:
    """``(algorithm, value, kind)`` of the checksum that is kept."""
    kept_sum = value.system.get(SUMS)
    if not kept_sum:
        return None
    name, digest, kind = kept_sum.split(" ")
    return name, digest, kind


def part_sizes(value: Object) -> list[int]:
    sizes: list[int] = []
    for run in value.system.get(PARTS, "").split():
        count, _, size = run.partition("*")
        sizes += [int(size)] * int(count)
    return sizes


def parts_text(sizes: list[int]) -> str:
    runs: list[tuple[int, int]] = []
    for size in sizes:
        if runs and runs[-1][1] == size:
            runs[-1] = (runs[-1][0] + 1, size)
        else:
            runs.append((1, size))
    return " ".join(f"{count}*{size}" for count, size in runs)


def shown(call: Call, found_object: Found) -> dict[str, str]:
    """The headers of a GET or HEAD, but for those about the length."""
    container, value = found_object.container, found_object.object
    found = {"etag": quoted(etag_of(value)), "last-modified": http_date(seconds(value.stamp)), "accept-ranges": "bytes"}
    for name, kept_value in value.headers.items():
        if name.startswith(KEPT_META):
            found[META + name.removeprefix(KEPT_META)] = wire(kept_value)
        elif name in KEPT:
            found[name] = wire(kept_value)
        elif name == "x-delete-at" and kept_value.isdecimal():
            day = http_date(int(kept_value))
            found["x-amz-expiration"] = f'expiry-date="{day}", rule-id="swift-object-expiration"'
    found |= version_headers(container, value)
    if value.system:
        found |= _of_system(call, value)
    if lifecycle.NAME in container.system:
        found |= expiration(container, found_object.name, value)
    return found


def expiration(container: Container, name: str, value: Object) -> dict[str, str]:
    """When a lifecycle rule ends the object."""
    end = lifecycle.end_of_current(lifecycle.rules_of(container), Listed(name, value))
    if end is None:
        return {}
    return {"x-amz-expiration": f'expiry-date="{http_date(end.at_s)}", rule-id="{quote(end.rule)}"'}


def _of_system(call: Call, value: Object) -> dict[str, str]:
    found: dict[str, str] = {}
    system_now = value.system
    if CLASS in system_now:
        found["x-amz-storage-class"] = system_now[CLASS]
    if count := len(tags(value)):
        found["x-amz-tagging-count"] = str(count)
    mode, until_s = locks.retention(system_now)
    if mode:
        found["x-amz-object-lock-mode"] = mode
        found["x-amz-object-lock-retain-until-date"] = iso(until_s)
    if locks.HOLD in system_now:
        found["x-amz-object-lock-legal-hold"] = system_now[locks.HOLD]
    if call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        found |= sum_headers(value)
    return found


def sum_headers(value: Object) -> dict[str, str]:
    one = sum_of(value)
    if one is None:
        return {}
    return {checksums.PREFIX + one[0].lower(): one[1], "x-amz-checksum-type": one[2]}
