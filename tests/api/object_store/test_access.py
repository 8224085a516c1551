"""Who may: roles, access lists of containers and accounts, referrers, services, and who has no token at all."""

import json
from typing import Any

import pytest


async def shared(swift: Any, read: str = "", write: str = "") -> None:
    await swift.container("c", x_container_read=read, x_container_write=write)
    await swift.object()


async def test_a_stranger_is_401_and_another_project_403(swift: Any) -> None:
    await shared(swift)
    for path in ("", "/c", "/c/o", "/none", "/c/none"):
        assert (await swift.nobody.get(swift.at(path))).status == 401
        assert (await swift.visitor("bob").get(path)).status == 403
    assert (await swift.nobody.get(swift.at("/c"))).headers["www-authenticate"] == f'Swift realm="AUTH_{"a" * 32}"'
    bad = await swift.nobody.using("nonsense").get(swift.at("/c"))
    assert bad.status == 401


async def test_readers_look_and_others_of_the_project_do_not(swift: Any) -> None:
    await shared(swift)
    reader, guest = swift.visitor("ann-reader"), swift.visitor("ann-guest")
    assert (await reader.get("/c/o")).status == 200
    assert (await reader.put("/c/p", content=b"x")).status == 403
    assert (await reader.delete("/c/o")).status == 403
    assert (await guest.get("/c/o")).status == 403


@pytest.mark.parametrize(
    ("acl", "object_status", "list_status"),
    [
        ("project-bob:bob", 200, 200),
        ("project-bob:*", 200, 200),
        ("*:bob", 200, 200),
        ("*:*", 200, 200),
        ("b" * 32 + ":id-of-bob", 200, 200),
        ("project-bob:somebody", 403, 403),
        (".r:*", 200, 403),
        (".r:*,.rlistings", 200, 200),
        (".r:.friends.test", 200, 403),
        (".r:*,.r:-www.friends.test", 403, 403),
        (".r:other.test", 403, 403),
    ],
)
async def test_who_may_read(swift: Any, acl: str, object_status: int, list_status: int) -> None:
    await shared(swift, read=acl)
    bob = swift.visitor("bob").using(referer="http://www.friends.test/page")
    assert (await bob.get("/c/o")).status == object_status
    assert (await bob.get("/c")).status == list_status
    assert (await bob.put("/c/o", content=b"x")).status == 403


async def test_who_may_write(swift: Any) -> None:
    await shared(swift, write="project-bob:bob")
    bob = swift.visitor("bob")
    assert (await bob.put("/c/p", content=b"x")).status == 201
    assert (await bob.post("/c/p", headers={"x-object-meta-a": "1"})).status == 202
    assert (await bob.delete("/c/p")).status == 204
    assert (await bob.get("/c/o")).status == 403
    assert (await bob.post("/c", headers={"x-container-meta-a": "1"})).status == 403
    assert (await bob.delete("/c")).status == 403


async def test_a_role_of_the_project_may_be_let_in(swift: Any) -> None:
    await shared(swift, read="Guest")
    assert (await swift.visitor("ann-guest").get("/c/o")).status == 200


async def test_names_mean_nobody_in_another_domain(swift: Any) -> None:
    await shared(swift, read="project-far:far")
    assert (await swift.visitor("far").get("/c/o")).status == 403
    await swift.ann.post("/c", headers={"x-container-read": "f" * 32 + ":id-of-far"})
    assert (await swift.visitor("far").get("/c/o")).status == 200


async def test_lists_are_kept_tidy_and_shown_to_owners_only(swift: Any) -> None:
    await shared(swift, read=" .referrer : * , , .rlistings,project-bob:bob ", write="a:b , c:d")
    headers = (await swift.ann.get("/c")).headers
    assert headers["x-container-read"] == ".r:*,.rlistings,project-bob:bob"
    assert headers["x-container-write"] == "a:b,c:d"
    assert "x-container-read" not in (await swift.visitor("bob").get("/c")).headers
    await swift.ann.post("/c", headers={"x-remove-container-read": "x"})
    assert "x-container-read" not in (await swift.ann.get("/c")).headers


@pytest.mark.parametrize(
    ("name", "acl"),
    [("read", ".x:*"), ("read", ".r:"), ("read", ".r:-"), ("read", ".r:*."), ("write", ".r:*"), ("read", "a:b,.y:z")],
)
async def test_lists_that_mean_nothing_are_refused(swift: Any, name: str, acl: str) -> None:
    assert (await swift.ann.put("/c", headers={f"x-container-{name}": acl})).status == 400


async def test_the_account_s_own_list_has_three_levels(swift: Any) -> None:
    await shared(swift)
    bob = swift.visitor("bob")

    async def may(level: str) -> list[int]:
        acl = json.dumps({level: ["project-bob:bob"]})
        assert (await swift.ann.post("", headers={"x-account-access-control": acl})).status == 204
        return [
            (await bob.get("")).status,
            (await bob.get("/c/o")).status,
            (await bob.put("/c/p", content=b"x")).status,
            (await bob.put("/d")).status,
            (await bob.post("", headers={"x-account-meta-a": "1"})).status,
        ]

    assert await may("read-only") == [200, 200, 403, 403, 403]
    assert "x-account-access-control" not in (await bob.get("")).headers
    assert await may("read-write") == [200, 200, 201, 201, 403]
    assert await may("admin") == [200, 200, 201, 202, 204]
    assert (await bob.get("")).headers["x-account-access-control"] == '{"admin":["project-bob:bob"]}'
    await bob.post("", headers={"x-account-access-control": "{}"})
    assert (await bob.get("")).status == 403


@pytest.mark.parametrize("acl", ["yuck", "[]", '{"king":["a:b"]}', '{"admin":"a:b"}', '{"admin":[1]}'])
async def test_an_account_s_list_must_be_one(swift: Any, acl: str) -> None:
    assert (await swift.ann.post("", headers={"x-account-access-control": acl})).status == 400


async def test_who_may_only_write_sets_no_lists_and_keys(swift: Any) -> None:
    await swift.ann.post("", headers={"x-account-access-control": '{"read-write":["project-bob:bob"]}'})
    bob = swift.visitor("bob")
    await bob.put(
        "/c", headers={"x-container-read": ".r:*", "x-container-meta-temp-url-key": "k", "x-container-meta-a": "1"}
    )
    headers = (await swift.ann.get("/c")).headers
    assert headers["x-container-meta-a"] == "1"
    assert not {"x-container-read", "x-container-meta-temp-url-key"} & set(headers)


async def test_a_service_s_account_wants_both_tokens(swift: Any) -> None:
    account = f"SERVICE_{'a' * 32}"
    alone, together = swift.client("ann", account), swift.client("ann", account).using(x_service_token="service")
    assert (await together.put("/c")).status == 201
    assert (await together.get("/c")).status == 204
    assert (await alone.get("/c")).status == 403
    assert (await swift.client("bob", account).using(x_service_token="service").get("/c")).status == 403


async def test_a_reseller_s_administrator_may_everything(swift: Any) -> None:
    await shared(swift)
    reseller = swift.visitor("reseller")
    assert (await reseller.delete("/c/o")).status == 204
    assert (await reseller.delete("/c")).status == 204


async def test_nobody_s_name_from_outside_counts(swift: Any) -> None:
    """Headers that only the store itself may set."""
    await shared(swift)
    forged = {"x-backend-allow-reserved-names": "true", "x-container-sysmeta-a": "b", "x-object-sysmeta-a": "b"}
    await swift.ann.post("/c", headers=forged)
    await swift.ann.post("/c/o", headers=forged)
    for path in ("/c", "/c/o"):
        assert not [name for name in (await swift.ann.get(path)).headers if "sysmeta" in name or "backend" in name]
