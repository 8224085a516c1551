"""Multipart uploads through boto3."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from typing import Any

PART = b"p" * (5 << 20)


def _upload(s3: Any, bucket: str, key: str, bodies: list[bytes], **more: Any) -> tuple[str, list[dict[str, Any]]]:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    return upload, parts


def test_parts_become_one_object(s3: Any, bucket: str) -> None:
    upload, parts = _upload(s3, bucket, "big", [PART, b"tail"], Metadata={"m": "1"}, ContentType="a/b")
    assert [one["UploadId"] for one in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    assert [one["Size"] for one in s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)["Parts"]] == [len(PART), 4]
    done = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    digests = b"".join(binascii.unhexlify(part["ETag"].strip('"')) for part in parts)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == PART + b"tail"
    assert (got["Metadata"], got["ContentType"]) == ({"m": "1"}, "a/b")
    second = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"], second["ContentRange"]) == (
        b"tail",
        2,
        f"bytes {len(PART)}-{len(PART) + 3}/{len(PART) + 4}",
    )
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    again = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    assert again["ETag"] == done["ETag"]
    copy = s3.copy_object(Bucket=bucket, Key="whole", CopySource={"Bucket": bucket, "Key": "big"})
    assert copy["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(PART + b"tail").hexdigest()}"'


def test_swift_says_that_its_etag_is_no_md5_and_deletes_it_as_one(s3: Any, cloud: Any, bucket: str) -> None:
    upload, parts = _upload(s3, bucket, "big", [PART, b"tail"])
    done = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    headers = cloud.swift_headers(f"/{bucket}/big")
    assert (headers["x-static-large-object"], headers["etag"]) == ("True", done["ETag"].strip('"'))
    assert headers["content-length"] == str(len(PART) + 4)
    assert cloud.swift("GET", f"/{bucket}/big") == (200, PART + b"tail")
    assert cloud.swift("GET", f"/{bucket}/big", range="bytes=-6") == (206, b"pptail")
    assert cloud.swift("GET", f"/{bucket}/big?multipart-manifest=get") == (200, b"[]")
    assert cloud.swift("PUT", f"/{bucket}/small", b"small")[0] == 201
    assert "x-static-large-object" not in cloud.swift_headers(f"/{bucket}/small")
    report = cloud.swift("DELETE", f"/{bucket}/big?multipart-manifest=delete", accept="application/json")
    assert (report[0], json.loads(report[1])["Number Deleted"]) == (200, 1)
    assert cloud.swift("GET", f"/{bucket}/big")[0] == 404


def test_what_completion_refuses(s3: Any, bucket: str, refused: Any) -> None:
    upload, parts = _upload(s3, bucket, "k", [b"small", b"last"])

    def complete(listed: list[dict[str, Any]], upload_id: str = upload, **more: Any) -> tuple[int, str]:
        return refused(
            s3.complete_multipart_upload,
            Bucket=bucket,
            Key="k",
            UploadId=upload_id,
            MultipartUpload={"Parts": listed},
            **more,
        )

    assert complete(parts) == (400, "EntityTooSmall")
    assert complete(parts[::-1]) == (400, "InvalidPartOrder")
    assert complete([{"PartNumber": 3, "ETag": parts[0]["ETag"]}]) == (400, "InvalidPart")
    assert complete([{"PartNumber": 1, "ETag": "no"}]) == (400, "InvalidPart")
    assert complete([]) == (400, "MalformedXML")
    assert complete(parts, "0" * 48) == (404, "NoSuchUpload")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert complete(parts[:1], IfNoneMatch="*") == (412, "PreconditionFailed")
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert complete(parts[:1]) == (404, "NoSuchUpload")
    assert refused(s3.upload_part, Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"") == (
        404,
        "NoSuchUpload",
    )


def test_nothing_is_left_of_an_upload(s3: Any, cloud: Any, bucket: str) -> None:
    upload, _ = _upload(s3, bucket, "k", [b"1", b"2"])
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    container = cloud.run(cloud.store.containers.get("AUTH_" + "a" * 32, bucket))
    tally = cloud.run(cloud.store.containers.tally(container))
    assert (tally.entries, tally.octets) == (1, 0)


def test_parts_from_other_objects(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=PART + b"xyz")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    one = {"Bucket": bucket, "Key": "to", "UploadId": upload, "CopySource": {"Bucket": bucket, "Key": "from"}}
    parts = []
    for number, wanted in ((1, f"bytes=0-{len(PART) - 1}"), (2, f"bytes={len(PART)}-{len(PART) + 2}")):
        part = s3.upload_part_copy(PartNumber=number, CopySourceRange=wanted, **one)
        parts.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
    assert parts[1]["ETag"] == f'"{hashlib.md5(b"xyz").hexdigest()}"'
    assert refused(s3.upload_part_copy, PartNumber=3, CopySourceRange="bytes=0-99999999", **one) == (
        400,
        "InvalidArgument",
    )
    s3.complete_multipart_upload(Bucket=bucket, Key="to", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == PART + b"xyz"


def test_checksums_of_the_whole_and_of_the_parts(s3: Any, bucket: str) -> None:
    full, parts = _upload(s3, bucket, "full", [PART, b"tail"], ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    done = s3.complete_multipart_upload(Bucket=bucket, Key="full", UploadId=full, MultipartUpload={"Parts": parts})
    expected = base64.b64encode(zlib.crc32(PART + b"tail").to_bytes(4, "big")).decode()
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (expected, "FULL_OBJECT")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="each", ChecksumAlgorithm="SHA256")["UploadId"]
    part = s3.upload_part(
        Bucket=bucket, Key="each", UploadId=upload, PartNumber=1, Body=b"abc", ChecksumAlgorithm="SHA256"
    )
    listed = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
    done = s3.complete_multipart_upload(Bucket=bucket, Key="each", UploadId=upload, MultipartUpload={"Parts": listed})
    digest = hashlib.sha256(hashlib.sha256(b"abc").digest()).digest()
    assert done["ChecksumSHA256"] == base64.b64encode(digest).decode() + "-1"


def test_uploads_by_pages(s3: Any, bucket: str) -> None:
    for key in ("a", "a", "b/1", "b/2", "c"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    first = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1)
    second = s3.list_multipart_uploads(
        Bucket=bucket, MaxUploads=10, KeyMarker=first["NextKeyMarker"], UploadIdMarker=first["NextUploadIdMarker"]
    )
    assert [one["Key"] for one in second["Uploads"]] == ["a", "b/1", "b/2", "c"]
    folders = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in folders["CommonPrefixes"]] == ["b/"]
    assert [one["Key"] for one in folders["Uploads"]] == ["a", "a", "c"]


def test_who_looks_where_swift_keeps_parts_finds_none(s3: Any, cloud: Any, bucket: str) -> None:
    _upload(s3, bucket, "k", [b"1"])
    assert cloud.swift("GET", f"/{bucket}%2Bsegments") == (204, b"")
    assert cloud.swift("GET", f"/{bucket}%2Bsegments?format=json") == (200, b"[]")
    assert cloud.swift("GET", "/no-such-bucket%2Bsegments")[0] == 404
