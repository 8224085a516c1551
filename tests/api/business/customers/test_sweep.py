"""What is over is forgotten, and nothing that is not."""

from dataclasses import replace
from typing import Any

from wolke.business.customers.store import ATTEMPTS, LINKS, SESSIONS
from wolke.business.mail import MAILS, Mailbox


async def test_old_links_sessions_and_wrong_passwords_go_and_living_ones_stay(
    shop: Any, people: Any, browser: Any
) -> None:
    ada, db = await people("ada@mail.example"), shop.desk.needs.db
    loop = shop.desk.customers.loops(None)[0]
    await ada.did("POST", "/members", {"email": "bob@mail.example", "roles": ["buyer"]})
    await browser().refused(401, "POST", "/session", {"email": "ada@mail.example", "password": "wrong"})
    await loop.drain()
    assert [await db.count(table) for table in (LINKS, SESSIONS, ATTEMPTS)] == [2, 1, 1]
    shop.clock.move(5 * 24 * 3600)
    await loop.drain()
    assert [await db.count(table) for table in (LINKS, SESSIONS, ATTEMPTS)] == [1, 1, 0], "the invitation lives"
    shop.clock.move(86 * 24 * 3600)
    await loop.drain()
    assert [await db.count(table) for table in (LINKS, SESSIONS, ATTEMPTS)] == [0, 0, 0]


async def test_what_stood_in_a_mail_that_has_gone_is_not_kept(shop: Any, browser: Any) -> None:
    needs = shop.desk.needs
    await browser().did("POST", "/password/forgotten", {"email": "nobody@mail.example"}, status=202)
    new = {
        "company": "Bauer KG",
        "country": "DE",
        "name": "Bob",
        "email": "bob@mail.example",
        "password": "twelve blue tandems",
    }
    await browser().did("POST", "/sign-up", new)
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    outside = Mailbox(needs.db, replace(needs.config, smtp_host="smtp.example"), shop.clock, send)
    await outside.loop(None).drain()
    assert "https://cloud.example/confirm/" in sent[0].get_content()
    assert [(mail.text, mail.subject) for mail in await needs.db.find(MAILS)] == [
        ("", "Please confirm your e-mail address")
    ]
