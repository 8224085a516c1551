"""Signing in and out: wrong guesses, locks, sessions and forgotten passwords."""

import asyncio
from typing import Any

import pytest

from wolke.business.audit import ENTRIES
from wolke.business.customers.store import SESSIONS

ADA = {"email": "ada@mail.example", "password": "nine red bicycles"}
WRONG = ADA | {"password": "eight red bicycles"}


async def test_a_wrong_address_and_a_wrong_password_are_told_in_the_same_words(people: Any, browser: Any) -> None:
    await people(ADA["email"])
    one, two = browser(), browser()
    a = await one.ask("POST", "/session", WRONG)
    b = await two.ask("POST", "/session", WRONG | {"email": "nobody@mail.example"})
    assert a.status == b.status == 401 and a.json["error"]["message"] == b.json["error"]["message"]
    assert "set-cookie" not in a.headers and "set-cookie" not in b.headers


@pytest.mark.parametrize("email", [ADA["email"], "nobody@mail.example"])
async def test_five_wrong_ones_lock_an_address_whether_somebody_has_it_or_not(
    shop: Any, people: Any, browser: Any, email: str
) -> None:
    await people(ADA["email"])
    guess = WRONG | {"email": email}
    waits = []
    for n in range(5):
        await browser(f"198.51.100.{n}").refused(401, "POST", "/session", guess)
    for n in range(8):
        answer = await browser(f"203.0.113.{n}").ask("POST", "/session", ADA | {"email": email})
        assert answer.status == 429 and "too many wrong passwords" in answer.json["error"]["message"]
        waits.append(int(answer.headers["retry-after"]))
        shop.clock.move(waits[-1])
        await browser(f"203.0.113.{n}").refused(401, "POST", "/session", guess)
    assert [round(wait / 60) for wait in waits] == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_lock_is_told_to_its_owner_and_opens_with_time_or_a_new_password(
    shop: Any, people: Any, browser: Any
) -> None:
    await people(ADA["email"])
    for _ in range(5):
        await browser().refused(401, "POST", "/session", WRONG)
    mail = await shop.mail(ADA["email"])
    assert mail.subject == "Somebody tries to sign in as you" and "192.0.2.7" in mail.text
    shop.clock.move(61)
    await browser().did("POST", "/session", ADA)
    for _ in range(4):
        await browser().refused(401, "POST", "/session", WRONG)
    await browser().did("POST", "/session", ADA)
    for _ in range(5):
        await browser().refused(401, "POST", "/session", WRONG)
    await browser().did("POST", "/password/forgotten", {"email": ADA["email"]}, status=202)
    token = await shop.link(ADA["email"])
    await browser().did("POST", "/password/reset", {"token": token, "password": "ten green tandems"})
    await browser().did("POST", "/session", ADA | {"password": "ten green tandems"})


async def test_a_hundred_guesses_at_once_are_a_hundred_guesses(people: Any, browser: Any) -> None:
    await people(ADA["email"])
    guesses = [browser(f"198.51.100.{n}").ask("POST", "/session", WRONG) for n in range(20)]
    statuses = [answer.status for answer in await asyncio.gather(*guesses)]
    assert statuses.count(401) == 5 and statuses.count(429) == 15


async def test_one_network_may_try_so_often(browser: Any) -> None:
    for n in range(30):
        await browser().refused(401, "POST", "/session", WRONG | {"email": f"p{n}@mail.example"})
    await browser().refused(429, "POST", "/session", ADA)


async def test_each_sign_in_has_a_token_of_its_own_and_only_its_hash_is_kept(shop: Any, people: Any) -> None:
    ada = await people(ADA["email"])
    first = ada.cookie
    await ada.did("POST", "/session", ADA)
    assert ada.cookie != first and len(ada.cookie) >= 43
    rows = await shop.desk.needs.db.find(SESSIONS)
    assert len(rows) == 2 and all(token not in str(rows) for token in (first, ada.cookie))
    ada.cookie = first
    await ada.refused(401, "GET", "/session")


async def test_the_cookie_is_for_this_site_and_no_script(browser: Any, people: Any) -> None:
    await people(ADA["email"])
    answer = await browser().ask("POST", "/session", ADA)
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    assert set(answer.json) == {"csrf", "needs_code"}


async def test_a_write_without_the_sessions_token_is_refused(people: Any) -> None:
    ada = await people(ADA["email"])
    for token in ("", "wrong", "ü"):
        answer = await ada.ask("PATCH", "/company", {"city": "Kiel"}, x_csrf_token=token)
        assert answer.status == 403 and "too old" in answer.json["error"]["message"]
    assert (await ada.did("GET", "/company"))["city"] == ""


async def test_a_session_ends_of_silence_and_of_age(shop: Any, people: Any) -> None:
    ada = await people(ADA["email"])
    for _ in range(3):
        shop.clock.move(7 * 3600)
        await ada.did("GET", "/session")
    shop.clock.move(8 * 3600 + 1)
    await ada.refused(401, "GET", "/session")
    await ada.did("POST", "/session", ADA)
    for _ in range(7 * 24 // 6 - 1):
        shop.clock.move(6 * 3600)
        await ada.did("GET", "/session")
    shop.clock.move(6 * 3600)
    await ada.refused(401, "GET", "/session")


async def test_a_session_that_was_given_a_new_token_does_not_live_longer(shop: Any, people: Any) -> None:
    ada = await people(ADA["email"])
    me = await ada.did("GET", "/session")
    for _ in range(28):
        shop.clock.move(6 * 3600 - 60)
        await ada.did("PUT", "/session/company", {"company_id": me["company_id"]})
    shop.clock.move(3600)
    await ada.refused(401, "GET", "/session")


async def test_sessions_are_listed_and_ended_and_only_ones_own(people: Any, browser: Any) -> None:
    ada, bob = await people(ADA["email"]), await people("bob@mail.example", name="Bob Bauer", company="Bauer KG")
    phone = browser("198.51.100.4")
    await phone.did("POST", "/session", ADA)
    listed = await ada.did("GET", "/sessions")
    assert [(one["address"], one["current"]) for one in listed] == [("198.51.100.4", False), ("192.0.2.7", True)]
    await bob.refused(404, "DELETE", f"/sessions/{listed[0]['id']}")
    await phone.did("GET", "/session")
    assert "sign out" in (await ada.refused(409, "DELETE", f"/sessions/{listed[1]['id']}"))["message"]
    await ada.did("DELETE", f"/sessions/{listed[0]['id']}", status=204)
    await phone.refused(401, "GET", "/session")
    await phone.did("POST", "/session", ADA)
    await ada.did("DELETE", "/sessions", status=204)
    await phone.refused(401, "GET", "/session")
    await ada.did("GET", "/session")


async def test_signing_out_ends_it_for_good(people: Any) -> None:
    ada = await people(ADA["email"])
    token = ada.cookie
    await ada.did("DELETE", "/session")
    assert ada.cookie == ""
    ada.cookie = token
    await ada.refused(401, "GET", "/session")


async def test_a_new_password_gives_another_token_here_and_ends_the_sessions_elsewhere(
    shop: Any, people: Any, browser: Any
) -> None:
    ada, phone = await people(ADA["email"]), browser()
    await phone.did("POST", "/session", ADA)
    old = ada.cookie
    change = {"old": ADA["password"], "new": "ten green tandems"}
    assert (await ada.refused(400, "PUT", "/me/password", change | {"old": "not this one"}))["fields"]["old"]
    assert (
        "others know"
        in (await ada.refused(400, "PUT", "/me/password", change | {"new": "kramer-kramer-1"}))["fields"]["new"]
    )
    await ada.did("PUT", "/me/password", change)
    assert ada.cookie != old
    await ada.did("GET", "/session")
    await phone.refused(401, "GET", "/session")
    await phone.refused(401, "POST", "/session", ADA)
    await phone.did("POST", "/session", ADA | {"password": change["new"]})
    assert (await shop.mail(ADA["email"])).subject == "Your password was changed"


async def test_a_session_left_open_is_no_place_to_guess_the_password_at(people: Any) -> None:
    ada = await people(ADA["email"])
    for _ in range(5):
        await ada.refused(400, "PUT", "/me/password", {"old": "wrong", "new": "ten green tandems"})
    await ada.refused(429, "PUT", "/me/password", {"old": ADA["password"], "new": "ten green tandems"})


async def test_the_link_for_a_new_password_is_good_once_for_an_hour_and_ends_all_sessions(
    shop: Any, people: Any, browser: Any
) -> None:
    ada, anyone = await people(ADA["email"]), browser()
    before = len(await shop.mails())
    unknown = await anyone.ask("POST", "/password/forgotten", {"email": "nobody@mail.example"})
    known = await anyone.ask("POST", "/password/forgotten", {"email": "Ada@mail.example"})
    assert unknown.status == known.status == 202 and len(await shop.mails()) == before + 1
    token = await shop.link(ADA["email"])
    short = await anyone.refused(400, "POST", "/password/reset", {"token": token, "password": "short"})
    assert "10 characters" in short["fields"]["password"]
    await anyone.did("POST", "/password/reset", {"token": token, "password": "ten green tandems"})
    await anyone.refused(404, "POST", "/password/reset", {"token": token, "password": "six white sleighs"})
    await ada.refused(401, "GET", "/session")
    shop.clock.move(1)
    await anyone.did("POST", "/password/forgotten", {"email": ADA["email"]}, status=202)
    shop.clock.move(3601)
    await anyone.refused(
        404, "POST", "/password/reset", {"token": await shop.link(ADA["email"]), "password": "six white sleighs"}
    )
    await anyone.did("POST", "/session", ADA | {"password": "ten green tandems"})


async def test_a_confirmation_link_is_no_link_for_a_new_password(shop: Any, people: Any, browser: Any) -> None:
    await people(ADA["email"])
    new = {
        "company": "Bauer KG",
        "country": "DE",
        "name": "Bob",
        "email": "bob@mail.example",
        "password": "twelve blue tandems",
    }
    await browser().did("POST", "/sign-up", new)
    token = await shop.link("bob@mail.example")
    await browser().refused(404, "POST", "/password/reset", {"token": token, "password": "ten green tandems"})
    await browser().refused(404, "POST", "/invitations/accept", {"token": token})
    await browser().did("POST", "/sign-up/confirm", {"token": token})


async def test_signing_in_is_in_the_log_with_the_address_and_without_the_password(shop: Any, people: Any) -> None:
    await people(ADA["email"])
    entries = await shop.desk.needs.db.find(ENTRIES)
    assert [entry.action for entry in entries] == ["people.confirm", "sessions.begin"]
    assert entries[1].address == "192.0.2.7" and ADA["password"] not in str(entries)


async def test_one_changes_ones_name_and_language(people: Any) -> None:
    ada = await people(ADA["email"])
    me = await ada.did("PATCH", "/me", {"name": " Ada  K. ", "locale": "de"})
    assert (me["name"], me["locale"]) == ("Ada K.", "de")
    assert (await ada.refused(400, "PATCH", "/me", {"locale": "tlh"}))["fields"]["locale"]


async def test_strength_is_told_as_one_types(browser: Any) -> None:
    anyone = browser()
    weak = await anyone.did("POST", "/password/strength", {"password": "Ada Kramer 1", "name": "Ada Kramer"})
    strong = await anyone.did("POST", "/password/strength", {"password": "mosaic tundra velvet plinth"})
    assert (
        weak["refused"] and weak["score"] == 0 and weak["hint"] and strong == {"score": 4, "hint": "", "refused": False}
    )
