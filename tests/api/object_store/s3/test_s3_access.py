"""Who may what: other projects, nobody at all, lists, policies, forms, browsers."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import botocore
import pytest
from botocore.config import Config


@pytest.fixture(scope="module")
def bob(cloud: Any) -> Any:
    return cloud.client("bob")


def raw(
    cloud: Any, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """A request that nobody signs."""
    connection = http.client.HTTPConnection(urlsplit(cloud.url).netloc, timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data, {name.lower(): value for name, value in answer.getheaders()}


def test_a_bucket_is_private(s3: Any, bob: Any, cloud: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(bob.get_object, Bucket=bucket, Key="k") == (404, "NoSuchBucket")
    assert raw(cloud, "GET", f"/{bucket}/k")[0] == 404
    reader = cloud.client("rita")
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(reader.put_object, Bucket=bucket, Key="k", Body=b"") == (403, "AccessDenied")
    assert refused(reader.get_bucket_acl, Bucket=bucket) == (403, "AccessDenied")
    assert refused(reader.create_bucket, Bucket="ritas") == (403, "AccessDenied")
    assert refused(cloud.client("mallory").list_buckets) == (403, "InvalidAccessKeyId")
    assert refused(cloud.client("alice", secret="wrong").list_buckets) == (403, "SignatureDoesNotMatch")


def test_two_projects_may_have_buckets_of_one_name(s3: Any, bob: Any, bucket: str, refused: Any) -> None:
    bob.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"alice's")
    bob.put_object(Bucket=bucket, Key="k", Body=b"bob's")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"alice's"
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert refused(bob.put_bucket_acl, Bucket=bucket, ACL="public-read") == (409, "BucketAlreadyExists")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    bob.put_bucket_acl(Bucket=bucket, ACL="public-read")


def test_public_objects_are_read_by_anybody(s3: Any, cloud: Any, bob: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="open", Body=b"for all", ACL="public-read")
    s3.put_object(Bucket=bucket, Key="shut", Body=b"for me")
    assert raw(cloud, "GET", f"/{bucket}/open")[:2] == (200, b"for all")
    assert raw(cloud, "HEAD", f"/{bucket}/open")[0] == 200
    assert raw(cloud, "GET", f"/{bucket}/shut")[0] == 403
    assert raw(cloud, "PUT", f"/{bucket}/open", b"mine")[0] == 403
    assert raw(cloud, "DELETE", f"/{bucket}/open")[0] == 403
    assert raw(cloud, "GET", f"/{bucket}")[0] == 403
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert raw(cloud, "GET", f"/{bucket}")[0] == 200
    assert bob.get_object(Bucket=bucket, Key="open")["Body"].read() == b"for all"
    grants = s3.get_object_acl(Bucket=bucket, Key="open")["Grants"]
    assert [(g["Grantee"].get("URI", "")[-8:], g["Permission"]) for g in grants] == [
        ("", "FULL_CONTROL"),
        ("AllUsers", "READ"),
    ]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert raw(cloud, "GET", f"/{bucket}/open")[0] == 403


def test_a_grant_lets_one_project_in(s3: Any, bob: Any, cloud: Any, bucket: str, refused: Any) -> None:
    s3.put_bucket_acl(Bucket=bucket, GrantWrite=f"id={'b' * 32}", GrantRead="id=project-b:bob")
    bob.put_object(Bucket=bucket, Key="k", Body=b"by bob")
    assert [o["Key"] for o in bob.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
    assert refused(bob.get_bucket_acl, Bucket=bucket) == (403, "AccessDenied")
    assert refused(bob.delete_bucket, Bucket=bucket) == (403, "AccessDenied")
    assert raw(cloud, "GET", f"/{bucket}")[0] == 403


def _policy(bucket: str, *statements: dict[str, Any]) -> str:
    full = [
        {"Principal": "*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], **one}
        for one in statements
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": full})


def test_policies_allow_and_deny(s3: Any, bob: Any, cloud: Any, bucket: str, refused: Any) -> None:
    for name in ("open/a", "shut/a"):
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    allow = {"Effect": "Allow", "Action": "s3:GetObject"}
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/shut/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, allow, deny))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    assert raw(cloud, "GET", f"/{bucket}/open/a")[:2] == (200, b"open/a")
    assert raw(cloud, "GET", f"/{bucket}/shut/a")[0] == 403
    assert raw(cloud, "PUT", f"/{bucket}/open/b", b"")[0] == 403
    assert refused(s3.get_object, Bucket=bucket, Key="shut/a") == (403, "AccessDenied")
    only_bob = {"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": f"arn:aws:iam::{'b' * 32}:root"}}
    s3.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, only_bob))
    bob.put_object(Bucket=bucket, Key="open/b", Body=b"")
    assert raw(cloud, "GET", f"/{bucket}/open/a")[0] == 403
    s3.delete_bucket_policy(Bucket=bucket)
    assert refused(bob.put_object, Bucket=bucket, Key="open/c", Body=b"") == (403, "AccessDenied")
    assert refused(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")


def test_an_owner_is_never_locked_out_of_the_policy(s3: Any, bucket: str, refused: Any) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, {"Effect": "Deny", "Action": "s3:*"}))
    assert refused(s3.list_objects_v2, Bucket=bucket) == (403, "AccessDenied")
    s3.delete_bucket_policy(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)


def test_conditions_look_at_the_request(s3: Any, cloud: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    inside = {"Effect": "Allow", "Action": "s3:GetObject", "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}
    s3.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, inside))
    assert raw(cloud, "GET", f"/{bucket}/k")[0] == 200
    secure = {"Effect": "Deny", "Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket=bucket, Policy=_policy(bucket, inside, secure))
    assert raw(cloud, "GET", f"/{bucket}/k")[0] == 403


def test_presigned_urls(cloud: Any, bucket: str) -> None:
    for version in ("s3v4", "s3"):
        client = cloud.client(signature_version=version)
        put = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
        path = put.removeprefix(cloud.url)
        assert raw(cloud, "PUT", path, b"data")[0] == 200
        assert raw(cloud, "GET", path)[0] == 403
        get = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
        assert raw(cloud, "GET", get.removeprefix(cloud.url))[:2] == (200, b"data")
        cloud.clock.ahead_s = 120
        status, body, _ = raw(cloud, "GET", get.removeprefix(cloud.url))
        cloud.clock.ahead_s = 0
        assert status == 403 and b"Request has expired" in body


def test_a_clock_that_is_wrong(cloud: Any, s3: Any, refused: Any) -> None:
    cloud.clock.ahead_s = 16 * 60
    try:
        assert refused(s3.list_buckets) == (403, "RequestTimeTooSkewed")
    finally:
        cloud.clock.ahead_s = 0


def test_a_wrong_region_is_told_the_right_one(cloud: Any, bucket: str) -> None:
    import boto3

    lost = boto3.client(
        "s3", endpoint_url=cloud.url, region_name="mars-1", aws_access_key_id="alice", aws_secret_access_key="secret-of-alice",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        lost.list_buckets()
    error = caught.value.response["Error"]
    assert (error["Code"], error["Region"]) == ("AuthorizationHeaderMalformed", "RegionOne")


def _form(fields: dict[str, str], data: bytes) -> tuple[bytes, dict[str, str]]:
    parts = [
        f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    head = '--X\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + data + b"\r\n--X--\r\n"
    return body, {"content-type": "multipart/form-data; boundary=X"}


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_forms(cloud: Any, s3: Any, bucket: str, version: str) -> None:
    client = cloud.client(signature_version=version)
    conditions = [
        ["content-length-range", 1, 200_000],
        ["starts-with", "$x-amz-meta-who", "a"],
        {"success_action_status": "201"},
    ]
    post = client.generate_presigned_post(bucket, "up/${filename}", Conditions=conditions)
    fields = {**post["fields"], "x-amz-meta-who": "alice", "success_action_status": "201"}
    data = b"0123456789" * 10_000
    status, answer, _ = raw(cloud, "POST", f"/{bucket}", *_form(fields, data))
    assert status == 201 and b"<Key>up/f.txt</Key>" in answer
    got = s3.get_object(Bucket=bucket, Key="up/f.txt")
    assert (got["Body"].read(), got["Metadata"]) == (data, {"who": "alice"})
    for wrong, code in (
        ({**fields, "x-amz-meta-who": "bob"}, b"AccessDenied"),
        ({**fields, "extra": "1"}, b"AccessDenied"),
        ({**fields, "policy": fields["policy"][:-4] + "AAAA"}, b"SignatureDoesNotMatch"),
        ({name: value for name, value in fields.items() if name != "key"}, b"UserKeyMustBeSpecified"),
    ):
        status, answer, _ = raw(cloud, "POST", f"/{bucket}", *_form(wrong, b"x"))
        assert status in (400, 403) and code in answer
    assert b"EntityTooSmall" in raw(cloud, "POST", f"/{bucket}", *_form(fields, b""))[1]
    assert b"EntityTooLarge" in raw(cloud, "POST", f"/{bucket}", *_form(fields, b"x" * 200_001))[1]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_browsers_ask_beforehand(cloud: Any, s3: Any, bucket: str, refused: Any) -> None:
    assert refused(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")
    rule = {
        "AllowedOrigins": ["https://*.example.org"],
        "AllowedMethods": ["PUT", "GET"],
        "AllowedHeaders": ["x-*"],
        "MaxAgeSeconds": 60,
        "ExposeHeaders": ["ETag"],
    }
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [rule]
    asked = {
        "Origin": "https://a.example.org",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-amz-date",
    }
    status, _, headers = raw(cloud, "OPTIONS", f"/{bucket}/k", headers=asked)
    assert (status, headers["access-control-allow-origin"], headers["access-control-max-age"]) == (
        200,
        "https://a.example.org",
        "60",
    )
    assert raw(cloud, "OPTIONS", f"/{bucket}/k", headers={**asked, "Origin": "https://evil.test"})[0] == 403
    assert raw(cloud, "OPTIONS", f"/{bucket}/k", headers={**asked, "Access-Control-Request-Method": "DELETE"})[0] == 403
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}).removeprefix(cloud.url)
    _, _, headers = raw(cloud, "GET", url, headers={"Origin": "https://a.example.org"})
    assert headers["access-control-expose-headers"] == "ETag"


def test_lists_of_the_other_door_count_here_too(s3: Any, bob: Any, cloud: Any, bucket: str, refused: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_bucket_acl(Bucket=bucket, GrantReadACP="id=somebody")  # its name leads to it now
    assert refused(bob.get_object, Bucket=bucket, Key="k") == (403, "AccessDenied")
    cloud.swift("POST", f"/{bucket}", x_container_read=f"{'b' * 32}:*")
    assert bob.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(bob.delete_object, Bucket=bucket, Key="k") == (403, "AccessDenied")
    assert raw(cloud, "GET", f"/{bucket}/k")[0] == 403


def test_a_bucket_of_somebody_else_than_expected(s3: Any, bucket: str, refused: Any) -> None:
    s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="a" * 32)
    assert refused(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="1" * 12) == (403, "AccessDenied")
