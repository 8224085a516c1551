"""Signing up: nothing exists before the link in the mail has come back, and nobody learns who has an account."""

from typing import Any

from wolke.business.customers.store import COMPANIES, LINKS, MEMBERS, PEOPLE, PROJECTS
from wolke.core.clock import moment

NEW = {
    "company": " Kramer  GmbH ", "country": "de", "name": "Ada Kramer", "email": "Ada@Mail.Example", "password": "nine red bicycles",
}  # fmt: skip


async def test_a_company_its_owner_and_a_first_project_come_with_the_click_in_the_mail(shop: Any, browser: Any) -> None:
    ada, db = browser(), shop.desk.needs.db
    assert await ada.did("POST", "/sign-up", NEW, status=202) == {"email": "ada@mail.example"}
    assert await db.count(PEOPLE) == await db.count(COMPANIES) == await db.count(PROJECTS) == 0
    await ada.refused(401, "POST", "/session", {"email": NEW["email"], "password": NEW["password"]})

    token = await shop.link("ada@mail.example")
    shown = await ada.did("POST", "/links/show", {"token": token})
    assert (shown["kind"], shown["company"], shown["known"]) == ("confirm", "Kramer GmbH", False)
    assert await ada.did("POST", "/sign-up/confirm", {"token": token}) == {"email": "ada@mail.example"}
    await ada.refused(404, "POST", "/sign-up/confirm", {"token": token})

    await ada.did("POST", "/session", {"email": NEW["email"], "password": NEW["password"]})
    me = await ada.did("GET", "/session")
    assert (me["name"], me["company"], me["roles"], me["staff"]) == ("Ada Kramer", "Kramer GmbH", ["owner"], [])
    company = await ada.did("GET", "/company")
    assert (company["number"], company["country"], company["currency"], company["state"]) == (
        10001,
        "DE",
        "EUR",
        "open",
    )
    assert [(p["name"], p["state"]) for p in (await ada.did("GET", "/projects"))["items"]] == [("Main", "preparing")]


async def test_a_known_address_is_answered_like_any_other_and_its_owner_gets_a_mail(
    shop: Any, browser: Any, people: Any
) -> None:
    await people("ada@mail.example")
    stranger = browser("198.51.100.1")
    one = await stranger.ask("POST", "/sign-up", NEW | {"password": "twelve blue tandems", "company": "Other Ltd"})
    two = await stranger.ask("POST", "/sign-up", NEW | {"email": "bob@mail.example"})
    assert one.status == two.status == 202 and one.json == {"email": "ada@mail.example"}
    assert set(one.headers) == set(two.headers)
    mail = await shop.mail("ada@mail.example")
    assert mail.subject == "You have an account already" and "https://cloud.example/sign-in" in mail.text
    assert await shop.desk.needs.db.count(PEOPLE) == 1
    await stranger.refused(401, "POST", "/session", {"email": "ada@mail.example", "password": "twelve blue tandems"})


async def test_whoever_signs_up_with_anothers_address_gains_nothing_from_the_others_click(
    shop: Any, browser: Any
) -> None:
    thief, ada = browser("198.51.100.1"), browser()
    await thief.did("POST", "/sign-up", NEW | {"password": "twelve blue tandems"})
    stolen = await shop.link("ada@mail.example")
    shop.clock.move(1)
    await ada.did("POST", "/sign-up", NEW)
    await ada.did("POST", "/sign-up/confirm", {"token": await shop.link("ada@mail.example")})
    await ada.refused(404, "POST", "/sign-up/confirm", {"token": stolen})
    await thief.refused(401, "POST", "/session", {"email": "ada@mail.example", "password": "twelve blue tandems"})
    await ada.did("POST", "/session", {"email": "ada@mail.example", "password": NEW["password"]})


async def test_the_link_lasts_two_days_and_can_be_had_again(shop: Any, browser: Any) -> None:
    ada = browser()
    await ada.did("POST", "/sign-up", NEW)
    old = await shop.link("ada@mail.example")
    shop.clock.move(47 * 3600)
    await ada.did("POST", "/sign-up/resend", {"email": "ada@mail.example"}, status=202)
    new = await shop.link("ada@mail.example")
    assert new != old
    await ada.refused(404, "POST", "/sign-up/confirm", {"token": old})
    shop.clock.move(49 * 3600)
    await ada.refused(404, "POST", "/sign-up/confirm", {"token": new})
    before = len(await shop.mails())
    await ada.did("POST", "/sign-up/resend", {"email": "ada@mail.example"}, status=202)
    await ada.did("POST", "/sign-up/resend", {"email": "nobody@mail.example"}, status=202)
    assert len(await shop.mails()) == before


async def test_what_is_wrong_stands_beside_its_field(browser: Any) -> None:
    ada = browser()
    wrong = {"company": "", "country": "DE", "name": "Ada\nBcc: all@mail.example", "email": "ada", "password": "x"}
    error = await ada.refused(400, "POST", "/sign-up", wrong)
    assert set(error["fields"]) == {"company", "name", "email"}
    assert (await ada.refused(400, "POST", "/sign-up", NEW | {"country": "XX"}))["fields"]["country"]
    for name in ("See https://win.example", "WWW.win.example", "Ada\u2028Kramer", "Ada\u202ekramer"):
        assert (await ada.refused(400, "POST", "/sign-up", NEW | {"name": name}))["fields"]["name"]
    error = await ada.refused(400, "POST", "/sign-up", NEW | {"password": "ada@mail.example"})
    assert "others know" in error["fields"]["password"]
    assert (await ada.refused(400, "POST", "/sign-up", NEW | {"company": "   "}))["fields"] == {
        "company": "This is needed."
    }
    assert (await ada.refused(400, "POST", "/sign-up", {**NEW, "staff": ["administrator"]}))["fields"] == {
        "staff": "There is no such field."
    }


async def test_nobodys_mailbox_is_flooded(shop: Any, browser: Any) -> None:
    for n in range(5):
        await browser(f"198.51.100.{n}").did("POST", "/sign-up", NEW)
    answer = await browser("198.51.100.99").ask("POST", "/sign-up", NEW)
    assert answer.status == 429 and int(answer.headers["retry-after"]) > 0
    assert len(await shop.mails()) == 5


async def test_one_network_signs_up_so_many_an_hour(browser: Any) -> None:
    for n in range(20):
        await browser(f"2001:db8::{n:x}").did("POST", "/sign-up", NEW | {"email": f"p{n}@mail.example"})
    await browser("2001:db8::ffff").refused(429, "POST", "/sign-up", NEW)
    await browser("2001:db8:0:1::1").did("POST", "/sign-up", NEW)


async def test_customer_numbers_count_up_and_a_second_company_is_a_place_of_its_own(people: Any) -> None:
    ada = await people("ada@mail.example")
    await ada.did("POST", "/companies", {"company": "Zweite GmbH", "country": "AT"}, status=201)
    me = await ada.did("GET", "/session")
    assert me["company"] == "Zweite GmbH" and [p["name"] for p in me["places"]] == ["Kramer GmbH", "Zweite GmbH"]
    assert (await ada.did("GET", "/company"))["number"] == 10002
    assert [p["name"] for p in (await ada.did("GET", "/projects"))["items"]] == ["Main"]
    await ada.did("PUT", "/session/company", {"company_id": me["places"][0]["company_id"]})
    assert (await ada.did("GET", "/company"))["number"] == 10001


async def test_the_mail_is_in_the_persons_language_and_holds_no_secret_but_the_link(shop: Any, browser: Any) -> None:
    await browser().did("POST", "/sign-up", NEW | {"locale": "de"})
    mail = await shop.mail("ada@mail.example")
    assert mail.subject == "Bitte bestätigen Sie Ihre E-Mail-Adresse" and mail.text.startswith("Guten Tag Ada Kramer,")
    assert NEW["password"] not in mail.text
    link = (await shop.desk.needs.db.find(LINKS))[0]
    token = await shop.link("ada@mail.example")
    assert (
        token not in str(link) and NEW["password"] not in str(link) and link.data["password"].startswith("$argon2id$")
    )
    assert moment(link.expires_at).timestamp() - shop.clock.time() == 48 * 3600
    assert await shop.desk.needs.db.count(MEMBERS) == 0
