"""Another e-mail address: confirmed at the new one, told to the old one, and nobody learns whose an address is."""

from typing import Any

PASSWORD = "nine red bicycles"
OLD, NEW = "ada@mail.example", "ada@new.example"


async def asks(one: Any, email: str = NEW) -> None:
    await one.did("POST", "/me/email", {"email": email, "password": PASSWORD}, status=202)


async def test_the_new_address_counts_from_its_link_on_and_the_old_one_is_told_twice(
    shop: Any, people: Any, browser: Any
) -> None:
    ada, elsewhere = await people(OLD), browser()
    await elsewhere.did("POST", "/session", {"email": OLD, "password": PASSWORD})
    await asks(ada, "Ada@New.Example")
    assert NEW in (await shop.mail(OLD)).text
    assert (await ada.did("GET", "/session"))["email"] == OLD
    token = await shop.link(NEW)
    shown = await browser().did("POST", "/links/show", {"token": token})
    assert (shown["kind"], shown["email"], shown["known"]) == ("email", NEW, False)
    await ada.did("POST", "/me/email/confirm", {"token": token})
    assert (await ada.did("GET", "/session"))["email"] == NEW  # this session goes on
    await elsewhere.refused(401, "GET", "/company")
    assert (await shop.mail(OLD)).subject == "Your account has another e-mail address"
    await browser().refused(401, "POST", "/session", {"email": OLD, "password": PASSWORD})
    await browser().did("POST", "/session", {"email": NEW, "password": PASSWORD})
    await browser().refused(404, "POST", "/me/email/confirm", {"token": token})
    assert [one["email"] for one in await ada.did("GET", "/members")] == [NEW]


async def test_an_address_that_is_somebodys_is_told_to_that_somebody_alone(shop: Any, people: Any) -> None:
    ada = await people(OLD)
    await people("eve@mail.example", "Eves Ltd", "Eve Ives")
    await asks(ada, "eve@mail.example")
    mail = await shop.mail("eve@mail.example")
    assert mail.subject == "This e-mail address has an account already" and "/email/" not in mail.text
    assert OLD not in mail.text


async def test_whoever_takes_the_address_in_the_meantime_keeps_it(shop: Any, people: Any) -> None:
    ada = await people(OLD)
    await asks(ada)
    token = await shop.link(NEW)
    await people(NEW, "Other GmbH", "Ann Other")
    await ada.refused(409, "POST", "/me/email/confirm", {"token": token})
    assert (await ada.did("GET", "/session"))["email"] == OLD


async def test_it_needs_the_password_and_a_new_password_stops_it(shop: Any, people: Any) -> None:
    ada = await people(OLD)
    wrong = await ada.refused(400, "POST", "/me/email", {"email": NEW, "password": "a guess of mine"})
    assert wrong["fields"] == {"password": "This is not your password."}
    same = await ada.refused(400, "POST", "/me/email", {"email": OLD, "password": PASSWORD})
    assert "email" in same["fields"]
    await asks(ada)
    first = await shop.link(NEW)
    await asks(ada)
    second = await shop.link(NEW)
    await ada.refused(404, "POST", "/me/email/confirm", {"token": first})
    await ada.did("PUT", "/me/password", {"old": PASSWORD, "new": "ten green tandems"})
    await ada.refused(404, "POST", "/me/email/confirm", {"token": second})
