"""A provider that browsers come to: a cloud with simulated hosts, what it sells, and a customer who has been there for two months.

What lies in the past is written by the same verbs, at the time at which it happened, before the cloud starts; from then on everything goes
through browsers.
"""

from __future__ import annotations

import asyncio
import email
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import policy
from pathlib import Path
from typing import Any, TypeVar

from wolke.business.catalogue.model import DISK
from wolke.business.config import BusinessConfig
from wolke.business.customers.sessions import at_work
from wolke.business.customers.store import MEMBERS, PROJECTS
from wolke.business.customers.verbs.companies import CompanyChange
from wolke.business.customers.verbs.members import Accept, Invite
from wolke.business.customers.verbs.projects import NewProject
from wolke.business.customers.verbs.sign_up import Followed, SignUp
from wolke.business.desk import Desk
from wolke.business.invoicing.verbs.shown import MonthAsked
from wolke.business.mail import MAILS
from wolke.business.metering import hourly
from wolke.business.metering.calendar import Calendar, month_before
from wolke.business.openstack import CloudWindow
from wolke.business.portal import Portal
from wolke.business.who import NOBODY, Who
from wolke.core.clock import HeldClock, Instant, instant, moment
from wolke.state import StateDirectory

T = TypeVar("T")
PASSWORD = "correct horse battery staple"
ANNA, BEN, ADA = "anna@kramer.example", "ben@kramer.example", "ada@kramer.example"
COMPANY, WEB_SHOP = "Kramer & Söhne GmbH", "Web shop"
SELLER = BusinessConfig(
    name="Nordlicht", legal_name="Nordlicht Rechenzentrum GmbH", address="Am Kai 7, 24103 Kiel", vat_id="DE123456789",
    iban="DE02120300000000202051", bic="BYLADEM1001",
)  # fmt: skip
#: Never by themselves: who runs a month in a test is the first to do it.
_SETTINGS = "[business]\ninvoice_delay_h = 4000\n" + "".join(
    f"{name} = {json.dumps(getattr(SELLER, name))}\n"
    for name in ("name", "legal_name", "address", "vat_id", "iban", "bic")
)


def eventually(look: Callable[[], T], what: str, limit_s: float = 60.0) -> T:
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}"
        time.sleep(0.1)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class House:
    """A process that serves a portal at ``url``. ``month``: the one before this, in which the customer used something."""

    state: Path
    command: list[str]
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    month: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.state.parent / f"{self.state.name}.log"

    @property
    def administrator(self) -> tuple[str, str]:
        """Address and password."""
        kept = json.loads((self.state / "portal.json").read_text())
        return kept["administrator"], kept["password"]

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "WOLKE_"))}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=kept | self.environment
            )
        eventually(self._serves, "the portal answers")

    def _serves(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text()[-3000:]
        return answers(self.port)

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def letter(self, to: str, subject: str) -> str:
        """The text of the newest mail to ``to`` whose subject has ``subject`` in it, as soon as it has gone out."""
        return eventually(lambda: self._letter(to, subject), f"a mail about {subject} goes to {to}", 90)

    def _letter(self, to: str, subject: str) -> str:
        found = sorted((self.state / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found:
            message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
            if message["To"] == to and subject in message["Subject"]:
                return str(message.get_content())
        return ""


def cloud(state: Path) -> House:
    """``wolke up``, with what lies in its customer's past, and something to run."""
    state.mkdir(mode=0o700)
    (state / "wolke.toml").write_text(_SETTINGS)
    port = free_port()
    command = [
        sys.executable, "-m", "wolke", "up", "--state", str(state), "--hypervisor", "simulated", "--dataplane", "simulated",
        "--listen", f"127.0.0.1:{port}", "--object-store", f"127.0.0.1:{free_port()}",
    ]  # fmt: skip
    house = House(state, command, port)
    with ThreadPoolExecutor(1) as elsewhere:  # this thread may have Playwright's event loop
        house.month = elsewhere.submit(lambda: asyncio.run(_two_months(StateDirectory(state), house.url))).result()
    return house


def put_image(clouds: Path) -> None:
    """In a process of its own: openstacksdk warns, and warnings are errors here."""
    program = (
        "import openstack; cloud = openstack.connect(cloud='wolke-admin');"
        "cloud.image.create_image(name='Debian 12', disk_format='raw', container_format='bare', visibility='public', data=b'x' * 65536)"
    )
    environment = os.environ | {"OS_CLIENT_CONFIG_FILE": str(clouds)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, env=environment, timeout=60)


def portal(state: Path, clouds: Path) -> House:
    """``wolke portal``: all that it knows of a cloud is a copy of ``clouds.yaml``."""
    state.mkdir(mode=0o700)
    (state / "clouds.yaml").write_bytes(clouds.read_bytes())
    port = free_port()
    command = [
        sys.executable, "-m", "wolke", "portal", "--cloud", "wolke-admin", "--state", str(state), "--listen", f"127.0.0.1:{port}"
    ]  # fmt: skip
    return House(state, command, port, {"OS_CLIENT_CONFIG_FILE": str(state / "clouds.yaml")})


# -- what lies in the past


@dataclass(frozen=True, slots=True)
class _Disks:
    """What was there, as metering wants it."""

    project_id: str
    company_id: str
    plan_id: str
    amount: str
    begins_at: Instant
    ends_at: Instant | None
    meter: str = "disks"
    resource_id: str = "archive"
    resource_name: str = "archive"


async def _two_months(directory: StateDirectory, url: str) -> str:
    """Anna signs up in the last month and uses disks; this month her web shop has used its budget up but for a cent. The last month's name."""
    directory.make()
    now, calendar = datetime.now(UTC), Calendar(SELLER.time_zone)
    month = month_before(calendar.month_of(instant(now)))
    begins = moment(calendar.begins(month))
    clock = HeldClock(instant(begins))
    secret = bytes.fromhex(directory.portal_secrets().secret)
    portal = Portal(replace(SELLER, url=url), directory.path, secret, clock, CloudWindow("none"))
    try:
        await portal.open()
        await _live(portal.desk, clock, begins, now)
        return month
    finally:
        await portal.close()


async def _live(desk: Desk, clock: HeldClock, begins: datetime, now: datetime) -> None:
    owner = await _company(desk)
    (plan,) = await desk.catalogue.plans(kind=DISK)
    (first,) = await desk.needs.db.find(PROJECTS, company_id=owner.company_id)
    shop = await desk.call(owner, "projects.create", NewProject(name=WEB_SHOP))
    await _colleague(desk, owner, BEN, "Ben Bauer", "buyer", [shop.id])
    await _colleague(desk, owner, ADA, "Ada Albers", "approver", None)
    assert owner.company_id is not None
    hour = now.replace(minute=0, second=0, microsecond=0)
    for project_id, amount, since, hours in ((first.id, "400", begins, 200), (shop.id, "90000", hour, 1)):
        until = since + timedelta(hours=hours)
        stay = _Disks(project_id, owner.company_id, plan.id, amount, instant(since), instant(until))
        async with desk.needs.db.transaction() as tx:
            await desk.metering.record(tx, hourly([stay], instant(since), instant(until)))
    clock.move(now.timestamp() - clock.time())
    spent = await desk.call(owner, "costs.show", MonthAsked(), project_id=shop.id)
    async with desk.needs.db.transaction() as tx:
        await tx.update(PROJECTS, {"budget_minor": spent.net_minor + 1}, id=shop.id)
        await tx.update(MAILS, {"sent_at": clock.now()}, sent_at=None)


async def _company(desk: Desk) -> Who:
    asked = SignUp(company=COMPANY, country="DE", name="Anna Kramer", email=ANNA, password=PASSWORD, locale="en")
    await desk.call(NOBODY, "people.sign_up", asked)
    await desk.call(NOBODY, "people.confirm", Followed(await _token(desk, ANNA)))
    owner = await _who(desk, ANNA)
    await desk.call(owner, "company.change", CompanyChange(street="Lange Reihe 12", postcode="20099", city="Hamburg"))
    return owner


async def _colleague(desk: Desk, owner: Who, address: str, name: str, role: Any, projects: list[str] | None) -> None:
    await desk.call(owner, "members.invite", Invite(email=address, roles=[role], projects=projects))
    asked = Accept(token=await _token(desk, address), name=name, password=PASSWORD)
    await desk.call(NOBODY, "invitations.accept", asked)


async def _token(desk: Desk, address: str) -> str:
    (mail,) = await desk.needs.db.find(MAILS, recipient=address)
    (found,) = re.findall(r"http://\S+/\w+/([\w-]{20,})", mail.text)
    return str(found)


async def _who(desk: Desk, address: str) -> Who:
    person = await desk.customers.people.by_email(address)
    assert person is not None
    (member,) = await desk.needs.db.find(MEMBERS, person_id=person.id)
    return await at_work(desk.needs.db, person, member.company_id)
