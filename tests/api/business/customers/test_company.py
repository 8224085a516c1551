"""A company, its projects and the keys of its people."""

from typing import Any

from wolke.business.customers.projects import MOST
from wolke.business.customers.store import COMPANIES, KEYS, PROJECTS
from wolke.business.resources.store import SERVERS


async def test_an_address_and_a_vat_id_are_kept_as_they_are_written(shop: Any, people: Any) -> None:
    ada = await people("ada@mail.example")
    company = await ada.did(
        "PATCH", "/company", {"street": "Am Kai  7", "postcode": "24103", "city": "Kiel", "vat_id": "de 123 456 789"}
    )
    assert (company["street"], company["city"], company["vat_id"]) == ("Am Kai 7", "Kiel", "DE123456789")
    assert "DE123456789" in (await ada.refused(400, "PATCH", "/company", {"vat_id": "DE1"}))["fields"]["vat_id"]
    assert "begins with AT" in (await ada.refused(400, "PATCH", "/company", {"country": "AT"}))["fields"]["vat_id"]
    moved = await ada.did("PATCH", "/company", {"country": "AT", "vat_id": "ATU12345678"})
    assert (moved["country"], moved["vat_id"], moved["city"]) == ("AT", "ATU12345678", "Kiel")
    assert (await ada.refused(400, "PATCH", "/company", {"discount_percent": "50"}))["fields"]


async def test_a_vat_id_that_was_checked_is_unchecked_when_what_was_checked_changes(shop: Any, people: Any) -> None:
    ada = await people("ada@mail.example")
    company = await ada.did("PATCH", "/company", {"vat_id": "DE123456789"})
    for change, stays in (({"city": "Kiel"}, True), ({"name": "Kramer AG"}, False), ({"vat_id": "DE987654321"}, False)):
        async with shop.desk.needs.db.transaction() as tx:
            await tx.update(COMPANIES, {"vat_checked_at": shop.clock.now()}, id=company["id"])
        assert ((await ada.did("PATCH", "/company", change))["vat_checked_at"] is not None) is stays


async def test_projects_are_made_renamed_and_given_budgets(people: Any) -> None:
    ada = await people("ada@mail.example")
    web = await ada.did("POST", "/projects", {"name": " Web  shop ", "budget_minor": 50000}, status=201)
    assert (web["name"], web["state"], web["budget_minor"], web["currency"]) == ("Web shop", "preparing", 50000, "EUR")
    assert set(web) == {"id", "name", "state", "reason", "budget_minor", "currency", "created_at", "closed_at"}
    assert (await ada.refused(400, "POST", "/projects", {"name": "WEB SHOP"}))["fields"][
        "name"
    ] == "There is a project of this name."
    main = (await ada.did("GET", "/projects?search=main"))["items"][0]
    assert (await ada.refused(400, "PATCH", f"/projects/{main['id']}", {"name": "web shop"}))["fields"]["name"]
    assert (await ada.did("PATCH", f"/projects/{web['id']}", {"name": "Web Shop"}))["name"] == "Web Shop"
    assert (await ada.did("PUT", f"/projects/{web['id']}/budget", {"budget_minor": None}))["budget_minor"] is None
    assert (await ada.refused(400, "PUT", f"/projects/{web['id']}/budget", {"budget_minor": -1}))["fields"][
        "budget_minor"
    ]
    assert (await ada.refused(400, "PUT", f"/projects/{web['id']}/budget", {"budget_minor": 0.5}))["fields"][
        "budget_minor"
    ]


async def test_projects_are_listed_a_page_at_a_time(people: Any) -> None:
    ada = await people("ada@mail.example")
    for name in ("beta", "Alpha", "gamma"):
        await ada.did("POST", "/projects", {"name": name})
    first = await ada.did("GET", "/projects?limit=3")
    assert ([p["name"] for p in first["items"]], first["total"]) == (["Alpha", "beta", "gamma"], 4)
    second = await ada.did("GET", f"/projects?limit=3&after={first['after']}")
    assert ([p["name"] for p in second["items"]], second["after"]) == (["Main"], "")
    assert [p["name"] for p in (await ada.did("GET", "/projects?sort=-name&limit=1"))["items"]] == ["Main"]
    assert (await ada.refused(400, "GET", "/projects?sort=cloud_password"))["fields"]["sort"]


async def test_a_project_is_closed_when_it_is_empty_and_its_name_is_free_again(shop: Any, people: Any) -> None:
    ada = await people("ada@mail.example")
    main = (await ada.did("GET", "/projects"))["items"][0]
    company_id = (await ada.did("GET", "/session"))["company_id"]
    server = dict.fromkeys(SERVERS.columns, "") | {
        "id": "s1", "company_id": company_id, "project_id": main["id"], "vcpus": 1, "ram_mib": 1024, "disk_gib": 10, "private_addresses": [],
        "gone_at": None, "began_at": None, "cloud_id": None, "key_id": None, "reason": None,
    }  # fmt: skip
    async with shop.desk.needs.db.transaction() as tx:
        await tx.insert(SERVERS, SERVERS.record(**server))
    assert "1 server" in (await ada.refused(409, "DELETE", f"/projects/{main['id']}"))["message"]
    async with shop.desk.needs.db.transaction() as tx:
        await tx.update(SERVERS, {"gone_at": shop.clock.now()}, id="s1")
    assert (await ada.did("DELETE", f"/projects/{main['id']}"))["state"] == "closed"
    await ada.refused(409, "DELETE", f"/projects/{main['id']}")
    await ada.refused(409, "PATCH", f"/projects/{main['id']}", {"name": "other"})
    assert (await ada.did("GET", "/projects"))["items"] == []
    assert len((await ada.did("GET", "/projects?closed=true"))["items"]) == 1
    await ada.did("POST", "/projects", {"name": "Main"}, status=201)


async def test_there_is_a_number_of_projects_and_a_suspended_company_makes_none(shop: Any, people: Any) -> None:
    ada = await people("ada@mail.example")
    for n in range(MOST - 1):
        await ada.did("POST", "/projects", {"name": f"p{n}"}, status=201)
    assert f"{MOST} projects" in (await ada.refused(409, "POST", "/projects", {"name": "more"}))["message"]
    eve = await people("eve@mail.example", "Eves Ltd", "Eve")
    async with shop.desk.needs.db.transaction() as tx:
        await tx.update(COMPANIES, {"state": "suspended", "reason": "Two invoices are open."}, name="Eves Ltd")
    assert "Two invoices are open." in (await eve.refused(409, "POST", "/projects", {"name": "more"}))["message"]
    await eve.did("GET", "/projects")


async def test_what_a_project_is_in_the_cloud_is_shown_to_nobody(shop: Any, people: Any) -> None:
    ada = await people("ada@mail.example")
    main = (await ada.did("GET", "/projects"))["items"][0]
    secret = {
        "cloud_project_id": "in-the-cloud-1",
        "cloud_user_id": "in-the-cloud-2",
        "cloud_password": "in-the-cloud-3",
    }
    async with shop.desk.needs.db.transaction() as tx:
        await tx.update(PROJECTS, secret | {"state": "ready"}, id=main["id"])
    for path in ("/projects", f"/projects/{main['id']}", "/audit", "/session", "/members"):
        assert "in-the-cloud" not in str(await ada.did("GET", path))


async def test_a_key_is_shown_once_and_may_what_its_person_may(shop: Any, people: Any, browser: Any) -> None:
    ada, program = await people("ada@mail.example"), browser()
    made = await ada.did("POST", "/keys", {"name": "deploy"}, status=201)
    key = made["key"]
    assert key.startswith("wolke_") and made["begins"] == key[:10]
    listed = await ada.did("GET", "/keys")
    assert [one["name"] for one in listed] == ["deploy"] and "key" not in listed[0] and listed[0]["used_at"] is None
    bearer = {"authorization": f"Bearer {key}"}
    assert (await program.ask("GET", "/company", **bearer)).json["name"] == "Kramer GmbH"
    assert (await program.ask("PATCH", "/company", {"city": "Kiel"}, **bearer)).status == 200
    assert (await ada.did("GET", "/keys"))[0]["used_at"] is not None
    assert key not in str(await shop.desk.needs.db.find(KEYS))
    await ada.did("DELETE", f"/keys/{made['id']}", status=204)
    assert (await program.ask("GET", "/company", **bearer)).status == 401
    await ada.refused(404, "DELETE", f"/keys/{made['id']}")


async def test_a_key_changes_nothing_of_how_one_signs_in_and_makes_no_keys(people: Any, browser: Any) -> None:
    ada, program = await people("ada@mail.example"), browser()
    bearer = {"authorization": f"Bearer {(await ada.did('POST', '/keys', {'name': 'deploy'}))['key']}"}
    for method, path, body in (
        ("POST", "/keys", {"name": "more"}),
        ("PUT", "/me/password", {"old": "nine red bicycles", "new": "ten green tandems"}),
        ("POST", "/me/second-step", {"password": "nine red bicycles"}),
        ("PATCH", "/me", {"name": "Eve"}),
        ("PUT", "/session/company", {"company_id": (await ada.did("GET", "/session"))["company_id"]}),
        ("POST", "/companies", {"company": "Mine Ltd", "country": "IE"}),
    ):
        answer = await program.ask(method, path, body, **bearer)
        assert answer.status == 403, (path, answer.body)


async def test_a_key_that_is_none_is_refused_and_not_for_ever(browser: Any) -> None:
    program = browser()
    statuses = [(await program.ask("GET", "/company", authorization="Bearer wolke_x")).status for _ in range(61)]
    assert statuses == [401] * 60 + [429]
