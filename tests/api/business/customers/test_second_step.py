"""The second step of signing in: codes from a phone, each good once, and recovery codes."""

from typing import Any

import pyotp

from wolke.business.customers.store import PEOPLE, RECOVERY_CODES

ADA = {"email": "ada@mail.example", "password": "nine red bicycles"}


async def switched_on(ada: Any, shop: Any) -> tuple[pyotp.TOTP, list[str]]:
    offer = await ada.did("POST", "/me/second-step", {"password": ADA["password"]})
    phone = pyotp.parse_uri(offer["uri"])
    assert isinstance(phone, pyotp.TOTP) and phone.secret == offer["secret"] and phone.issuer == "Nordlicht"
    codes = (await ada.did("PUT", "/me/second-step", {"code": phone.at(int(shop.clock.time()))}))["recovery_codes"]
    shop.clock.move(60)
    return phone, codes


async def test_it_is_off_until_a_first_code_proves_the_phone(shop: Any, people: Any, browser: Any) -> None:
    ada = await people(ADA["email"])
    await ada.refused(400, "POST", "/me/second-step", {"password": "wrong"})
    offer = await ada.did("POST", "/me/second-step", {"password": ADA["password"]})
    assert not (await browser().did("POST", "/session", ADA))["needs_code"]
    await ada.refused(400, "PUT", "/me/second-step", {"code": "000000"})
    before = ada.cookie
    codes = await ada.did("PUT", "/me/second-step", {"code": pyotp.TOTP(offer["secret"]).at(int(shop.clock.time()))})
    assert ada.cookie != before and len(set(codes["recovery_codes"])) == 10
    assert (await ada.did("GET", "/session"))["second_step"]
    assert (await browser().did("POST", "/session", ADA))["needs_code"]
    assert (await shop.mail(ADA["email"])).subject == "The second step is on"


async def test_a_password_alone_opens_nothing(shop: Any, people: Any, browser: Any) -> None:
    ada = await people(ADA["email"])
    phone, _ = await switched_on(ada, shop)
    half = browser()
    await half.did("POST", "/session", ADA)
    half_token = half.cookie
    await half.refused(401, "GET", "/session")
    await half.refused(401, "GET", "/company")
    await half.refused(401, "POST", "/session/code", {"code": "000000"})
    await half.did("POST", "/session/code", {"code": phone.at(int(shop.clock.time()))})
    assert (await half.did("GET", "/session"))["email"] == ADA["email"] and half.cookie != half_token
    half.cookie = half_token
    await half.refused(401, "GET", "/session")


async def test_a_code_is_good_once_and_for_a_step_before_and_after(shop: Any, people: Any, browser: Any) -> None:
    ada = await people(ADA["email"])
    phone, _ = await switched_on(ada, shop)

    async def tries(code: str) -> int:
        half = browser()
        await half.did("POST", "/session", ADA)
        return int((await half.ask("POST", "/session/code", {"code": code})).status)

    now = int(shop.clock.time())
    assert [await tries(phone.at(now - 60)), await tries(phone.at(now + 60))] == [401, 401]
    assert await tries(phone.at(now - 30)) == 200
    assert await tries(phone.at(now - 30)) == 401
    assert await tries(phone.at(now + 30)) == 200
    assert await tries(phone.at(now)) == 401, "older than one that was taken"


async def test_wrong_codes_lock_like_wrong_passwords(shop: Any, people: Any, browser: Any) -> None:
    ada = await people(ADA["email"])
    phone, _ = await switched_on(ada, shop)
    half = browser()
    await half.did("POST", "/session", ADA)
    for _ in range(5):
        await half.refused(401, "POST", "/session/code", {"code": "000000"})
    await half.refused(429, "POST", "/session/code", {"code": phone.at(int(shop.clock.time()))})
    assert (await shop.mail(ADA["email"])).subject == "Somebody tries to sign in as you"


async def test_half_a_session_waits_ten_minutes(shop: Any, people: Any, browser: Any) -> None:
    ada = await people(ADA["email"])
    phone, _ = await switched_on(ada, shop)
    half = browser()
    await half.did("POST", "/session", ADA)
    shop.clock.move(601)
    await half.refused(401, "POST", "/session/code", {"code": phone.at(int(shop.clock.time()))})


async def test_a_recovery_code_helps_once(shop: Any, people: Any, browser: Any) -> None:
    ada = await people(ADA["email"])
    _, codes = await switched_on(ada, shop)
    half = browser()
    await half.did("POST", "/session", ADA)
    await half.did("POST", "/session/code", {"code": codes[0].lower().replace("-", " ")})
    await half.did("POST", "/session", ADA)
    await half.refused(401, "POST", "/session/code", {"code": codes[0]})
    new = (await ada.did("POST", "/me/recovery-codes", {"code": codes[1]}))["recovery_codes"]
    await half.refused(401, "POST", "/session/code", {"code": codes[2]})
    await half.did("POST", "/session/code", {"code": new[0]})


async def test_switching_it_off_takes_the_password_and_a_code(shop: Any, people: Any, browser: Any) -> None:
    ada = await people(ADA["email"])
    phone, _ = await switched_on(ada, shop)
    code = phone.at(int(shop.clock.time()))
    wrong = await ada.refused(400, "DELETE", "/me/second-step", {"password": "wrong", "code": code})
    assert set(wrong["fields"]) == {"password"}
    wrong = await ada.refused(400, "DELETE", "/me/second-step", {"password": ADA["password"], "code": "000000"})
    assert set(wrong["fields"]) == {"code"}
    await ada.did("DELETE", "/me/second-step", {"password": ADA["password"], "code": code})
    assert not (await browser().did("POST", "/session", ADA))["needs_code"]
    assert await shop.desk.needs.db.count(RECOVERY_CODES) == 0


async def test_codes_cannot_be_guessed_at_where_it_is_switched_off(shop: Any, people: Any) -> None:
    ada = await people(ADA["email"])
    await switched_on(ada, shop)
    guess = {"password": ADA["password"], "code": "000000"}
    for _ in range(5):
        await ada.refused(400, "DELETE", "/me/second-step", guess)
    await ada.refused(429, "DELETE", "/me/second-step", guess)


async def test_the_seed_and_the_codes_are_not_to_be_read_in_the_tables(shop: Any, people: Any) -> None:
    ada = await people(ADA["email"])
    phone, codes = await switched_on(ada, shop)
    db = shop.desk.needs.db
    tables = str(await db.find(PEOPLE)) + str(await db.find(RECOVERY_CODES))
    assert phone.secret not in tables and not any(code in tables for code in codes)
