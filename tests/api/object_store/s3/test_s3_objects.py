"""Buckets and objects through boto3."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest


def test_an_object_comes_back_as_it_was_put(s3: Any, bucket: str) -> None:
    data = bytes(range(256)) * 1000
    put = s3.put_object(
        Bucket=bucket,
        Key="a/ä ☃+%",
        Body=data,
        ContentType="text/x",
        Metadata={"colour": "blue"},
        CacheControl="no-cache",
    )
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="a/ä ☃+%")
    assert got["Body"].read() == data
    assert (got["ContentType"], got["Metadata"], got["CacheControl"]) == ("text/x", {"colour": "blue"}, "no-cache")
    head = s3.head_object(Bucket=bucket, Key="a/ä ☃+%")
    assert head["ContentLength"] == len(data) and head["ETag"] == put["ETag"]


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_both_versions_of_signatures_are_understood(cloud: Any, bucket: str, signature: str) -> None:
    client = cloud.client(signature_version=signature)
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert client.get_object(Bucket=bucket, Key="k", ResponseContentType="a/b")["ContentType"] == "a/b"
    assert [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_listing_by_pages_and_folders(s3: Any, bucket: str) -> None:
    for name in ("a/1", "a/2", "b", "c/1", "d"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2})
    names = [[o.get("Key") or o["Prefix"] for o in p.get("CommonPrefixes", []) + p.get("Contents", [])] for p in pages]
    assert names == [["a/", "b"], ["c/", "d"]]
    first = s3.list_objects(Bucket=bucket, MaxKeys=2, Delimiter="/")
    assert first["IsTruncated"] and first["NextMarker"] == "b"
    assert [o["Key"] for o in s3.list_objects(Bucket=bucket, Prefix="a/")["Contents"]] == ["a/1", "a/2"]


def test_ranges(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert (got["Body"].read(), got["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-3")["Body"].read() == b"789"
    assert refused(s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == (416, "InvalidRange")


def test_conditions_of_reads_and_writes(s3: Any, bucket: str, refused: Any) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfMatch='"no"') == (412, "PreconditionFailed")
    assert refused(s3.put_object, Bucket=bucket, Key="new", Body=b"2", IfMatch=etag) == (404, "NoSuchKey")
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="etag") == (501, "NotImplemented")
    assert refused(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)[0] == 304
    assert refused(s3.get_object, Bucket=bucket, Key="k", IfMatch="no") == (412, "PreconditionFailed")
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    assert refused(s3.delete_object, Bucket=bucket, Key="k", IfMatch=etag) == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_copies(s3: Any, bucket: str, refused: Any) -> None:
    source = {"Bucket": bucket, "Key": "from"}
    s3.put_object(Bucket=bucket, Key="from", Body=b"data", Metadata={"a": "1"}, Tagging="t=1")
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    head = s3.head_object(Bucket=bucket, Key="to")
    assert head["Metadata"] == {"a": "1"}
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(
        Bucket=bucket,
        Key="to",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        TaggingDirective="REPLACE",
    )
    assert s3.head_object(Bucket=bucket, Key="to")["Metadata"] == {"b": "2"}
    assert s3.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == []
    assert refused(s3.copy_object, Bucket=bucket, Key="from", CopySource=source) == (400, "InvalidRequest")
    assert refused(s3.copy_object, Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "no"}) == (
        404,
        "NoSuchKey",
    )
    assert refused(s3.copy_object, Bucket=bucket, Key="x", CopySource=source, CopySourceIfMatch="no") == (
        412,
        "PreconditionFailed",
    )


def test_deleting_many(s3: Any, bucket: str, refused: Any) -> None:
    names = [f"key<&>{n}" for n in range(5)]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": name} for name in [*names, "none", "k" * 1025]]}
    )
    assert {one["Key"] for one in answer["Deleted"]} == {*names, "none"}
    assert [one["Code"] for one in answer["Errors"]] == ["KeyTooLongError"]
    many = {"Objects": [{"Key": str(n)} for n in range(1001)]}
    assert refused(s3.delete_objects, Bucket=bucket, Delete=many) == (400, "MalformedXML")
    s3.delete_bucket(Bucket=bucket)


def test_what_buckets_refuse(s3: Any, bucket: str, refused: Any) -> None:
    assert refused(s3.create_bucket, Bucket=bucket) == (409, "BucketAlreadyOwnedByYou")
    assert refused(s3.create_bucket, Bucket="UPPER") == (400, "InvalidBucketName")
    assert refused(s3.create_bucket, Bucket="10.0.0.1") == (400, "InvalidBucketName")
    wrong = {"LocationConstraint": "mars-1"}
    assert refused(s3.create_bucket, Bucket="elsewhere", CreateBucketConfiguration=wrong) == (
        400,
        "InvalidLocationConstraint",
    )
    assert refused(s3.head_bucket, Bucket="none")[0] == 404
    assert refused(s3.get_object, Bucket="none", Key="k") == (404, "NoSuchBucket")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refused(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    assert refused(s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"") == (400, "KeyTooLongError")
    assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_are_kept_and_shown(s3: Any, bucket: str, refused: Any, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"123456789" * 9000, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["Checksum" + algorithm] == put["Checksum" + algorithm]
    bad = {"Checksum" + algorithm: put["Checksum" + algorithm]}
    assert refused(s3.put_object, Bucket=bucket, Key="bad", Body=b"other", **bad) == (400, "BadDigest")
    assert refused(s3.head_object, Bucket=bucket, Key="bad")[0] == 404


def test_virtual_hosts_are_buckets(cloud: Any, s3: Any, bucket: str, asgi_client: Any) -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    s3.put_object(Bucket=bucket, Key="k/ä", Body=b"here")
    request = AWSRequest(
        "GET", f"http://{bucket}.s3.localhost/k/%C3%A4", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    )
    S3SigV4Auth(Credentials("alice", "secret-of-alice"), "s3", "RegionOne").add_auth(request)
    client = asgi_client(cloud.door)
    headers = {name.lower(): value for name, value in request.headers.items()}
    answer = cloud.run(client.get("/k/%C3%A4", headers={**headers, "host": f"{bucket}.s3.localhost"}))
    assert (answer.status, answer.body) == (200, b"here")


def test_both_doors_show_the_same_objects(s3: Any, cloud: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="by s3", Body=b"s3", ContentType="a/b")
    assert cloud.swift("GET", f"/{bucket}/by%20s3") == (200, b"s3")
    assert cloud.swift("PUT", f"/{bucket}/by-swift", b"swift", x_object_meta_who="swift")[0] == 201
    got = s3.get_object(Bucket=bucket, Key="by-swift")
    assert (got["Body"].read(), got["Metadata"]) == (b"swift", {"who": "swift"})
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["by s3", "by-swift"]


def test_large_objects_and_links_of_swift_are_read_whole(s3: Any, cloud: Any, bucket: str, refused: Any) -> None:
    for name in ("1", "2"):
        cloud.swift("PUT", f"/{bucket}/seg/{name}", name.encode() * 10)
    manifest = json.dumps([{"path": f"/{bucket}/seg/{name}"} for name in ("1", "2")]).encode()
    assert cloud.swift("PUT", f"/{bucket}/slo?multipart-manifest=put", manifest)[0] == 201
    assert cloud.swift("PUT", f"/{bucket}/dlo", b"", x_object_manifest=f"{bucket}/seg/")[0] == 201
    assert cloud.swift("PUT", f"/{bucket}/link", b"", x_symlink_target=f"{bucket}/slo")[0] == 201
    whole = b"1" * 10 + b"2" * 10
    for name in ("slo", "dlo", "link"):
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == whole
        assert s3.get_object(Bucket=bucket, Key=name, Range="bytes=9-10")["Body"].read() == b"12"
        head = s3.head_object(Bucket=bucket, Key=name)
        assert head["ContentLength"] == 20
        assert head["ETag"].endswith('-N"'), "or clients would take it for the data's MD5"
    etag = s3.head_object(Bucket=bucket, Key="slo")["ETag"]
    assert {one["Key"]: one["ETag"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}["slo"] == etag
    assert s3.get_object(Bucket=bucket, Key="slo", IfMatch=etag)["Body"].read() == whole
    assert refused(s3.get_object, Bucket=bucket, Key="slo", IfMatch=etag[:-3] + '"') == (412, "PreconditionFailed")
    cloud.swift("PUT", f"/{bucket}/link-1", b"", x_symlink_target=f"{bucket}/seg/1")
    assert s3.head_object(Bucket=bucket, Key="link-1")["ETag"] == s3.head_object(Bucket=bucket, Key="seg/1")["ETag"]
    cloud.swift("PUT", f"/{bucket}/broken", b"", x_symlink_target=f"{bucket}/none")
    assert refused(s3.get_object, Bucket=bucket, Key="broken") == (404, "NoSuchKey")


@pytest.mark.parametrize("method", ["GETPUT", "GET_IT", "PATCH", "LOCK"])
def test_methods_that_nobody_knows(cloud: Any, bucket: str, method: str) -> None:
    status, body = cloud.signed(method, f"/{bucket}")
    assert (status, b"<Code>MethodNotAllowed</Code>" in body) == (405, True)
