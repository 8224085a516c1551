"""What Swift's own clients do with the object store: python-swiftclient and its command, openstacksdk, the ``openstack`` command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.object_cloud import FULL, MIB, ObjectCloud, assert_same, boto, file_of, folder_of, plain, sha256
from tests.clients.running_cloud import NetworkNamespace

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces"),
    pytest.mark.usefixtures("inside"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
]


@pytest.fixture(scope="module")
def sdk(object_cloud: ObjectCloud, namespace: NetworkNamespace) -> Iterator[Any]:
    with namespace.inside():
        connection = object_cloud.connect()
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def account(sdk: Any, namespace: NetworkNamespace) -> str:
    """Its URL, as the catalog says it."""
    with namespace.inside():
        return str(sdk.object_store.get_endpoint())


@pytest.fixture
def swift(sdk: Any) -> Iterator[Any]:
    from swiftclient.client import Connection

    connection = Connection(session=sdk.session, os_options={"region_name": "RegionOne"}, retries=2)
    yield connection
    connection.close()


def test_the_swift_command_keeps_a_folder_and_gives_it_back(
    object_cloud: ObjectCloud, swift: Any, tmp_path: Path
) -> None:
    here = folder_of(tmp_path / "here", 60)
    object_cloud.run("swift", "upload", "folder", ".", cwd=here)
    listed = swift.get_container("folder")[1]
    assert [one["name"] for one in listed] == sorted(_names(here))
    object_cloud.run("swift", "download", "folder", "-D", tmp_path / "back")
    assert_same(here, tmp_path / "back")
    object_cloud.run("swift", "upload", "folder", ".", "--skip-identical", cwd=here)
    assert swift.get_container("folder")[1] == listed, "nothing was sent again"
    object_cloud.run("swift", "delete", "folder")
    assert "folder" not in {one["name"] for one in swift.get_account()[1]}


def _names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("kind", "octets"), [("slo", 100 * MIB), *([("dlo", 25 * MIB)] if FULL else [])])
def test_the_swift_command_keeps_a_large_file_in_segments(
    object_cloud: ObjectCloud, swift: Any, tmp_path: Path, kind: str, octets: int
) -> None:
    cloud, large, name = object_cloud, file_of(tmp_path / "large.bin", octets), f"large-{kind}"
    cloud.run(
        "swift", "upload", name, "large.bin", f"--use-{kind}", "--segment-size", str(10 * MIB), cwd=tmp_path
    )  # fmt: skip
    assert len(swift.get_container(f"{name}_segments")[1]) == -(-octets // (10 * MIB))
    cloud.run("swift", "download", name, "large.bin", "-o", tmp_path / "back.bin")
    assert sha256(tmp_path / "back.bin") == sha256(large)
    with boto(cloud) as s3:
        assert sha256(s3.get_object(Bucket=name, Key="large.bin")["Body"].read()) == sha256(large)
        tail = s3.get_object(Bucket=name, Key="large.bin", Range="bytes=10485750-10485769")["Body"].read()
        assert tail == large.read_bytes()[10485750:10485770]
    cloud.run("swift", "delete", name, "large.bin")
    assert swift.get_container(f"{name}_segments")[1] == []


def test_a_container_is_opened_to_all_and_closed_again(object_cloud: ObjectCloud, swift: Any, account: str) -> None:
    swift.put_container("open", headers={"X-Container-Read": ".r:*,.rlistings"})
    swift.put_object("open", "page", b"for all")
    assert plain("GET", f"{account}/open/page") == (200, b"for all")
    assert plain("GET", f"{account}/open") == (200, b"page\n")
    assert plain("PUT", f"{account}/open/page", data=b"mine")[0] == 401
    with boto(object_cloud) as s3:
        assert s3.get_object(Bucket="open", Key="page")["Body"].read() == b"for all"
    swift.post_container("open", {"X-Container-Read": ""})
    assert plain("GET", f"{account}/open/page")[0] == 401


def test_a_temporary_url_is_good_for_its_method_and_path(object_cloud: ObjectCloud, swift: Any, account: str) -> None:
    cloud, place = object_cloud, account.removeprefix(object_cloud.store_url) + "/closed/secret"
    swift.put_container("closed")
    swift.put_object("closed", "secret", b"for you")
    swift.post_account({"X-Account-Meta-Temp-URL-Key": "swordfish"})
    signed = cloud.run("swift", "tempurl", "GET", "300", place, "swordfish", "--digest", "sha512").strip()
    assert plain("GET", cloud.store_url + signed) == (200, b"for you")
    assert plain("PUT", cloud.store_url + signed, data=b"")[0] == 401
    assert plain("GET", cloud.store_url + signed.replace("closed/secret", "closed/other"))[0] == 401
    signed = cloud.run("swift", "tempurl", "PUT", "300", place, "swordfish").strip()
    assert plain("PUT", cloud.store_url + signed, data=b"from you")[0] == 201
    assert swift.get_object("closed", "secret")[1] == b"from you"


def test_versions_are_listed_read_and_deleted_one_by_one(swift: Any) -> None:
    swift.put_container("kept", headers={"X-Versions-Enabled": "true"})
    for text in (b"first", b"second", b"third"):
        swift.put_object("kept", "note", text)
    swift.delete_object("kept", "note")

    def versions() -> list[dict[str, Any]]:
        return list(swift.get_container("kept", query_string="versions=true")[1])

    listed = versions()
    assert [one["content_type"].startswith("application/x-deleted") for one in listed] == [True, False, False, False]
    assert swift.get_container("kept")[1] == []
    first = next(one for one in listed if one["bytes"] == len(b"first") and one is listed[-1])
    name = f"version-id={first['version_id']}"
    assert swift.get_object("kept", "note", query_string=name)[1] == b"first"
    swift.put_object("kept", "note", swift.get_object("kept", "note", query_string=name)[1])
    assert swift.get_object("kept", "note")[1] == b"first"
    swift.delete_object("kept", "note", query_string=name)
    assert first["version_id"] not in {one["version_id"] for one in versions()}
    for one in versions():
        swift.delete_object("kept", "note", query_string=f"version-id={one['version_id']}")
    swift.delete_container("kept")


def test_swiftclient_streams_copies_and_describes(swift: Any) -> None:
    swift.put_container("c", headers={"X-Container-Meta-Colour": "blue"})
    etag = swift.put_object("c", "ä/ö ü", iter([b"one ", b"two ", b"three"]), headers={"X-Object-Meta-Who": "me"})
    headers, body = swift.get_object("c", "ä/ö ü", resp_chunk_size=4)
    assert b"".join(body) == b"one two three"
    assert (headers["etag"], headers["x-object-meta-who"]) == (etag, "me")
    swift.copy_object("c", "ä/ö ü", destination="/c/copy", headers={"X-Object-Meta-Who": "you"})
    assert swift.head_object("c", "copy")["x-object-meta-who"] == "you"
    swift.post_object("c", "copy", {"X-Object-Meta-Who": "them", "X-Delete-After": "3600"})
    assert swift.head_object("c", "copy")["x-object-meta-who"] == "them"
    assert "x-delete-at" in swift.head_object("c", "copy")
    headers, listed = swift.get_container("c", full_listing=True)
    assert [one["name"] for one in listed] == ["copy", "ä/ö ü"]
    assert (headers["x-container-object-count"], headers["x-container-meta-colour"]) == ("2", "blue")
    assert swift.get_capabilities()["swift"]["max_object_name_length"] == 1024
    for one in listed:
        swift.delete_object("c", one["name"])
    swift.delete_container("c")


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it leaves open what it reads its segments from
def test_openstacksdk_goes_round(sdk: Any, tmp_path: Path, object_cloud: ObjectCloud) -> None:
    store = sdk.object_store
    store.create_container(name="sdk")
    store.set_container_metadata("sdk", colour="green")
    assert store.get_container_metadata("sdk").metadata["colour"] == "green"
    store.upload_object(container="sdk", name="small", data=b"small data")
    assert store.download_object("small", container="sdk") == b"small data"
    store.set_object_metadata("small", container="sdk", who="sdk")
    assert store.get_object_metadata("small", container="sdk").metadata["who"] == "sdk"

    large = file_of(tmp_path / "large.bin", 24 * MIB)
    sdk.create_object("sdk", "large", filename=str(large), segment_size=8 * MIB, use_slo=True)
    sdk.get_object("sdk", "large", outfile=str(tmp_path / "back.bin"))
    assert sha256(tmp_path / "back.bin") == sha256(large)
    assert sdk.is_object_stale("sdk", "large", str(large)) is False
    assert [one.name for one in store.objects("sdk", prefix="large")] == [
        "large",
        *(f"large/00000{n}" for n in range(3)),
    ]
    with boto(object_cloud) as s3:
        assert s3.get_object(Bucket="sdk", Key="small")["Body"].read() == b"small data"

    store.set_container_temp_url_key("sdk", "swordfish")
    path = store.get_endpoint().removeprefix(object_cloud.store_url) + "/sdk/small"
    signed = store.generate_temp_url(path, 300, "GET", temp_url_key=store.get_temp_url_key("sdk"))
    assert plain("GET", object_cloud.store_url + signed) == (200, b"small data")
    for name in ("large", "small"):
        assert sdk.delete_object("sdk", name)
    assert list(store.objects("sdk")) == []
    store.delete_container("sdk")


def test_the_openstack_command_goes_round(object_cloud: ObjectCloud, swift: Any, tmp_path: Path) -> None:
    cloud = object_cloud
    swift.put_container("pictures")
    (tmp_path / "cat.jpg").write_bytes(os.urandom(70_000))
    cloud.run("openstack", "object", "create", "pictures", "cat.jpg", cwd=tmp_path)
    cloud.run("openstack", "object", "save", "pictures", "cat.jpg", "--file", tmp_path / "back.jpg")
    assert (tmp_path / "back.jpg").read_bytes() == (tmp_path / "cat.jpg").read_bytes()
