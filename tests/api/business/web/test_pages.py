"""The pages in process: their headers, tokens, forms and redirects, for every role and for strangers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from wolke.business.resources.model import Server
from wolke.business.resources.store import SERVERS
from wolke.business.verb import ANYONE
from wolke.business.web import build_door
from wolke.business.web.pages import PAGES

PASSWORD = "correct horse battery staple"
NOBODY_THERE = "00000000-0000-4000-8000-000000000000"


@dataclass
class Browser:
    """Keeps cookies, sends forms with the token that stands in the page, follows redirects."""

    client: Any
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Any:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        content = None if form is None else urlencode(form).encode()
        answer = await self.client.request(method, path, content=content, headers=headers)
        for name, value in answer.header_list:
            if name == "set-cookie":
                cookie, _, rest = value.partition(";")
                key, _, said = cookie.partition("=")
                self.cookies = {k: v for k, v in self.cookies.items() if k != key} | (
                    {} if "Max-Age=0" in rest else {key: said}
                )
        return answer

    async def get(self, path: str, **headers: str) -> Any:
        return await self.ask("GET", path, **headers)

    async def send(self, path: str, form: dict[str, str] | None = None, page: str = "") -> Any:
        token = csrf(await self.get(page or path))
        answer = await self.ask("POST", path, {"csrf": token} | (form or {}))
        return await self.get(answer.headers["location"]) if answer.status == 303 else answer


def csrf(answer: Any) -> str:
    found = re.search(r'<meta name="csrf" content="([^"]*)"', answer.body.decode())
    assert found is not None, answer.status
    return found.group(1)


@pytest.fixture
def browser(shop: Any, asgi_client: Any) -> Browser:
    return Browser(asgi_client(build_door(shop.desk)))


async def signed_up(browser: Browser, shop: Any, company: str = "Kramer & Söhne GmbH") -> None:
    form = {
        "company": company,
        "country": "DE",
        "name": "Anna Kramer",
        "email": "anna@kramer.example",
        "password": PASSWORD,
    }
    assert (await browser.send("/sign-up", form)).status == 200
    link = re.search(r"/confirm/[\w-]+", (await shop.mails())[-1].text)
    assert link is not None
    assert b"Your account is ready" in (await browser.send(link.group())).body
    assert (await browser.send("/sign-in", {"email": form["email"], "password": PASSWORD})).status == 200


async def as_person(browser: Browser, shop: Any, who: Any) -> Browser:
    """With a session of somebody who is there already."""
    async with shop.desk.needs.db.transaction() as tx:
        person = await shop.desk.customers.people.get(who.person_id, tx)
        opened = await shop.desk.customers.sessions.open(tx, person, "127.0.0.1", company_id=who.company_id)
    return Browser(browser.client, {"wolke_session": opened.token})


async def test_from_signing_up_to_the_first_page(browser: Browser, shop: Any) -> None:
    await signed_up(browser, shop)
    home = await browser.get("/")
    assert home.status == 200
    assert b"Hello, Anna Kramer" in home.body


async def test_every_answer_carries_the_policy_and_no_page_has_script_or_style_in_it(
    browser: Browser, shop: Any
) -> None:
    await signed_up(browser, shop)
    for path in ("/", "/people", "/account/security", "/nothing-here", "/tickets/new"):
        answer = await browser.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'self'; img-src 'self' data:;")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        text = answer.body.decode()
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", text), path


async def test_a_form_without_its_token_is_refused(browser: Browser, shop: Any) -> None:
    await signed_up(browser, shop)
    for form in ({"name": "Eve"}, {"name": "Eve", "csrf": "0" * 64}):
        refused = await browser.ask("POST", "/account", form)
        assert refused.status == 403
        assert "too old" in refused.body.decode()
    token = csrf(await browser.get("/account"))
    foreign = await browser.ask("POST", "/account", {"csrf": token, "name": "Eve"}, **{"sec-fetch-site": "cross-site"})
    assert foreign.status == 403
    assert b"Eve" not in (await browser.get("/account")).body


async def test_a_form_keeps_what_was_typed_and_says_what_is_wrong_beside_the_field(browser: Browser) -> None:
    form = {"company": "Kramer", "country": "DE", "name": "Anna", "email": "no address", "password": "short"}
    answer = await browser.send("/sign-up", form)
    text = answer.body.decode()
    assert answer.status == 400
    assert 'value="no address"' in text
    assert 'aria-describedby="email-wrong' in text
    assert 'id="email-wrong"' in text
    assert "short" not in re.sub(r"<[^>]*placeholder[^>]*>", "", text)  # a password never comes back


async def test_hostile_names_are_shown_as_text(browser: Browser, shop: Any) -> None:
    await signed_up(browser, shop, company="<script>alert(1)</script>\"'&")
    for path in ("/", "/company", "/people"):
        text = (await browser.get(path)).body.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text or path == "/people"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
async def test_nobody_is_led_elsewhere_after_signing_in(browser: Browser, shop: Any, target: str) -> None:
    await signed_up(browser, shop)
    token = csrf(await browser.get("/account"))
    answer = await browser.ask("POST", "/language", {"csrf": token, "language": "de", "next": target})
    assert answer.headers["location"] == "/"


async def test_the_pages_speak_german(browser: Browser, shop: Any) -> None:
    await signed_up(browser, shop)
    await browser.send("/language", {"language": "de", "next": "/"}, page="/account")
    home = (await browser.get("/")).body.decode()
    assert '<html lang="de"' in home
    assert "Guten Tag, Anna Kramer" in home
    wrong = await browser.send("/people/invite", {"email": "kim@kramer.example"})
    assert "Bitte prüfen Sie, was unten markiert ist." in wrong.body.decode()


async def test_a_ticket_is_opened_from_the_page_of_a_server_that_failed(browser: Browser, shop: Any) -> None:
    owner = await shop.company()
    person = await as_person(browser, shop, owner)
    async with shop.desk.needs.db.transaction() as tx:
        project = await shop.desk.customers.projects.add(tx, owner.company_id, "Shop")
        server = Server(
            id=NOBODY_THERE, company_id=owner.company_id, project_id=project.id, name="web & mail", state="failed", doing="",
            reason="There is no room.", plan_id="", size_name="m1", vcpus=1, ram_mib=512, disk_gib=1, image_id="i", image_name="Debian",
            key_id=None, public_address="", private_addresses=[], cloud_id=None, host="", ordered_at=shop.clock.now(), began_at=None,
            changed_at=shop.clock.now(), gone_at=None, words="web & mail", touched_at=shop.clock.now(),
        )  # fmt: skip
        await tx.insert(SERVERS, server)
    page = (await person.get(f"/servers/{server.id}")).body.decode()
    link = re.search(r'href="(/tickets/new[^"]+)"', page)
    assert link is not None
    asking = unescape(link.group(1))
    text = (await person.get(asking)).body.decode()
    fields = dict(re.findall(r'type="hidden" name="(about_\w+)" value="([^"]*)"', text))
    assert fields == {"about_kind": "server", "about_id": server.id}
    refused = await person.send(
        "/tickets/new", fields | {"subject": "", "text": "It\r\nfailed.", "priority": "high"}, asking
    )
    assert refused.status == 400 and f'name="about_id" value="{server.id}"' in refused.body.decode()
    opened = await person.send(
        "/tickets/new", fields | {"subject": "No room?", "text": "It\r\nfailed.", "priority": "high"}, asking
    )
    assert opened.status == 200
    shown = opened.body.decode()
    assert "web &amp; mail" in shown and "There is no room." in shown


async def test_a_password_is_judged_while_it_is_typed_and_stands_in_no_answer_or_log(
    browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    token = csrf(await browser.get("/sign-up"))
    said = {}
    for password in ("short", "Kramer Kramer", "plum orbit cactus 77 velvet"):
        form = {"csrf": token, "name": "Anna Kramer", "password": password}
        answer = await browser.ask("POST", "/password/strength", form, **{"hx-request": "true"})
        assert answer.status == 200 and password not in answer.body.decode()
        said[password] = answer.body.decode()
    assert "At least 10 characters" in said["short"] and "mostly your name" in said["Kramer Kramer"]
    assert 'data-score="4"' in said["plum orbit cactus 77 velvet"]
    told = capsys.readouterr()
    assert not [password for password in said if password in told.out + told.err]


async def test_files_are_kept_for_ever_under_their_version(browser: Browser) -> None:
    page = (await browser.get("/sign-in")).body.decode()
    url = re.search(r'"(/static/\w+/app\.css)"', page)
    assert url is not None
    packed = await browser.get(url.group(1), **{"accept-encoding": "gzip"})
    assert packed.status == 200
    assert packed.headers["content-encoding"] == "gzip"
    assert "immutable" in packed.headers["cache-control"]
    assert (await browser.get(url.group(1), **{"if-none-match": packed.headers["etag"]})).status == 304
    assert (await browser.get("/static/x/../door.py")).status == 404
    assert (await browser.get("/static/x/%2e%2e/door.py")).status == 404


async def test_no_page_fails_for_any_role(browser: Browser, shop: Any) -> None:
    """With ids that lead nowhere: a page is drawn, or refused in a page of words; never an error of ours."""
    owner = await shop.company()
    people = {role: await shop.colleague(owner, role) for role in ("buyer", "approver", "technician", "accountant")}
    everybody = {
        "owner": owner,
        **people,
        "support": await shop.staff(),
        "administrator": await shop.staff("administrator"),
    }
    for role, who in everybody.items():
        person = await as_person(browser, shop, who)
        for page in PAGES:
            if page.method == "GET" and not page.path.startswith("/live"):
                path = re.sub(r"{\w+}", NOBODY_THERE, page.path)
                answer = await person.get(path)
                assert answer.status in (200, 303, 400, 401, 403, 404, 409, 429, 503), (role, path, answer.status)


async def test_a_stranger_is_led_to_signing_in(browser: Browser) -> None:
    for page in PAGES:
        path = re.sub(r"{\w+}", NOBODY_THERE, page.path)
        if page.may is ANYONE:
            continue
        if page.method == "GET":
            answer = await browser.get(path)
            assert answer.status == 303, path
            assert answer.headers["location"].startswith("/sign-in"), path
        else:
            answer = await browser.ask(page.method, path, {"name": "x"})
            assert answer.status == 303, path
            assert answer.headers["location"].startswith("/sign-in"), path


async def test_a_page_can_be_asked_for_its_head_alone_and_in_no_other_way(browser: Browser) -> None:
    assert (await browser.ask("HEAD", "/sign-in")).status == 200
    refused = await browser.ask("DELETE", "/sign-in")
    assert refused.status == 405
    assert "GET" in refused.headers["allow"]
    assert (await browser.ask("POST", "/sign-in", {"csrf": "x" * 100_000})).status == 413
