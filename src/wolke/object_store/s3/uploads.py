"""Multipart uploads: initiated, filled part by part (or from other objects), listed, aborted, completed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Sequence
from urllib.parse import quote

from wolke.core.http import Response
from wolke.object_store.errors import UploadNotFound
from wolke.object_store.model import Description, Prefix, Wish
from wolke.object_store.s3 import checksums, conditions, copying, owners, writing, xml
from wolke.object_store.s3 import headers as meta
from wolke.object_store.s3.body import Incoming, document
from wolke.object_store.s3.call import Call, http_date, ok, quoted, seconds, version_headers, xml_time
from wolke.object_store.s3.checksums import ALGORITHMS, COMPOSITE, FULL, Algorithm
from wolke.object_store.s3.faults import Fault, argument, not_here
from wolke.object_store.s3.listing import encoder
from wolke.object_store.s3.reading import checked_part_number
from wolke.object_store.service import Found
from wolke.object_store.service.uploads import MOST_PARTS, Chosen, Part, Upload

_COMPLETE_BYTES = 4 << 20
_PAGE = 1000
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})")

#: Names in an upload's ``system`` that are not the object's.
_SUM = "s3:sum"  # algorithm and kind
_INITIATOR = "s3:initiator"


async def initiate(call: Call) -> Response:
    due_s = meta.delete_at(call)
    system = await writing.asked_system(call)
    system[_INITIATOR] = owners.me(call.ctx)
    chosen = _asked_sum(call)
    answer: dict[str, str] = {}
    if chosen is not None:
        system[_SUM] = f"{chosen[0].name} {chosen[1]}"
        answer = {"x-amz-checksum-algorithm": chosen[0].name, "x-amz-checksum-type": chosen[1]}
    headers = writing.described_headers(call, due_s, streamed=True)
    upload = await call.store.uploads.create(call.there, call.key, writing.content_type(call), headers, system)
    parts: tuple[xml.Part, ...] = (("Bucket", call.bucket), ("Key", xml.printable(call.key)), ("UploadId", upload.id))
    return ok(xml.document("InitiateMultipartUploadResult", *parts), answer)


def _asked_sum(call: Call) -> tuple[Algorithm, str] | None:
    name, kind = call.headers.get("x-amz-checksum-algorithm"), call.headers.get("x-amz-checksum-type")
    if name is None:
        if kind is not None:
            raise Fault(
                "InvalidRequest",
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )
        return None
    algorithm = ALGORITHMS.get(name.lower())
    if algorithm is None:
        raise Fault("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
                    f"[{', '.join(one.name for one in ALGORITHMS.values())}]")  # fmt: skip
    kind = (kind or (FULL if algorithm.name == "CRC64NVME" else COMPOSITE)).upper()
    possible = (
        {FULL} if algorithm.name == "CRC64NVME" else {COMPOSITE} if algorithm.combine is None else {FULL, COMPOSITE}
    )
    if kind not in possible:
        raise Fault(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.name.lower()} checksum algorithm.",
        )
    return algorithm, kind


def _sum_of(upload: Upload) -> tuple[Algorithm, str] | None:
    name, _, kind = upload.system.get(_SUM, "").partition(" ")
    return (ALGORITHMS[name.lower()], kind) if name else None


async def _find(call: Call) -> Upload:
    upload_id = call.query("uploadId") or ""
    try:
        return await call.store.uploads.get(call.there, call.key, upload_id)
    except UploadNotFound:
        raise Fault("NoSuchUpload", UploadId=upload_id) from None


async def put_part(call: Call) -> Response:
    number = checked_part_number(call.query("partNumber") or "")
    if "x-amz-copy-source" in call.headers:
        return await _copy_part(call, number)
    for name in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"):
        if name in call.headers:
            raise not_here(name)
    meta.refuse_encryption(call.headers)
    upload = await _find(call)
    chosen = _sum_of(upload)
    incoming = Incoming(call.request, call.caller, also=chosen[0] if chosen else None)
    if chosen and incoming.wanted and incoming.wanted.algorithm != chosen[0]:
        raise Fault(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {chosen[0].name.lower()}, "
            f"actual checksum Type: {incoming.wanted.algorithm.name.lower()}",
        )
    part = await call.store.uploads.put_part(
        call.there, upload, number, await incoming.data(), incoming.check, size=incoming.size
    )
    headers = {"etag": quoted(part.etag)}
    headers |= {checksums.PREFIX + name.lower(): value for name, value in part.sums.items()}
    return ok(b"", headers | _changed(part))


def _changed(part: Part) -> dict[str, str]:
    """Swift's S3 says when; S3 itself does not mind."""
    return {"last-modified": http_date(seconds(part.stamp))}


async def _copy_part(call: Call, number: int) -> Response:
    upload = await _find(call)
    found = await copying.source_of(call)
    size = call.store.objects.body(found).size
    start, length = _copied_range(call, size)
    chosen = _sum_of(upload)
    sums = await _sums(call, found, start, length, chosen[0]) if chosen else {}
    part = await call.store.uploads.copy_part(call.there, upload, number, found, start, length, sums)
    parts: list[xml.Part] = [("LastModified", xml_time(part.stamp)), ("ETag", quoted(part.etag))]
    parts += [(f"Checksum{name}", value) for name, value in part.sums.items()]
    headers = {}
    if found.container.versioning:
        headers["x-amz-copy-source-version-id"] = version_headers(found.container, found.object)["x-amz-version-id"]
    return ok(xml.document("CopyPartResult", *parts), headers)


def _copied_range(call: Call, size: int) -> tuple[int, int]:
    header = call.headers.get("x-amz-copy-source-range")
    if header is None:
        return 0, size
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        raise argument(
            "x-amz-copy-source-range",
            header,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based "
            "offsets of the first and last bytes to copy",
        )
    first, last = int(match[1]), int(match[2])
    if first > last or last >= size:
        raise argument(
            "x-amz-copy-source-range", header, f"Range specified is not valid for source object of size: {size}"
        )
    return first, last - first + 1


async def _sums(call: Call, found: Found, start: int, length: int, algorithm: Algorithm) -> dict[str, str]:
    digest = algorithm.new()
    async for chunk in call.store.objects.body(found).chunks(start, length):
        await asyncio.to_thread(digest.update, chunk)
    return {algorithm.name: checksums.text(digest.digest())}


async def list_parts(call: Call) -> Response:
    upload = await _find(call)
    limit, after = call.number("max-parts", _PAGE, _PAGE), call.number("part-number-marker", 0, MOST_PARTS)
    encode = encoder(call)
    parts = await call.store.uploads.parts(call.there, upload, after=after, limit=limit + 1) if limit else []
    more, parts = len(parts) > limit, parts[:limit]
    shown: list[xml.Part] = [
        ("Bucket", call.bucket),
        ("Key", encode(call.key)),
        ("UploadId", upload.id),
        owners.element("Initiator", upload.system.get(_INITIATOR, "")),
        owners.element("Owner", owners.of_account(call, call.there.account)),
        ("StorageClass", upload.system.get(meta.CLASS, "STANDARD")),
        ("PartNumberMarker", str(after)),
        ("NextPartNumberMarker", str(parts[-1].number if parts else after)),
        ("MaxParts", str(limit)),
        xml.optional("EncodingType", call.query("encoding-type")),
        ("IsTruncated", xml.boolean(more)),
    ]
    if chosen := _sum_of(upload):
        shown += [("ChecksumAlgorithm", chosen[0].name), ("ChecksumType", chosen[1])]
    shown += [_part_element(part) for part in parts]
    return ok(xml.document("ListPartsResult", *shown))


def _part_element(part: Part) -> str:
    sums: list[xml.Part] = [(f"Checksum{name}", value) for name, value in part.sums.items()]
    return xml.element(
        "Part",
        ("PartNumber", str(part.number)),
        ("LastModified", xml_time(part.stamp)),
        ("ETag", quoted(part.etag)),
        ("Size", str(part.size)),
        *sums,
    )


async def list_uploads(call: Call) -> Response:
    limit = call.number("max-uploads", _PAGE, _PAGE)
    prefix, delimiter = call.query("prefix") or "", call.query("delimiter") or ""
    key_marker, id_marker = call.query("key-marker") or "", call.query("upload-id-marker") or ""
    encode = encoder(call)
    wish = Wish(limit=limit + 1, prefix=prefix, delimiter=delimiter, marker=key_marker)
    found = await call.store.uploads.page(call.there, wish, upload_id_marker=id_marker) if limit else []
    more, found = len(found) > limit, found[:limit]
    uploads = [one for one in found if isinstance(one, Upload)]
    last = uploads[-1] if len(uploads) > 1 or (more and uploads) else None
    shown: list[xml.Part] = [
        ("Bucket", call.bucket),
        ("KeyMarker", encode(key_marker)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", encode(last.name) if last else ""),
        ("NextUploadIdMarker", last.id if last else ""),
        xml.optional("Delimiter", encode(delimiter) if delimiter else None),
        xml.optional("Prefix", encode(prefix) if prefix else None),
        ("MaxUploads", str(limit)),
        xml.optional("EncodingType", call.query("encoding-type")),
        ("IsTruncated", xml.boolean(more)),
    ]
    owner = owners.element("Owner", owners.of_account(call, call.there.account))
    for one in found:
        if isinstance(one, Prefix):
            shown.append(xml.element("CommonPrefixes", ("Prefix", encode(one.name))))
        else:
            shown.append(_upload_element(one, encode(one.name), owner))
    return ok(xml.document("ListMultipartUploadsResult", *shown))


def _upload_element(upload: Upload, key: str, owner: str) -> str:
    return xml.element(
        "Upload",
        ("Key", key),
        ("UploadId", upload.id),
        owners.element("Initiator", upload.system.get(_INITIATOR, "")),
        owner,
        ("StorageClass", upload.system.get(meta.CLASS, "STANDARD")),
        ("Initiated", xml_time(upload.created)),
    )


async def abort(call: Call) -> Response:
    upload = await _find(call)
    await call.store.uploads.abort(call.there, call.key, upload.id)
    # Swift's S3 says so of its answer without a body, and its clients look.
    return Response(204, headers={"content-type": "text/html; charset=UTF-8", "content-length": "0"})


async def complete(call: Call) -> Response:
    upload_id = call.query("uploadId") or ""
    check = conditions.of_completion(call.headers)
    known = await _is_known(call, upload_id)
    try:
        root = await _document(call)
        chosen, sums = _chosen(root)
    except Fault:
        if not known:
            raise Fault("NoSuchUpload", UploadId=upload_id) from None
        raise

    def assemble(upload: Upload, parts: Sequence[Part | None]) -> Description:
        return _assembled(call, upload, _checked(call, upload, chosen, parts, sums))

    try:
        made = await call.store.uploads.complete(call.there, call.key, upload_id, chosen, assemble, check=check)
    except UploadNotFound:
        raise Fault("NoSuchUpload", UploadId=upload_id) from None
    value = made.object
    parts: list[xml.Part] = [
        ("Location", f"{call.request.origin}/{call.bucket}/{quote(call.key)}"),
        ("Bucket", call.bucket),
        ("Key", xml.printable(call.key)),
        ("ETag", quoted(value.etag)),
    ]
    if one := meta.sum_of(value):
        parts += [(f"Checksum{one[0]}", one[1]), ("ChecksumType", one[2])]
    return ok(xml.document("CompleteMultipartUploadResult", *parts), version_headers(call.there, value))


async def _is_known(call: Call, upload_id: str) -> bool:
    try:
        await call.store.uploads.get(call.there, call.key, upload_id)
    except UploadNotFound:
        return False
    return True


async def _document(call: Call) -> xml.Node:
    data = await document(call.request, call.caller, _COMPLETE_BYTES, sums=False)
    if not data.strip():
        raise Fault("InvalidRequest", "You must specify at least one part")
    try:
        return xml.parse(data, "CompleteMultipartUpload")
    except xml.Malformed:
        raise Fault("MalformedXML") from None


def _chosen(root: xml.Node) -> tuple[list[Chosen], list[dict[str, str]]]:
    """The parts that were asked for, and their checksums where they were given."""
    chosen: list[Chosen] = []
    sums = []
    for node in root.all("Part"):
        number, etag = node.get("PartNumber"), node.get("ETag")
        if number is None or etag is None or not (number.isascii() and number.isdigit()) or len(number) > 9:
            raise Fault("MalformedXML")
        if not 1 <= int(number) <= MOST_PARTS:
            raise checked_number_fault(number)
        if chosen and int(number) <= chosen[-1].number:
            raise Fault("InvalidPartOrder")
        chosen.append(Chosen(int(number), etag.strip('"')))
        sums.append({name: text for name, one in ALGORITHMS.items() if (text := node.get(one.element))})
    if not chosen or len(chosen) > MOST_PARTS:
        raise Fault("MalformedXML")
    return chosen, sums


def checked_number_fault(number: str) -> Fault:
    return argument("PartNumber", number, f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive")


def _checked(
    call: Call, upload: Upload, chosen: Sequence[Chosen], parts: Sequence[Part | None], sums: Sequence[dict[str, str]]
) -> list[Part]:
    found = []
    least = call.terms.least_part_bytes
    for at, (one, part) in enumerate(zip(chosen, parts, strict=True)):
        if part is None or part.etag != one.etag:
            raise Fault("InvalidPart", UploadId=upload.id, PartNumber=one.number, ETag=one.etag)
        stored = {name.lower(): value for name, value in part.sums.items()}
        if any(stored.get(name, value) != value for name, value in sums[at].items()):
            raise Fault("InvalidPart", UploadId=upload.id, PartNumber=one.number, ETag=one.etag)
        if part.size < least and at < len(chosen) - 1:
            raise Fault(
                "EntityTooSmall", ProposedSize=part.size, MinSizeAllowed=least, PartNumber=one.number, ETag=one.etag
            )
        found.append(part)
    expected = call.headers.get("x-amz-mp-object-size")
    if expected is not None and expected != str(sum(part.size for part in found)):
        raise Fault("InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was computed.")
    return found


def _assembled(call: Call, upload: Upload, parts: Sequence[Part]) -> Description:
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
    system = {name: value for name, value in upload.system.items() if name not in (_SUM, _INITIATOR)}
    system[meta.PARTS] = meta.parts_text([part.size for part in parts])
    if chosen := _sum_of(upload):
        system[meta.SUMS] = _whole_sum(call, *chosen, parts)
    due = upload.headers.get("x-delete-at")
    return Description(
        content_type=upload.content_type,
        etag=etag,
        headers=upload.headers,
        system=system,
        due_s=int(due) if due else None,
    )


def _whole_sum(call: Call, algorithm: Algorithm, kind: str, parts: Sequence[Part]) -> str:
    sums = [(base64.b64decode(part.sums[algorithm.name]), part.size) for part in parts]
    if kind == COMPOSITE:
        value = checksums.composite(algorithm, [digest for digest, _ in sums])
    else:
        value = checksums.whole(algorithm, sums)
    given = call.headers.get(algorithm.header)
    if given is not None and given != value:
        raise checksums.mismatch(algorithm)
    return f"{algorithm.name} {value} {kind}"
