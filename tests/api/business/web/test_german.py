"""Every page in German: no sentence of the catalogue stands on one in English, whatever is shown on it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from wolke.business.customers.store import PEOPLE, PROJECTS
from wolke.business.resources import model
from wolke.business.resources.store import ACTIONS, ADDRESSES, DISKS, REQUESTS, RULES, SERVERS
from wolke.business.web import build_door
from wolke.business.web.catalogues import read
from wolke.business.web.pages import PAGES
from wolke.core import ids

NOW = "2026-03-02T09:00:00.000000Z"
_NAMED = re.compile(r"%\(\w+\)[sd]|{\w*}")


class _Texts(HTMLParser):
    """What a person reads or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag == "script"
        self.found |= {said for name, said in attrs if said and name in ("aria-label", "title", "placeholder")}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "script"

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.add(" ".join(data.split()))


def english() -> tuple[set[str], list[re.Pattern[str]]]:
    """Sentences that are other words in German: whole ones, and, of those with names in them, patterns."""
    whole, patterns, german = set(), [], set()
    for message in read("de"):
        ones = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
        others = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
        german |= {str(other) for other in others}
        for one, other in zip(ones, others, strict=False):
            if not one or one == other:
                continue
            if not _NAMED.search(one):
                whole.add(one)
            elif len(re.findall(r"[a-z]{2,}", _NAMED.sub(" ", one))) >= 3:
                parts = [
                    re.escape(" ".join(part.split()) if part.strip() else part)
                    for part in _NAMED.split(one.replace("%%", "%"))
                ]
                patterns.append(re.compile(".+?".join(parts)))
    return whole - german, patterns


def made(table: Any, **values: Any) -> Any:
    """A row with something in each field."""
    fields = inspect.type_info(table.record).fields  # type: ignore[attr-defined]
    plain = {
        inspect.StrType: "x", inspect.IntType: 1, inspect.BoolType: False, inspect.ListType: [], inspect.DictType: {},
    }  # fmt: skip
    found = {f.name: NOW if f.name.endswith("_at") or f.name == "at" else plain.get(type(f.type)) for f in fields}
    return msgspec.convert(found | values, table.record)


async def furnished(shop: Any, owner: Any) -> dict[str, str]:
    """One of each thing with sentences in it, by the place of its path."""
    company = {"company_id": owner.company_id}
    async with shop.desk.needs.db.transaction() as tx:
        project = await shop.desk.customers.projects.add(tx, owner.company_id, "Laden")
        await tx.update(
            PROJECTS,
            {"state": "failed", "reason": "The cloud refused this. If it happens again, open a ticket."},
            id=project.id,
        )
        own = company | {"project_id": project.id, "gone_at": None}
        server = made(SERVERS, **own, id=ids.uuid(), name="web", state="working", doing="changing its size", plan_id="", image_name="Debian",
                      reason="There is no room for a server of this size just now. Try another size, or try again later.")  # fmt: skip
        disk = made(DISKS, **own, id=ids.uuid(), name="Daten", state="ready", plan_id="", server_id=None)
        await tx.insert(SERVERS, server)
        await tx.insert(DISKS, disk)
        await tx.insert(ADDRESSES, made(ADDRESSES, **own, id=ids.uuid(), state="used", plan_id="", server_id=server.id))
        for number, (protocol, first, last, source) in enumerate(
            (("tcp", 22, 22, ""), ("icmp", None, None, ""), ("udp", 1000, 2000, "192.0.2.0/24"), ("", None, None, ""))
        ):
            rule = model.Rule(
                f"r{number}", owner.company_id, project.id, protocol, first, last, source, "ready", None, NOW, NOW
            )
            await tx.insert(RULES, rule)
        action = {"kind": "server", "object_id": server.id, "verb": "resize", "state": "failed", "due_at": None}
        await tx.insert(
            ACTIONS,
            made(
                ACTIONS, **company, project_id=project.id, id=ids.uuid(), reason="It was deleted before that.", **action
            ),
        )
        request = made(
            REQUESTS, **company, project_id=project.id, id=ids.uuid(), person_id=owner.person_id, currency="EUR", state="open", answer="",
            summary="the server web (M, Debian)", missing="it would have 21 servers, where 20 are allowed; it would have 3 GiB of disks, where 2 are allowed",
        )  # fmt: skip
        await tx.insert(REQUESTS, request)
        for action in ("disks.order", "addresss.assign", "projects.failed", "objects.put"):
            await shop.desk.needs.audit.write(tx, owner, action, server.id)
    verb = shop.desk.verbs["tickets.open"]
    asked = {"subject": "Langsam", "text": "Der Server ist langsam.", "about_kind": "server", "about_id": server.id}
    ticket = await shop.desk.call(owner, verb.name, msgspec.convert(asked, verb.takes))
    return {
        "project_id": project.id, "server_id": server.id, "disk_id": disk.id, "request_id": request.id, "ticket_id": ticket.ticket.id,
        "company_id": owner.company_id,
    }  # fmt: skip


@pytest.mark.parametrize("role", ["owner", "administrator"])
async def test_no_page_has_an_english_sentence_for_whoever_chose_german(shop: Any, asgi_client: Any, role: str) -> None:
    owner = await shop.company("Beispiel AG")
    places = await furnished(shop, owner)
    who = owner if role == "owner" else await shop.staff("administrator", name="Uta Beispiel")
    places["staff_id"] = who.person_id
    async with shop.desk.needs.db.transaction() as tx:
        await tx.update(PEOPLE, {"locale": "de", "name": "Uta Beispiel"}, id=who.person_id)
        person = await shop.desk.customers.people.get(who.person_id, tx)
        opened = await shop.desk.customers.sessions.open(tx, person, "127.0.0.1", company_id=who.company_id)
    client, (whole, patterns), wrong = asgi_client(build_door(shop.desk)), english(), []
    for page in PAGES:
        if (
            page.method != "GET"
            or page.path.startswith("/live")
            or page.path.startswith("/provider") is (role == "owner")
        ):
            continue
        path = re.sub(r"{(\w+)}", lambda found: places.get(found[1], "nichts"), page.path)
        answer = await client.request("GET", path, headers={"cookie": f"wolke_session={opened.token}"})
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        texts = _Texts()
        texts.feed(answer.body.decode())
        wrong += [(path, text) for text in texts.found if text in whole or any(p.fullmatch(text) for p in patterns)]
    assert not wrong, "\n".join(sorted({f"{path}: {text}" for path, text in wrong}))
