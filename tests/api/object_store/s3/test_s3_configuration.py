"""Buckets' configuration: what is kept, what is S3's default, what is refused."""

from __future__ import annotations

from typing import Any

import pytest


def test_tags(s3: Any, bucket: str, refused: Any) -> None:
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")
    tags = [{"Key": "a b", "Value": "1"}, {"Key": "c", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="x=1&y=2")
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    many = {"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]}
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=many) == (400, "BadRequest")
    twice = {"TagSet": [{"Key": "a", "Value": ""}] * 2}
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=twice) == (400, "InvalidTag")
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_what_was_never_set_has_defaults(s3: Any, bucket: str, refused: Any) -> None:
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "RegionOne"
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    for quiet in ("accelerate_configuration", "logging", "notification_configuration", "versioning"):
        getattr(s3, f"get_bucket_{quiet}")(Bucket=bucket)
    for operation, code in (
        ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("ownership_controls", "OwnershipControlsNotFoundError"),
        ("policy", "NoSuchBucketPolicy"),
        ("replication", "ReplicationConfigurationNotFoundError"),
        ("website", "NoSuchWebsiteConfiguration"),
    ):
        assert refused(getattr(s3, f"get_bucket_{operation}"), Bucket=bucket) == (404, code)
    assert refused(s3.get_public_access_block, Bucket=bucket) == (404, "NoSuchPublicAccessBlockConfiguration")
    for operation in ("list_bucket_analytics_configurations", "list_bucket_inventory_configurations"):
        assert refused(getattr(s3, operation), Bucket=bucket) == (501, "NotImplemented")


def _rules(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}, **rule} for rule in rules]}


def test_lifecycle_rules_are_carried_out(s3: Any, cloud: Any, bucket: str) -> None:
    from wolke.object_store.reconcile.lifecycle import Lifecycle

    rules = _rules(
        {"ID": "logs", "Filter": {"Prefix": "log/"}, "Expiration": {"Days": 1}},
        {
            "ID": "big",
            "Filter": {"And": {"Prefix": "", "Tags": [{"Key": "t", "Value": "1"}], "ObjectSizeGreaterThan": 3}},
            "Expiration": {"Days": 1},
        },
        {"ID": "parts", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    )
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=rules)
    assert [r["ID"] for r in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]] == ["logs", "big", "parts"]
    s3.put_object(Bucket=bucket, Key="log/1", Body=b"")
    s3.put_object(Bucket=bucket, Key="kept", Body=b"12345")
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"12345", Tagging="t=1")
    s3.put_object(Bucket=bucket, Key="tagged small", Body=b"123", Tagging="t=1")
    s3.create_multipart_upload(Bucket=bucket, Key="never finished")
    assert 'rule-id="logs"' in s3.head_object(Bucket=bucket, Key="log/1")["Expiration"]
    loop = Lifecycle(cloud.store).loop
    cloud.run(loop.drain())
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 4
    cloud.clock.ahead_s = 2 * 86_400 + 60
    try:
        cloud.run(loop.drain())
    finally:
        cloud.clock.ahead_s = 0
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["kept", "tagged small"]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize(
    "rule",
    [
        {"Expiration": {"Days": 0}},
        {"Expiration": {}},
        {},
        {"Status": "Maybe", "Expiration": {"Days": 1}},
        {"Expiration": {"Date": "2030-01-01T12:00:00Z"}},
        {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
    ],
)
def test_lifecycle_refuses_what_makes_no_sense(s3: Any, bucket: str, refused: Any, rule: dict[str, Any]) -> None:
    status, _ = refused(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=_rules(rule))
    assert status in (400, 501)


def test_encryption_is_not_pretended(s3: Any, bucket: str, refused: Any) -> None:
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="AES256") == (
        501,
        "NotImplemented",
    )
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404


def test_metadata_has_a_limit(s3: Any, bucket: str, refused: Any) -> None:
    much = {"m": "x" * 2048}
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata=much) == (400, "MetadataTooLarge")


def test_hostile_xml_is_refused(cloud: Any, bucket: str) -> None:
    deep = b"<Tagging>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</Tagging>"
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Tagging>&b;</Tagging>'
    for body in (deep, bomb, b"<Tagging>", b"\xff\xfe", b"", b"<Tagging>" + b" " * (300 << 10) + b"</Tagging>"):
        status, _ = cloud.signed("PUT", f"/{bucket}?tagging", body)
        assert status == 400
