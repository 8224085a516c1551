"""A whole cloud in a process of its own, with guests that are only played, and a point of purchase that knows nothing of it but ``clouds.yaml``."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from wolke.business.audit import Audit
from wolke.business.config import BusinessConfig
from wolke.business.customers.model import Company, Member, Person
from wolke.business.customers.store import COMPANIES, MEMBERS, PEOPLE
from wolke.business.desk import Desk, Needs
from wolke.business.mail import Mailbox
from wolke.business.openstack import CloudWindow
from wolke.business.portal import build_desk
from wolke.business.verb import read
from wolke.business.who import OWNER, Who
from wolke.core import ids
from wolke.core.clock import Clock
from wolke.core.db import METADATA, Database, open_database

_PATIENCE_S = 60.0
CONFIG = BusinessConfig(name="Nordlicht", url="https://cloud.example", time_zone="UTC")
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHd2QzPqz0t0sQ2t9m9v8S1Xn0t9Yf6m1u7b5i4k3j2h kim@kramer"


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class CloudProcess:
    """``wolke up`` with guests that are only played. ``clouds``: its ``clouds.yaml``, all that others know of it."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def clouds(self) -> Path:
        return self.folder / "clouds.yaml"

    def connect(self) -> Any:
        """As its administrator, with the stock client."""
        import openstack

        auth = json.loads(self.clouds.read_text())["clouds"]["wolke-admin"]["auth"]
        return openstack.connection.Connection(auth=auth, region_name="RegionOne")


def start(*words: str, ready: Path, log: Path, **more: str) -> subprocess.Popen[bytes]:
    """``wolke …`` as soon as its state directory says that it answers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "WOLKE_"))} | more
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "wolke", *words], stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        with suppress(OSError, ValueError):
            said = json.loads(ready.read_text().strip() or "{}")
            if said.get("ready") and said.get("pid") == process.pid:
                return process
        time.sleep(0.05)


@pytest.fixture(scope="session")
def cloud_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudProcess]:
    folder = tmp_path_factory.mktemp("cloud") / "state"
    listen, store = f"127.0.0.1:{port()}", f"127.0.0.1:{port()}"
    process = start(
        "up", "--state", str(folder), "--listen", listen, "--object-store", store, "--hypervisor", "simulated", "--dataplane", "simulated",
        ready=folder / "wolke.lock", log=folder.parent / "log",
    )  # fmt: skip
    found = CloudProcess(folder, process)
    try:
        _stock(found)
        yield found
    finally:
        process.terminate()
        code = process.wait(30)
    assert code == 0, (folder.parent / "log").read_text()[-3000:]


def _stock(cloud: CloudProcess) -> None:
    """Something that servers can run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openstacksdk's own
        connection = cloud.connect()
        connection.create_image(
            "Debian 12", data=b"\0" * 65536, disk_format="raw", container_format="bare", visibility="public", min_disk=1,
            wait=True, allow_duplicates=True,
        )  # fmt: skip
        connection.close()


@dataclass
class Business:
    """A desk with a company, its owner and a project; ``at_work`` runs its loops."""

    desk: Desk
    who: Who
    project_id: str
    sent: list[EmailMessage] = field(default_factory=list)

    async def call(self, name: str, asked: Any = None, who: Who | None = None, **places: str) -> Any:
        """As the owner, unless it is somebody else, with what a program would say."""
        verb = self.desk.verbs[name]
        given = None if verb.takes is None else read(verb.takes, asked or {}, strict=True)
        if "project_id" in verb.places:
            places = {"project_id": self.project_id, **places}
        return await self.desk.call(who or self.who, name, given, **places)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in self.desk.resources.loops(None)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until(self, look: Callable[[], Awaitable[Any]], fits: Callable[[Any], Any]) -> Any:
        """What ``look`` finds as soon as it fits, looked at with each change that the project's followers are told of."""
        async with asyncio.timeout(_PATIENCE_S):
            async for _ in self._changes():
                found = await look()
                if fits(found):
                    return found
        raise AssertionError("nothing fits")

    async def _changes(self) -> AsyncIterator[None]:
        yield
        async for _ in self.desk.resources.changes.follow(self.project_id, "0"):
            yield

    async def asked(self, look: Callable[[], Awaitable[Any]], fits: Callable[[Any], Any]) -> Any:
        """The same of the cloud itself, which tells nobody: it is asked again and again."""
        async with asyncio.timeout(_PATIENCE_S):
            while not fits(found := await look()):
                pass
        return found

    async def server(self, server_id: str, state: str) -> Any:
        """The server, once it is ``state`` and in the middle of nothing."""
        return await self.until(
            lambda: self.call("servers.show", server_id=server_id),
            lambda found: found.state == state and not found.doing,
        )

    async def plan(self, cloud_name: str = "m1.small") -> Any:
        for plan in await self.desk.catalogue.plans(kind="server"):
            if plan.cloud_name == cloud_name:
                return plan
        raise AssertionError(cloud_name)

    async def new_server(self, name: str, **more: Any) -> Any:
        """What a form would say to order one."""
        images = (await self.call("images.list")).items
        return {"name": name, "plan_id": (await self.plan()).id, "image_id": images[0].id, **more}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """The embedded one alone: what is asked of it here is asked of both beside this folder, and a cloud takes its time."""
    url = f"sqlite:///{tmp_path / 'business.db'}"
    engine = sa.create_engine(url)
    METADATA.create_all(engine)
    engine.dispose()
    db = await open_database(url)
    yield db
    await db.close()


@pytest.fixture
async def business(database: Database, cloud_process: CloudProcess) -> AsyncIterator[Business]:
    sent: list[EmailMessage] = []

    async def send(message: EmailMessage) -> None:
        sent.append(message)

    clock = Clock()
    needs = Needs(database, CONFIG, clock, Audit(clock), Mailbox(database, CONFIG, clock, send), b"s" * 32)
    window = CloudWindow("wolke-admin", cloud_process.clouds)
    found = await _begun(build_desk(needs, window), sent)
    yield found
    await window.close()


async def _begun(desk: Desk, sent: list[EmailMessage]) -> Business:
    now, company_id = desk.needs.clock.now(), ids.uuid()
    company = Company(
        id=company_id, number=1, name="Kramer GmbH", street="Lange Reihe 12", postcode="20099", city="Hamburg", country="DE", vat_id="",
        vat_checked_at=None, currency="EUR", discount_percent="0", state="open", reason=None, words="kramer gmbh", created_at=now,
    )  # fmt: skip
    async with desk.needs.db.transaction() as tx:
        await tx.insert(COMPANIES, company)
    who = await colleague(desk, company_id, "Kim Kramer", OWNER)
    await desk.catalogue.seed()
    async with desk.needs.db.transaction() as tx:
        project = await desk.customers.projects.add(tx, company_id, f"Shop {company_id[:4]}")
    await desk.resources.ground.prepare(project.id)
    for kind in ("sizes", "images"):
        await desk.resources.mirror.look(kind)
    return Business(desk, who, project.id, sent)


async def colleague(desk: Desk, company_id: str, name: str, *roles: str) -> Who:
    now, person_id = desk.needs.clock.now(), ids.uuid()
    person = Person(
        id=person_id, email=f"{name.split()[0].lower()}@kramer.example", name=name, password="", staff=[], locale="en", confirmed_at=now,
        totp=None, totp_offered=None, totp_last=0, words=name.lower(), created_at=now,
    )  # fmt: skip
    async with desk.needs.db.transaction() as tx:
        await tx.insert(PEOPLE, person)
        await tx.insert(MEMBERS, Member(ids.uuid(), company_id, person_id, list(roles), None, now))
    return Who(person_id, company_id=company_id, roles=frozenset(roles))


@pytest.fixture(scope="session")
def public_key() -> str:
    return PUBLIC_KEY


@pytest.fixture(scope="session")
def hire() -> Any:
    return colleague


@pytest.fixture(scope="session")
def start_process() -> Any:
    return start


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    return port
