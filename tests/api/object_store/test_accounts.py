"""``/v1/account``."""

from typing import Any
from xml.etree import ElementTree

import pytest


async def test_an_account_is_there_for_its_owner_before_anything_is_in_it(swift: Any) -> None:
    answer = await swift.ann.get("")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["x-account-container-count"] == "0"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_figures_are_exact_over_all_policies(swift: Any) -> None:
    await swift.container("one")
    await swift.container("two", x_storage_policy="Silver")
    await swift.object("/one/a", b"12345")
    await swift.object("/two/b", b"123")
    await swift.object("/two/c", b"1")
    headers = (await swift.ann.request("HEAD", "")).headers
    assert headers["x-account-container-count"] == "2"
    assert headers["x-account-object-count"] == "3"
    assert headers["x-account-bytes-used"] == "9"
    assert headers["x-account-storage-policy-silver-object-count"] == "2"
    assert headers["x-account-storage-policy-default-bytes-used"] == "5"
    await swift.ann.delete("/two/b")
    assert (await swift.ann.request("HEAD", "")).headers["x-account-bytes-used"] == "6"


async def test_lists_come_in_three_forms(swift: Any) -> None:
    await swift.container("b")
    await swift.container("a")
    await swift.object("/a/o", b"xyz")
    assert await swift.names("") == ["a", "b"]
    first = (await swift.ann.get("?format=json")).json[0]
    assert {k: first[k] for k in ("name", "count", "bytes", "storage_policy")} == {
        "name": "a",
        "count": 1,
        "bytes": 3,
        "storage_policy": "default",
    }
    tree = ElementTree.fromstring((await swift.ann.get("?format=xml")).body)
    assert (tree.tag, [one.findtext("name") for one in tree]) == ("account", ["a", "b"])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("marker=a", ["b", "c1", "c2"]),
        ("end_marker=c", ["a", "b"]),
        ("prefix=c", ["c1", "c2"]),
        ("limit=2", ["a", "b"]),
        ("reverse=true&limit=2", ["c2", "c1"]),
        ("limit=0", []),
    ],
)
async def test_a_part_of_the_list(swift: Any, query: str, names: list[str]) -> None:
    for name in ("a", "b", "c1", "c2"):
        await swift.container(name)
    assert await swift.names("?" + query) == names


async def test_a_list_may_not_be_longer_than_the_limit(swift: Any) -> None:
    assert (await swift.ann.get("?limit=10001")).status == 412
    assert (await swift.ann.get("?limit=10000")).status == 204


async def test_metadata_is_set_changed_and_taken_away_a_name_at_a_time(swift: Any) -> None:
    await swift.ann.post("", headers={"x-account-meta-a": "1", "x-account-meta-b": "2"})
    await swift.ann.post("", headers={"x-account-meta-a": "", "x-remove-account-meta-b": "x", "x-account-meta-c": "3"})
    headers = (await swift.ann.get("")).headers
    assert {k: v for k, v in headers.items() if k.startswith("x-account-meta-")} == {"x-account-meta-c": "3"}


async def test_metadata_is_utf8(swift: Any) -> None:
    value = "grüße ☃".encode().decode("latin-1")
    await swift.ann.post("", headers={"x-account-meta-a": value})
    assert (await swift.ann.get("")).headers["x-account-meta-a"] == value


@pytest.mark.parametrize(
    "headers",
    [
        {"x-account-meta-" + "k" * 129: "v"},
        {"x-account-meta-k": "v" * 257},
        {"x-account-meta-": "v"},
        {f"x-account-meta-{n}": "v" for n in range(91)},
        {f"x-account-meta-{n}": "v" * 250 for n in range(20)},
        {"x-account-meta-k": "a\x01b"},
        {"x-other": "v" * 8193},
    ],
)
async def test_metadata_has_limits(swift: Any, headers: dict[str, str]) -> None:
    assert (await swift.ann.post("", headers=headers)).status == 400
    assert not [name for name in (await swift.ann.get("")).headers if name.startswith("x-account-meta-")]


async def test_what_is_acceptable_decides_the_form(swift: Any) -> None:
    await swift.container()
    assert (await swift.ann.get("", headers={"accept": "application/json"})).json[0]["name"] == "c"
    best = await swift.ann.get("", headers={"accept": "text/plain;q=0.1, application/xml;q=0.9"})
    assert best.headers["content-type"] == "application/xml; charset=utf-8"
    assert (await swift.ann.get("", headers={"accept": "image/png"})).status == 406
    assert (await swift.ann.get("", headers={"accept": "gibberish"})).status == 400


async def test_only_a_reseller_sets_quotas_and_they_hold(swift: Any) -> None:
    reseller = swift.visitor("reseller")
    await swift.container()
    assert (await swift.ann.post("", headers={"x-account-meta-quota-bytes": "1"})).status == 403
    assert (await reseller.post("", headers={"x-account-meta-quota-bytes": "many"})).status == 400
    assert (await reseller.post("", headers={"x-account-meta-quota-bytes": "10"})).status == 204
    assert (await swift.ann.get("")).headers["x-account-quota-bytes"] == "10"
    await swift.object("/c/fits", b"1234567890")
    refused = await swift.ann.put("/c/more", content=b"1")
    assert refused.status == 413
    chunked = await swift.ann.put("/c/more", content=[b"1", b"2"], headers={"transfer-encoding": "chunked"})
    assert chunked.status == 413
    assert await swift.names("/c") == ["fits"]
    assert (await reseller.post("", headers={"x-remove-account-quota-bytes": "x"})).status == 204
    assert (await reseller.post("", headers={"x-account-quota-count": "2"})).status == 204
    await swift.object("/c/second", b"")
    assert (await swift.ann.put("/c/third", content=b"1")).status == 413


async def test_a_quota_of_one_policy_leaves_the_others_alone(swift: Any) -> None:
    await swift.container("plain")
    await swift.container("shiny", x_storage_policy="silver")
    await swift.visitor("reseller").post("", headers={"x-account-quota-bytes-policy-silver": "2"})
    await swift.object("/plain/o", b"12345")
    assert (await swift.ann.put("/shiny/o", content=b"123")).status == 413


async def test_an_account_goes_by_its_reseller_once_it_is_empty(swift: Any) -> None:
    reseller = swift.visitor("reseller")
    await swift.container()
    assert (await swift.ann.delete("")).status == 403
    assert (await reseller.delete("")).status == 409
    await swift.ann.delete("/c")
    assert (await reseller.delete("")).status == 204
    assert (await reseller.delete("")).status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/", 412),
        ("/v1", 412),
        ("/v2/AUTH_x", 400),
        ("//v1/AUTH_x", 404),
        ("/v1//c/o", 404),
        ("/v1/a//o", 404),
        ("/v1/a/%ff", 412),
        ("/v1/a/c%00", 412),
        ("/info%20asdf", 412),
    ],
)
async def test_paths_that_are_none(swift: Any, path: str, status: int) -> None:
    assert (await swift.nobody.using("ann").get(path)).status == status


async def test_every_answer_has_the_number_of_its_transaction(swift: Any) -> None:
    for answer in (await swift.ann.get(""), await swift.nobody.get("/v1/AUTH_x/c/o"), await swift.nobody.get("/v1/")):
        assert answer.headers["x-trans-id"].startswith("tx")
        assert answer.headers["x-trans-id"] == answer.headers["x-openstack-request-id"]
    more = await swift.ann.get("", headers={"x-trans-id-extra": "from the moon" * 9})
    assert more.headers["x-trans-id"].endswith("-from%20the%20moonfrom%20the%20moonfrom%20t")


async def test_unknown_methods_are_told_the_known_ones(swift: Any) -> None:
    answer = await swift.ann.request("LICK", "/c")
    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS, POST, PUT")
    assert (await swift.ann.put("")).status == 405
