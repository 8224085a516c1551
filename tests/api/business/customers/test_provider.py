"""The provider's customers and staff, the audit log and the mail."""

from dataclasses import replace
from typing import Any

import msgspec
import pyotp
import pytest

from wolke.business.audit import ENTRIES
from wolke.business.customers.store import PEOPLE, PROJECTS
from wolke.business.mail import MAILS
from wolke.core.db import Order

BOSS = {"email": "boss@nordlicht.example", "password": "seven quiet harbours"}
SAM = {"email": "sam@nordlicht.example", "roles": ["support"]}


@pytest.fixture
async def boss(shop: Any, browser: Any) -> Any:
    """The first administrator, signed in."""
    await shop.desk.customers.staff.begin(**BOSS)
    one = browser()
    await one.did("POST", "/session", BOSS)
    return one


async def support(shop: Any, browser: Any, boss: Any) -> Any:
    await boss.did("POST", "/provider/staff", SAM, status=201)
    one = browser()
    joins = {"token": await shop.link(SAM["email"]), "name": "Sam Support", "password": "seven quiet bridges"}
    await one.did("POST", "/invitations/accept", joins)
    await one.did("POST", "/session", {"email": SAM["email"], "password": joins["password"]})
    return one


async def customer(boss: Any, name: str) -> str:
    return str((await boss.did("GET", f"/provider/customers?search={name}"))["items"][0]["id"])


async def test_the_first_administrator_is_made_once(shop: Any, browser: Any, boss: Any) -> None:
    staff = shop.desk.customers.staff
    assert not await staff.begin("another@nordlicht.example", "whatever it is")
    assert not await staff.begin(BOSS["email"], "another one than before")
    me = await boss.did("GET", "/session")
    assert (me["staff"], me["company_id"]) == (["administrator"], None)
    await browser().did("POST", "/session", BOSS)
    assert await shop.desk.needs.db.count(PEOPLE) == 1


async def test_staff_is_invited_changed_and_let_go_and_the_last_administrator_stays(
    shop: Any, browser: Any, boss: Any
) -> None:
    sam = await support(shop, browser, boss)
    await sam.did("GET", "/provider/customers")
    await sam.refused(403, "POST", "/provider/staff", SAM)
    staff = {one["name"]: one["person_id"] for one in await sam.did("GET", "/provider/staff")}
    assert "administrator" in (await boss.refused(409, "DELETE", f"/provider/staff/{staff['boss']}"))["message"]
    await boss.refused(409, "PATCH", f"/provider/staff/{staff['boss']}", {"roles": ["support"]})
    await boss.did("PATCH", f"/provider/staff/{staff['Sam Support']}", {"roles": ["administrator", "support"]})
    await sam.refused(401, "GET", "/provider/customers")
    await sam.did("POST", "/session", {"email": SAM["email"], "password": "seven quiet bridges"})
    await sam.did("DELETE", f"/provider/staff/{staff['boss']}", status=204)
    await boss.refused(401, "GET", "/provider/customers")
    await boss.did("POST", "/session", BOSS)
    await boss.refused(403, "GET", "/provider/customers")
    await sam.refused(404, "DELETE", f"/provider/staff/{staff['boss']}")


async def test_a_member_of_staff_is_at_work_at_one_place_at_a_time(shop: Any, people: Any, boss: Any) -> None:
    ada = await people("ada@mail.example")
    await ada.did("POST", "/members", {"email": BOSS["email"], "roles": ["buyer"]})
    await boss.did("POST", "/invitations/accept", {"token": await shop.link(BOSS["email"])})
    me = await boss.did("GET", "/session")
    assert [place["name"] for place in me["places"]] == ["Nordlicht", "Kramer GmbH"]
    await boss.did("PUT", "/session/company", {"company_id": me["places"][1]["company_id"]})
    await boss.refused(403, "GET", "/provider/customers")
    await boss.did("GET", "/company")
    await boss.did("PUT", "/session/company", {})
    await boss.did("GET", "/provider/customers")
    await boss.refused(403, "GET", "/company")


async def test_customers_are_found_sorted_and_paged(people: Any, boss: Any) -> None:
    for n, name in enumerate(("Alpha AG", "beta GmbH", "Gamma KG")):
        await people(f"p{n}@{name.split()[0].lower()}.example", name, f"Person {n}")
    listed = await boss.did("GET", "/provider/customers?sort=name&limit=2")
    assert ([one["name"] for one in listed["items"]], listed["total"]) == (["Alpha AG", "Gamma KG"], 3)
    rest = await boss.did("GET", f"/provider/customers?sort=name&limit=2&after={listed['after']}")
    assert [one["name"] for one in rest["items"]] == ["beta GmbH"]
    for query, names in (
        ("search=BETA", ["beta GmbH"]),
        ("search=10003", ["Gamma KG"]),
        ("person=p0", ["Alpha AG"]),
        ("state=suspended", []),
    ):
        assert [one["name"] for one in (await boss.did("GET", f"/provider/customers?{query}"))["items"]] == names
    shown = await boss.did("GET", f"/provider/customers/{await customer(boss, 'beta')}")
    assert [one["email"] for one in shown["people"]] == ["p1@beta.example"] and shown["projects"][0]["name"] == "Main"
    await boss.refused(404, "GET", "/provider/customers/nobody")


async def test_a_customer_is_suspended_for_a_reason_that_it_reads_and_opened_again(
    shop: Any, people: Any, boss: Any
) -> None:
    ada = await people("ada@mail.example")
    path = f"/provider/customers/{await customer(boss, 'kramer')}"
    await boss.refused(409, "POST", f"{path}/open")
    assert (await boss.refused(400, "POST", f"{path}/suspend", {"reason": "  "}))["fields"]["reason"]
    await boss.did("POST", f"{path}/suspend", {"reason": "Two invoices are open."})
    await boss.refused(409, "POST", f"{path}/suspend", {"reason": "Once more."})
    assert "Two invoices are open." in (await shop.mail("ada@mail.example")).text
    company = await ada.did("GET", "/company")
    assert (company["state"], company["reason"]) == ("suspended", "Two invoices are open.")
    await boss.did("POST", f"{path}/open")
    assert (await ada.did("GET", "/company"))["state"] == "open"
    assert (await shop.mail("ada@mail.example")).subject == "The account of Kramer GmbH is open again"


async def test_a_discount_is_an_exact_decimal(people: Any, boss: Any) -> None:
    ada = await people("ada@mail.example")
    path = f"/provider/customers/{await customer(boss, 'kramer')}/discount"
    for text, kept in (("12.50", "12.5"), ("7,25", "7.25"), ("100", "100"), ("0", "0")):
        assert (await boss.did("PUT", path, {"percent": text}))["discount_percent"] == kept
    for text in ("-1", "100.1", "NaN", "Infinity", "1e-9", "ten", ""):
        assert (await boss.refused(400, "PUT", path, {"percent": text}))["fields"]["percent"]
    assert (await ada.did("GET", "/company"))["discount_percent"] == "0"


async def test_a_vat_id_is_marked_as_checked_and_not_where_there_is_none(people: Any, boss: Any) -> None:
    ada = await people("ada@mail.example")
    path = f"/provider/customers/{await customer(boss, 'kramer')}/vat-check"
    await boss.refused(409, "PUT", path, {"right": True})
    await ada.did("PATCH", "/company", {"vat_id": "DE123456789"})
    assert (await boss.did("PUT", path, {"right": True}))["vat_checked_at"]
    assert (await boss.did("PUT", path, {"right": False}))["vat_checked_at"] is None


async def test_acting_on_behalf_is_told_logged_and_ends(shop: Any, people: Any, browser: Any, boss: Any) -> None:
    ada, sam = await people("ada@mail.example"), await support(shop, browser, boss)
    company_id, before = await customer(sam, "kramer"), sam.cookie
    await sam.did("POST", f"/provider/customers/{company_id}/act", {"reason": "Asked for by phone."})
    assert sam.cookie != before
    assert "Asked for by phone." in (await shop.mail("ada@mail.example")).text
    me = await sam.did("GET", "/session")
    assert (me["company"], me["roles"], me["staff"], me["acting"]) == ("Kramer GmbH", ["owner"], [], True)
    await sam.refused(403, "GET", "/provider/customers")
    await sam.did("PATCH", "/company", {"city": "Kiel"})
    for method, path, body in (
        ("POST", "/keys", {"name": "mine"}),
        ("DELETE", "/membership", None),
        ("POST", "/companies", {"company": "Mine", "country": "DE"}),
    ):
        await sam.refused(403, method, path, body)
    await sam.refused(409, "PUT", "/me/password", {"old": "seven quiet bridges", "new": "ten green tandems"})
    line = (await ada.did("GET", "/audit?action=company.change"))["items"][0]
    assert (line["person"], line["acting"], line["provider"], line["address"]) == ("Sam Support", True, True, "")
    assert line["details"] == {"city": "Kiel"}
    acting = sam.cookie
    await sam.did("PUT", "/session/company", {})
    assert sam.cookie != acting and (await sam.did("GET", "/session"))["staff"] == ["support"]
    sam.cookie = acting
    await sam.refused(401, "GET", "/company")


async def test_whoever_is_let_go_acts_for_nobody_any_more(shop: Any, people: Any, browser: Any, boss: Any) -> None:
    await people("ada@mail.example")
    sam = await support(shop, browser, boss)
    await sam.did("POST", f"/provider/customers/{await customer(sam, 'kramer')}/act", {"reason": "Asked for by phone."})
    staff = {one["name"]: one["person_id"] for one in await boss.did("GET", "/provider/staff")}
    await boss.did("DELETE", f"/provider/staff/{staff['Sam Support']}", status=204)
    await sam.refused(401, "GET", "/company")


async def test_owners_read_their_own_log_and_nobody_elses(people: Any, boss: Any) -> None:
    ada, eve = await people("ada@mail.example"), await people("eve@mail.example", "Eves Ltd", "Eve Ives")
    await ada.did("PATCH", "/company", {"city": "Kiel"})
    await ada.did("PUT", "/session/company", {"company_id": (await ada.did("GET", "/session"))["company_id"]})
    own = await ada.did("GET", "/audit")
    assert [one["action"] for one in own["items"]] == [
        "sessions.switch",
        "company.change",
        "sessions.begin",
        "people.confirm",
    ]
    assert all(one["person"] == "Ada Kramer" and one["address"] == "192.0.2.7" for one in own["items"])
    assert [one["person"] for one in (await eve.did("GET", "/audit"))["items"]] == ["Eve Ives"] * 2
    first = await ada.did("GET", "/audit?limit=2")
    second = await ada.did("GET", f"/audit?limit=2&after={first['after']}")
    assert [one["number"] for one in first["items"] + second["items"]] == [one["number"] for one in own["items"]]
    assert (first["total"], second["after"]) == (4, "")


async def test_the_provider_searches_the_log_by_all_that_it_says(shop: Any, people: Any, boss: Any) -> None:
    ada = await people("ada@mail.example")
    await people("eve@mail.example", "Eves Ltd", "Eve Ives")
    shop.clock.move(3600)
    later = shop.clock.now()
    await ada.did("PATCH", "/company", {"city": "Kiel"})
    me = await ada.did("GET", "/session")
    for query, actions in (
        (f"company_id={me['company_id']}&sort=number", ["people.confirm", "sessions.begin", "company.change"]),
        (f"person_id={me['person_id']}&action=company.change", ["company.change"]),
        (f"object_id={me['company_id']}", ["company.change"]),
        (f"since={later}", ["company.change"]),
        (f"until={later}&search=CONFIRM", ["people.confirm", "people.confirm"]),
        (f"search={me['company_id']}", ["company.change"]),
    ):
        found = await boss.did("GET", f"/provider/audit?{query}")
        assert [one["action"] for one in found["items"]] == actions, query
    assert (await boss.refused(400, "GET", "/provider/audit?since=yesterday"))["fields"]["since"]
    assert (await boss.refused(400, "GET", "/provider/audit?sort=person"))["fields"]["sort"]


async def test_a_change_of_the_log_is_found(shop: Any, people: Any, boss: Any) -> None:
    await people("ada@mail.example")
    assert (await boss.did("GET", "/provider/audit/check"))["broken"] is None
    db = shop.desk.needs.db
    number = (await db.find(ENTRIES, order=(Order("number"),)))[2].number
    async with db.transaction() as tx:
        await tx.update(ENTRIES, {"address": "203.0.113.9"}, number=number)
    assert (await boss.did("GET", "/provider/audit/check"))["broken"] == number


async def test_staff_sees_why_mail_has_not_gone_and_tries_again_and_not_what_is_in_it(
    shop: Any, people: Any, boss: Any
) -> None:
    await people("ada@mail.example")
    db = shop.desk.needs.db
    mail = await shop.mail("ada@mail.example")
    gave_up = {"reason": "450 mailbox full", "gave_up_at": shop.clock.now(), "attempts": 9}
    async with db.transaction() as tx:
        await tx.update(MAILS, gave_up, id=mail.id)
    listed = await boss.did("GET", "/provider/mails?state=given_up&search=ada")
    assert [(one["reason"], one["state"]) for one in listed["items"]] == [("450 mailbox full", "given_up")]
    assert "text" not in listed["items"][0] and mail.text not in str(listed)
    assert (await boss.did("POST", f"/provider/mails/{mail.id}/again"))["state"] == "waiting"
    await shop.desk.needs.mailbox.loop(None).drain()
    assert (await boss.did("GET", "/provider/mails?state=sent"))["items"][0]["recipient"] == "ada@mail.example"
    await boss.refused(409, "POST", f"/provider/mails/{mail.id}/again")
    await boss.refused(404, "POST", "/provider/mails/none/again")
    assert [message["To"] for message in shop.sent] == ["ada@mail.example"]


async def test_no_password_token_or_key_is_in_a_log_or_an_answer(
    shop: Any, people: Any, boss: Any, browser: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = await people("ada@mail.example")
    secrets = ["nine red bicycles", BOSS["password"], ada.cookie, boss.cookie, await shop.link("ada@mail.example")]
    key = (await ada.did("POST", "/keys", {"name": "deploy"}))["key"]
    await ada.did("POST", "/password/forgotten", {"email": "ada@mail.example"}, status=202)
    secrets += [key, await shop.link("ada@mail.example")]
    wrong = await browser().ask("POST", "/session", {"email": "ada@mail.example", "password": "a wrong guess of mine"})
    program = await browser().ask("GET", "/company", authorization="Bearer wolke_of_nobody")
    answers = [wrong.body, program.body]
    for path in ("/session", "/sessions", "/company", "/members", "/keys", "/audit", "/projects"):
        answers.append((await ada.ask("GET", path)).body)
    for path in ("/provider/audit", "/provider/mails", "/provider/staff", "/provider/customers"):
        answers.append((await boss.ask("GET", path)).body)
    entries = msgspec.json.encode(await shop.desk.needs.db.find(ENTRIES)).decode()
    said = capsys.readouterr()
    everything = said.out + said.err + entries + b"".join(answers).decode()
    assert "path=/api/v1/session" in everything
    found = [
        secret
        for secret in (*secrets, "a wrong guess of mine", "wolke_of_nobody", "$argon2id$")
        if secret in everything
    ]
    assert not found


async def test_staff_without_a_second_step_sets_it_up_before_anything_else(shop: Any, browser: Any, boss: Any) -> None:
    shop.desk.needs.config = replace(shop.desk.needs.config, staff_second_step=True)
    me = await boss.did("GET", "/session")
    assert (me["owes_second_step"], me["staff"]) == (True, [])
    for path in ("/provider/customers", "/provider/staff", "/company"):
        assert "second step" in (await boss.refused(403, "GET", path))["message"]
    offered = await boss.did("POST", "/me/second-step", {"password": BOSS["password"]})
    code = pyotp.TOTP(offered["secret"]).at(int(shop.clock.time()))
    await boss.did("PUT", "/me/second-step", {"code": code})
    await boss.did("GET", "/provider/customers")
    assert (await boss.did("GET", "/session"))["staff"] == ["administrator"]


async def test_customers_are_not_asked_for_what_staff_owes(shop: Any, people: Any) -> None:
    shop.desk.needs.config = replace(shop.desk.needs.config, staff_second_step=True)
    await (await people("ada@mail.example")).did("GET", "/company")


async def test_a_project_that_could_not_be_set_up_is_tried_again(shop: Any, people: Any, boss: Any) -> None:
    ada, db = await people("ada@mail.example"), shop.desk.needs.db
    project = (await ada.did("GET", "/projects"))["items"][0]["id"]
    await ada.refused(409, "POST", f"/projects/{project}/retry")
    for one, path in ((ada, f"/projects/{project}/retry"), (boss, f"/provider/projects/{project}/retry")):
        async with db.transaction() as tx:
            await tx.update(PROJECTS, {"state": "failed", "reason": "The cloud is full."}, id=project)
        tried = await one.did("POST", path, status=202)
        assert (tried["state"], tried["reason"]) == ("preparing", None)
        assert project in await shop.desk.resources.ground.due()
    line = (await ada.did("GET", "/audit?action=projects.retry"))["items"][0]
    assert line["details"]["reason"] == "The cloud is full."


async def test_limits_are_seen_by_the_customer_and_set_by_staff(shop: Any, people: Any, boss: Any) -> None:
    ada = await people("ada@mail.example")
    project = (await ada.did("GET", "/projects"))["items"][0]["id"]
    before = await ada.did("GET", f"/projects/{project}/limits")
    assert (before["own"], before["most"]["servers"], before["taken"]["servers"]) == (False, 20, 0)
    wanted = {"servers": 3, "vcpus": 8, "ram_mib": 16384, "disk_gib": 100, "addresses": 0}
    assert (await boss.did("PUT", f"/provider/projects/{project}/limits", wanted))["most"] == wanted
    assert (await ada.did("GET", f"/projects/{project}/limits"))["own"]
    await ada.refused(403, "PUT", f"/provider/projects/{project}/limits", wanted)
    refused = await boss.refused(400, "PUT", f"/provider/projects/{project}/limits", wanted | {"servers": -1})
    assert refused["fields"] == {"servers": "At least 0, please."}
