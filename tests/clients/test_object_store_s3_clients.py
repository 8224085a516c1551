"""What S3's clients do with the object store: boto3, s3cmd, Amazon's command where the machine has it, and anybody with a signed URL."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.object_cloud import MIB, REGION, ObjectCloud, assert_same, boto, file_of, folder_of, plain, sha256


def _has_aws() -> bool:
    found = shutil.which("aws")
    return found is not None and subprocess.run([found, "--version"], capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.usefixtures("inside"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
]


@pytest.fixture
def s3(object_cloud: ObjectCloud) -> Iterator[Any]:
    with boto(object_cloud) as client:
        yield client


def test_boto3_sends_a_large_file_in_parts_and_gets_it_in_ranges(
    object_cloud: ObjectCloud, s3: Any, tmp_path: Path
) -> None:
    from boto3.s3.transfer import TransferConfig

    large, config = file_of(tmp_path / "large.bin", 100 * MIB), TransferConfig(multipart_chunksize=8 * MIB)
    s3.create_bucket(Bucket="parts")
    s3.upload_file(str(large), "parts", "large.bin", Config=config, ExtraArgs={"ChecksumAlgorithm": "SHA256"})
    assert s3.head_object(Bucket="parts", Key="large.bin")["ETag"].endswith('-13"')
    s3.download_file("parts", "large.bin", str(tmp_path / "back.bin"), Config=config)
    assert sha256(tmp_path / "back.bin") == sha256(large)
    s3.copy({"Bucket": "parts", "Key": "large.bin"}, "parts", "copy.bin", Config=config)

    # Swift's client holds an ETag against what it gets, unless it is told that there are parts.
    for name in ("large.bin", "copy.bin"):
        object_cloud.run("swift", "download", "parts", name, "-o", tmp_path / "by-swift.bin")
        assert sha256(tmp_path / "by-swift.bin") == sha256(large)
    object_cloud.run("swift", "delete", "parts")
    assert "parts" not in {one["Name"] for one in s3.list_buckets()["Buckets"]}


def test_a_signed_url_lets_anybody_read_and_write_what_it_says(s3: Any) -> None:
    s3.create_bucket(Bucket="signed")
    here = {"Bucket": "signed", "Key": "ä b+c"}
    put = s3.generate_presigned_url("put_object", here)
    assert plain("PUT", put, data=b"by a stranger")[0] == 200
    get = s3.generate_presigned_url("get_object", here | {"ResponseContentType": "text/x-test"}, ExpiresIn=60)
    assert plain("GET", get) == (200, b"by a stranger")
    assert plain("PUT", get, data=b"")[0] == 403
    assert plain("GET", get[:-1] + ("0" if get[-1] != "0" else "1"))[0] == 403
    assert plain("GET", get.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))[0] == 403


def test_a_form_lets_anybody_upload_what_its_policy_allows(s3: Any) -> None:
    s3.create_bucket(Bucket="forms")
    form = s3.generate_presigned_post(
        "forms", "in/${filename}", Conditions=[["content-length-range", 1, 100], ["starts-with", "$key", "in/"]]
    )
    status, _ = plain("POST", form["url"], data=form["fields"], files={"file": ("note.txt", b"from a browser")})
    assert status == 204
    assert s3.get_object(Bucket="forms", Key="in/note.txt")["Body"].read() == b"from a browser"
    status, said = plain("POST", form["url"], data=form["fields"], files={"file": ("big", b"x" * 101)})
    assert (status, b"EntityTooLarge" in said) == (400, True)
    assert s3.list_objects_v2(Bucket="forms")["KeyCount"] == 1


def test_versions_are_listed_restored_and_deleted(s3: Any) -> None:
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    here = {"Bucket": "versions", "Key": "note"}
    ids = [s3.put_object(**here, Body=text)["VersionId"] for text in (b"one", b"two", b"three")]
    marker = s3.delete_object(**here)
    assert marker["DeleteMarker"]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(**here)
    listed = s3.list_object_versions(Bucket="versions")
    assert [one["VersionId"] for one in listed["Versions"]] == ids[::-1]
    assert s3.get_object(**here, VersionId=ids[0])["Body"].read() == b"one"
    s3.delete_object(**here, VersionId=marker["VersionId"])
    assert s3.get_object(**here)["Body"].read() == b"three"
    s3.copy_object(**here, CopySource=here | {"VersionId": ids[0]})
    assert s3.get_object(**here)["Body"].read() == b"one"
    versions = s3.list_object_versions(Bucket="versions")["Versions"]
    doomed = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
    assert len(s3.delete_objects(Bucket="versions", Delete={"Objects": doomed})["Deleted"]) == 4
    s3.delete_bucket(Bucket="versions")


def test_a_bucket_is_opened_to_all_and_closed_again(object_cloud: ObjectCloud, s3: Any) -> None:
    url = f"{object_cloud.store_url}/open-s3/page"
    s3.create_bucket(Bucket="open-s3")
    s3.put_object(Bucket="open-s3", Key="page", Body=b"for all")
    with boto(object_cloud, signed=False) as anybody:
        with pytest.raises(anybody.exceptions.ClientError):
            anybody.get_object(Bucket="open-s3", Key="page")
        s3.put_bucket_acl(Bucket="open-s3", ACL="public-read")
        assert anybody.list_objects_v2(Bucket="open-s3")["KeyCount"] == 1
        s3.put_object_acl(Bucket="open-s3", Key="page", ACL="public-read")
        assert anybody.get_object(Bucket="open-s3", Key="page")["Body"].read() == b"for all"
    assert plain("GET", url) == (200, b"for all")
    s3.put_bucket_acl(Bucket="open-s3", ACL="private")
    s3.put_object_acl(Bucket="open-s3", Key="page", ACL="private")
    assert plain("GET", url)[0] in (401, 403)


def test_s3cmd_keeps_a_folder_and_a_large_file(object_cloud: ObjectCloud, tmp_path: Path) -> None:
    here, s3cmd = folder_of(tmp_path / "here", 60), object_cloud.s3cmd
    file_of(here / "large.bin", 20 * MIB)
    s3cmd("mb", "s3://by-s3cmd")
    s3cmd("sync", "--multipart-chunk-size-mb=6", f"{here}/", "s3://by-s3cmd/in/")
    (back := tmp_path / "back").mkdir()
    s3cmd("sync", "s3://by-s3cmd/in/", f"{back}/")
    assert_same(here, back)
    assert "upload:" not in s3cmd("sync", "--dry-run", "--multipart-chunk-size-mb=6", f"{here}/", "s3://by-s3cmd/in/")
    s3cmd("setacl", "--acl-public", "s3://by-s3cmd/in/000/00.bin")
    content = (here / "000" / "00.bin").read_bytes()
    assert plain("GET", f"{object_cloud.store_url}/by-s3cmd/in/000/00.bin") == (200, content)
    s3cmd("cp", "s3://by-s3cmd/in/000/00.bin", "s3://by-s3cmd/copy")
    assert "s3://by-s3cmd/copy" in s3cmd("ls", "s3://by-s3cmd")
    signed = s3cmd("signurl", "s3://by-s3cmd/copy", "+60").strip()
    assert plain("GET", signed) == (200, content)
    s3cmd("del", "--recursive", "--force", "s3://by-s3cmd")
    s3cmd("rb", "s3://by-s3cmd")


@pytest.mark.skipif(not _has_aws(), reason="the host lacks Amazon's command")
def test_amazons_command_keeps_a_folder_and_a_large_file(object_cloud: ObjectCloud, s3: Any, tmp_path: Path) -> None:
    here = folder_of(tmp_path / "here", 60)
    file_of(here / "large.bin", 20 * MIB)
    aws = ("aws", "--endpoint-url", object_cloud.store_url, "--region", REGION, "s3", "sync", "--only-show-errors")
    s3.create_bucket(Bucket="by-aws")
    object_cloud.run(*aws, here, "s3://by-aws/in")
    object_cloud.run(*aws, "s3://by-aws/in", tmp_path / "back")
    assert_same(here, tmp_path / "back")
