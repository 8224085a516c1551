"""Versions, delete markers, locks and retention through boto3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any


def _enable(s3: Any, bucket: str, status: str = "Enabled") -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def test_every_write_is_a_version_and_a_delete_is_a_marker(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    _enable(s3, bucket)
    one = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["VersionId"]
    two = s3.put_object(Bucket=bucket, Key="k", Body=b"two")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"]) == (405, "MethodNotAllowed")
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId="0000000001.00001") == (404, "NoSuchVersion")
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId="nonsense") == (400, "InvalidArgument")
    for version, body in ((one, b"one"), (two, b"two"), ("null", b"before")):
        assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == body
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in listed["Versions"]] == [two, one, "null"]
    assert [(v["VersionId"], v["IsLatest"]) for v in listed["DeleteMarkers"]] == [(marker["VersionId"], True)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"


def test_versions_by_pages_and_folders(s3: Any, bucket: str) -> None:
    _enable(s3, bucket)
    for name in ("a", "a", "b/1", "b/2", "c"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [[v["Key"] for v in page["Versions"]] for page in pages] == [["a"], ["a"], ["b/1"], ["b/2"], ["c"]]
    folders = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    assert [v["Key"] for v in folders["Versions"]] == ["a", "a", "c"]
    assert folders["CommonPrefixes"] == [{"Prefix": "b/"}]


def test_suspended_versioning_writes_null_versions(s3: Any, bucket: str) -> None:
    _enable(s3, bucket)
    kept = s3.put_object(Bucket=bucket, Key="k", Body=b"kept")["VersionId"]
    _enable(s3, bucket, "Suspended")
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"null 1")["VersionId"] == "null"
    s3.put_object(Bucket=bucket, Key="k", Body=b"null 2")
    assert [v["VersionId"] for v in s3.list_object_versions(Bucket=bucket)["Versions"]] == ["null", kept]
    assert s3.delete_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=kept)["Body"].read() == b"kept"


def test_locked_versions_stay(s3: Any, cloud: Any, refused: Any) -> None:
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket="locked")["Status"] == "Enabled"
    suspend = {"Bucket": "locked", "VersioningConfiguration": {"Status": "Suspended"}}
    assert refused(s3.put_bucket_versioning, **suspend) == (409, "InvalidBucketState")
    until = datetime.now(UTC) + timedelta(days=2)
    version = s3.put_object(
        Bucket="locked", Key="k", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until
    )["VersionId"]
    one = {"Bucket": "locked", "Key": "k", "VersionId": version}
    assert refused(s3.delete_object, **one) == (403, "AccessDenied")
    s3.delete_object(Bucket="locked", Key="k")  # a marker hides it; it is still there
    assert s3.get_object(**one)["Body"].read() == b"x"
    strict = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": until - timedelta(days=1)}
    assert refused(s3.put_object_retention, Retention=shorter, **one) == (403, "AccessDenied")
    s3.put_object_retention(Retention=strict, **one)
    assert s3.get_object_retention(**one)["Retention"]["Mode"] == "COMPLIANCE"
    assert refused(s3.delete_object, BypassGovernanceRetention=True, **one) == (403, "AccessDenied")
    s3.put_object_legal_hold(LegalHold={"Status": "ON"}, **one)
    cloud.clock.ahead_s += 3 * 86_400
    later = cloud.client()
    try:
        assert cloud.run(cloud.store.containers.exists("AUTH_" + "a" * 32, "locked"))
        container = cloud.run(cloud.store.containers.get("AUTH_" + "a" * 32, "locked"))
        from wolke.object_store.errors import Locked
        from wolke.object_store.model import parse_stamp

        for held in (True, False):
            try:
                cloud.run(cloud.store.objects.delete(container, "k", parse_stamp(version)))
                assert not held
            except Locked:
                assert held
                cloud.clock.ahead_s -= 3 * 86_400
                later.put_object_legal_hold(LegalHold={"Status": "OFF"}, **one)
                cloud.clock.ahead_s += 3 * 86_400
    finally:
        cloud.clock.ahead_s = 0


def test_default_retention_of_a_bucket(s3: Any, refused: Any) -> None:
    s3.create_bucket(Bucket="retained", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket="retained", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    assert s3.get_object_lock_configuration(Bucket="retained")["ObjectLockConfiguration"]["Rule"] == rule
    version = s3.put_object(Bucket="retained", Key="k", Body=b"")["VersionId"]
    assert s3.head_object(Bucket="retained", Key="k")["ObjectLockMode"] == "GOVERNANCE"
    assert refused(s3.delete_object, Bucket="retained", Key="k", VersionId=version) == (403, "AccessDenied")
    s3.delete_object(Bucket="retained", Key="k", VersionId=version, BypassGovernanceRetention=True)


def test_no_lock_without_versions(s3: Any, bucket: str, refused: Any) -> None:
    assert refused(s3.get_object_lock_configuration, Bucket=bucket) == (404, "ObjectLockConfigurationNotFoundError")
    wanted = {"ObjectLockEnabled": "Enabled"}
    assert refused(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=wanted) == (
        409,
        "InvalidBucketState",
    )
    held = {"Bucket": bucket, "Key": "k", "Body": b"", "ObjectLockLegalHoldStatus": "ON"}
    assert refused(s3.put_object, **held) == (400, "InvalidRequest")
