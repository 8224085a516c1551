"""Colleagues: invited by mail, changed, removed; and the last owner stays."""

from typing import Any

import pytest

from wolke.business.customers.store import KEYS, MEMBERS

BOB = {"email": "bob@mail.example", "roles": ["buyer"]}
JOIN = {"name": "Bob Bauer", "password": "twelve blue tandems"}


async def join(shop: Any, browser: Any, owner: Any, **invite: Any) -> Any:
    """Bob, invited by ``owner`` and signed in."""
    await owner.did("POST", "/members", BOB | invite)
    bob = browser()
    await bob.did("POST", "/invitations/accept", {"token": await shop.link(BOB["email"])} | JOIN)
    await bob.did("POST", "/session", {"email": BOB["email"], "password": JOIN["password"]})
    return bob


async def member_id(owner: Any, name: str) -> str:
    return next(one["id"] for one in await owner.did("GET", "/members") if one["name"] == name)


async def test_somebody_new_sets_name_and_password_and_may_what_they_were_invited_for(
    shop: Any, people: Any, browser: Any
) -> None:
    ada = await people("ada@mail.example")
    invitation = await ada.did("POST", "/members", BOB, status=201)
    assert [one["email"] for one in await ada.did("GET", "/invitations")] == [BOB["email"]]
    token = await shop.link(BOB["email"])
    bob = browser()
    shown = await bob.did("POST", "/links/show", {"token": token})
    assert (shown["kind"], shown["company"], shown["roles"], shown["known"]) == (
        "invite",
        "Kramer GmbH",
        ["buyer"],
        False,
    )
    missing = await bob.refused(400, "POST", "/invitations/accept", {"token": token})
    assert set(missing["fields"]) == {"name", "password"}
    assert await bob.did("POST", "/invitations/accept", {"token": token} | JOIN) == {"email": BOB["email"]}
    await bob.refused(404, "POST", "/invitations/accept", {"token": token} | JOIN)
    await bob.did("POST", "/session", {"email": BOB["email"], "password": JOIN["password"]})
    assert (await bob.did("GET", "/session"))["roles"] == ["buyer"]
    await bob.refused(403, "POST", "/members", BOB)
    await bob.refused(403, "PATCH", "/company", {"city": "Kiel"})
    assert [one["name"] for one in await bob.did("GET", "/members")] == ["Ada Kramer", "Bob Bauer"]
    assert await ada.did("GET", "/invitations") == []
    await ada.refused(404, "DELETE", f"/invitations/{invitation['id']}")


async def test_who_has_an_account_just_joins_and_switches_between_companies(shop: Any, people: Any) -> None:
    ada, bob = await people("ada@mail.example"), await people(BOB["email"], "Bauer KG", "Bob Bauer")
    await ada.did("POST", "/members", BOB | {"roles": ["accountant", "approver"]})
    await bob.did("POST", "/invitations/accept", {"token": await shop.link(BOB["email"])})
    assert (await bob.did("GET", "/session"))["company"] == "Bauer KG"
    places = {one["name"]: one["company_id"] for one in (await bob.did("GET", "/session"))["places"]}
    token = bob.cookie
    await bob.did("PUT", "/session/company", {"company_id": places["Kramer GmbH"]})
    assert bob.cookie != token
    assert (await bob.did("GET", "/session"))["roles"] == ["accountant", "approver"]
    await bob.refused(404, "PUT", "/session/company", {"company_id": "nowhere"})
    await bob.refused(404, "PUT", "/session/company", {})
    fields = (await ada.refused(400, "POST", "/members", BOB))["fields"]
    assert fields == {"email": "They work with your company already."}


async def test_an_invitation_is_replaced_by_the_next_withdrawn_or_over_after_a_week(
    shop: Any, people: Any, browser: Any
) -> None:
    ada, bob = await people("ada@mail.example"), browser()
    await ada.did("POST", "/members", BOB)
    first = await shop.link(BOB["email"])
    shop.clock.move(1)
    second = await ada.did("POST", "/members", BOB | {"roles": ["technician"]})
    token = await shop.link(BOB["email"])
    await bob.refused(404, "POST", "/links/show", {"token": first})
    await ada.did("DELETE", f"/invitations/{second['id']}", status=204)
    await bob.refused(404, "POST", "/invitations/accept", {"token": token} | JOIN)
    shop.clock.move(1)
    await ada.did("POST", "/members", BOB)
    shop.clock.move(7 * 24 * 3600 - 100)
    await ada.did("POST", "/session", {"email": "ada@mail.example", "password": "nine red bicycles"})
    assert len(await ada.did("GET", "/invitations")) == 1
    shop.clock.move(101)
    assert await ada.did("GET", "/invitations") == []
    await bob.refused(404, "POST", "/invitations/accept", {"token": await shop.link(BOB["email"])} | JOIN)


async def test_some_work_with_some_projects_and_see_no_others(shop: Any, people: Any, browser: Any) -> None:
    ada = await people("ada@mail.example")
    main = (await ada.did("GET", "/projects"))["items"][0]["id"]
    web = (await ada.did("POST", "/projects", {"name": "Web"}))["id"]
    bob = await join(shop, browser, ada, projects=[web])
    assert [one["id"] for one in (await bob.did("GET", "/projects"))["items"]] == [web]
    await bob.did("GET", f"/projects/{web}")
    await bob.refused(404, "GET", f"/projects/{main}")
    bobs = await member_id(ada, "Bob Bauer")
    await ada.did("PATCH", f"/members/{bobs}", {"roles": ["buyer", "technician"], "projects": [main]})
    await bob.did("GET", f"/projects/{main}")
    await bob.refused(404, "GET", f"/projects/{web}")


async def test_projects_of_others_cannot_be_given_and_owners_work_with_all(people: Any) -> None:
    ada, eve = await people("ada@mail.example"), await people("eve@mail.example", "Eves Ltd", "Eve")
    foreign = (await eve.did("GET", "/projects"))["items"][0]["id"]
    own = (await ada.did("GET", "/projects"))["items"][0]["id"]
    for wrong in ({"projects": [foreign]}, {"projects": []}, {"projects": [own], "roles": ["owner"]}):
        assert (await ada.refused(400, "POST", "/members", BOB | wrong))["fields"]["projects"]
    assert (await ada.refused(400, "POST", "/members", BOB | {"roles": ["administrator"]}))["fields"]["roles"]
    assert (await ada.refused(400, "POST", "/members", BOB | {"roles": []}))["fields"]["roles"]


async def test_the_last_owner_stays(shop: Any, people: Any, browser: Any) -> None:
    ada = await people("ada@mail.example")
    bob = await join(shop, browser, ada)
    own, bobs = await member_id(ada, "Ada Kramer"), await member_id(ada, "Bob Bauer")
    for method, path, body in (
        ("PATCH", f"/members/{own}", {"roles": ["buyer"]}),
        ("DELETE", f"/members/{own}", None),
        ("DELETE", "/membership", None),
    ):
        assert "last owner" in (await ada.refused(409, method, path, body))["message"]
    await ada.did("PATCH", f"/members/{bobs}", {"roles": ["owner"]})
    await ada.did("DELETE", "/membership", status=204)
    assert (await ada.did("GET", "/session"))["company_id"] is None
    await ada.refused(403, "GET", "/company")
    assert [one["name"] for one in await bob.did("GET", "/members")] == ["Bob Bauer"]


async def test_who_was_removed_is_out_at_once_with_every_key(shop: Any, people: Any, browser: Any) -> None:
    ada = await people("ada@mail.example")
    bob = await join(shop, browser, ada)
    key = (await bob.did("POST", "/keys", {"name": "backup"}))["key"]
    program = browser()
    assert (await program.ask("GET", "/company", authorization=f"Bearer {key}")).status == 200
    await ada.did("DELETE", f"/members/{await member_id(ada, 'Bob Bauer')}", status=204)
    await bob.refused(403, "GET", "/company")
    assert (await program.ask("GET", "/company", authorization=f"Bearer {key}")).status == 401
    assert await shop.desk.needs.db.count(MEMBERS) == 1
    assert await shop.desk.needs.db.count(KEYS, ended_at=None) == 0


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_another_companys_people_are_not_there(people: Any, method: str) -> None:
    ada, eve = await people("ada@mail.example"), await people("eve@mail.example", "Eves Ltd", "Eve")
    body = {"roles": ["buyer"]} if method == "PATCH" else None
    await eve.refused(404, method, f"/members/{await member_id(ada, 'Ada Kramer')}", body)
