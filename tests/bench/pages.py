"""What a page of the point of purchase costs, to a page of the same layout with nothing in it: in the database of a provider that has been in business
for years (``town``), beside a cloud in a process of its own.

Every row of the pages' table that is a GET is asked, and every address that one of its lists leads to (sorted otherwise, its next page), and each list with
a word that is searched for. What is not a page is left out, and named in ``NO_PAGES``.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

from tests.bench import town
from tests.bench.processes import Cloud
from tests.bench.rows import Row
from tests.conftest import AsgiClient, create_tables
from wolke.business.audit import Audit
from wolke.business.config import BusinessConfig
from wolke.business.customers.store import PEOPLE
from wolke.business.desk import Desk, Needs
from wolke.business.mail import Mailbox
from wolke.business.openstack import CloudWindow
from wolke.business.portal import build_desk
from wolke.business.verb import ANYONE
from wolke.business.web.door import Pages
from wolke.business.web.page import Ask, Page
from wolke.business.web.pages import PAGES
from wolke.business.who import OWNER, Who
from wolke.core.clock import HeldClock
from wolke.core.db import Database, open_database
from wolke.core.http import Door, Response

NO_PAGES = {
    "/live/{project_id}": "a stream that does not end",
    "/invoices/{invoice_id}/pdf": "a file, made once and kept",
    "/invoices/{invoice_id}/xml": "the same file's data",
}
PLACES = {
    "member_id": f"member-{town.OWNER}", "project_id": town.PROJECT, "ticket_id": "ticket-00000", "server_id": "server-000000",
    "disk_id": "disk-000000", "address_id": "address-000000", "invoice_id": town.INVOICE, "line_id": "line-0000000", "credit_note_id": "note-000000",
    "request_id": "request-00000", "company_id": town.BIG, "staff_id": town.STAFF, "payment_id": "payment-0000001", "transaction_id": "transaction-0000001", "container": "bench", "token": "0" * 43,
}  # fmt: skip
_CONFIG = BusinessConfig(name="Nordlicht", url="https://cloud.example", time_zone="Europe/Berlin")
_LINK = re.compile(r'(?:href|hx-get)="(/[^"]*\?[^"]*)"')
_BARE = "/bare"


async def bare(ask: Ask) -> Response:
    return ask.draw("frame.html" if ask.me else "gate.html")


@dataclass
class Visitor:
    """Who asks, with what their browser would send."""

    client: AsgiClient
    cookie: str
    costs: dict[str, float] = field(default_factory=dict)

    async def get(self, path: str) -> Any:
        return await self.client.get(path, headers={"cookie": self.cookie, "accept-language": "en"})

    async def cost(self, path: str, rounds: int, times: int) -> float:
        """Seconds of processor time, the least of some rounds."""
        answer = await self.get(path)
        if answer.status not in (200, 303, 404) and not (path.startswith("/decide") and answer.status < 500):
            raise RuntimeError(f"{path}: {answer.status} {answer.body[-1000:]!r}")
        best = 1e9
        for _ in range(rounds):
            began = time.process_time()
            for _ in range(times):
                await self.get(path)
            best = min(best, (time.process_time() - began) / times)
        return best


@asynccontextmanager
async def opened(folder: Path, cloud: Cloud | None, size: town.Size) -> AsyncIterator[Desk]:
    """A town's desk, with the big customer's project made in the cloud, where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder}/business.db"
    await create_tables(url, annex=True)
    db = await open_database(url)
    window = CloudWindow("wolke-admin", cloud.state / "clouds.yaml" if cloud else folder / "clouds.yaml")
    desk = await built(db, window, size)
    if cloud is not None:
        await desk.resources.ground.loop(None).drain()
    yield desk
    await window.close()
    await db.close()


async def built(db: Database, window: CloudWindow, size: town.Size) -> Desk:
    clock = HeldClock(town.BEGAN)

    async def send(message: Any) -> None:
        pass

    desk = build_desk(Needs(db, _CONFIG, clock, Audit(clock), Mailbox(db, _CONFIG, clock, send), b"s" * 32), window)
    await town.build(desk, clock, size)
    return desk


async def visitors(desk: Desk) -> dict[str, Visitor]:
    """A stranger, the big customer's owner, and an administrator of the provider."""
    door = Door("bench", Pages(desk, (*PAGES, Page("GET", _BARE, bare, may=ANYONE))).answer)
    found = {"stranger": Visitor(AsgiClient(door), "wolke_visit=x")}
    for name, person_id, company in (("customer", town.OWNER, town.BIG), ("provider", town.STAFF, None)):
        person = await desk.needs.db.get(PEOPLE, id=person_id)
        assert person is not None
        async with desk.needs.db.transaction() as tx:
            opened = await desk.customers.sessions.open(tx, person, "127.0.0.1", company_id=company)
        found[name] = Visitor(AsgiClient(door), f"wolke_session={opened.token}; wolke_project={town.PROJECT}")
    return found


def paths(plan_id: str) -> list[tuple[str, str]]:
    """Every page, and who asks for it."""
    places = PLACES | {"plan_id": plan_id}
    found = []
    for page in PAGES:
        if page.method == "GET" and page.path not in NO_PAGES:
            who = "provider" if page.path.startswith("/provider") else "stranger" if page.may is ANYONE else "customer"
            found.append((who, re.sub(r"{(\w+)}", lambda place: places[place.group(1)], page.path)))
    return found


async def leads_to(visitor: Visitor, path: str) -> list[str]:
    """The lists that a page leads to, and what a search in it asks."""
    body = (await visitor.get(path)).body.decode(errors="replace")
    links = {unescape(link) for link in _LINK.findall(body)}
    found = sorted(link for link in links if link.startswith(f"{path}?"))
    return [*found, f"{path}?search=kramer+1"] if 'type="search"' in body else found


async def walked(desk: Desk, rounds: int, times: int) -> list[tuple[str, float]]:
    """Each address and what it costs, to the bare page of whoever asks."""
    people = await visitors(desk)
    layout = {name: await one.cost(_BARE, rounds, times * 4) for name, one in people.items()}
    plan_id = (await desk.catalogue.plans())[-1].id
    found = []
    for who, path in paths(plan_id):
        for address in (path, *await leads_to(people[who], path)):
            found.append((address, await people[who].cost(address, rounds, times) / layout[who]))
    return found


async def _measured(folder: Path, cloud: Cloud, quick: bool) -> list[tuple[str, float]]:
    async with opened(folder, cloud, town.FULL) as desk:
        who = Who(town.OWNER, company_id=town.BIG, roles=frozenset({OWNER}))
        await desk.call(
            who, "containers.make", desk.verbs["containers.make"].takes(name="bench"), project_id=town.PROJECT
        )  # type: ignore[misc]
        return await walked(desk, 2 if quick else 3, 10 if quick else 40)


def measures(folder: Path, *, quick: bool) -> list[Row]:
    with Cloud(folder / "cloud") as cloud:
        found = sorted(asyncio.run(_measured(folder, cloud, quick)), key=lambda one: -one[1])
    path, worst = found[0]
    what = f"the dearest page of {len(found)} to the bare layout, processor time (`{path.partition('?')[0]}`)"
    return [Row(what, worst, "×", 3)]


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory(prefix="wolke-bench-") as place, Cloud(Path(place) / "cloud") as cloud:
        for path, ratio in sorted(
            asyncio.run(_measured(Path(place), cloud, "--quick" in sys.argv)), key=lambda one: -one[1]
        ):
            print(f"{ratio:8.2f} {path}")
