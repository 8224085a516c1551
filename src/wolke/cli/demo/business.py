"""``wolke demo --business``: a provider that has been selling for a year, and its portal before a cloud to go on with.

The year is written beside the state directory's place for it and put there when it is whole: who interrupts it begins again. The cloud is
a simulated one, so that it runs on any machine; what customers order there comes up at once.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wolke.cli.demo import connect, stop_cloud, wait_until_up
from wolke.cli.demo.story import Story, StoryError
from wolke.state import StateDirectory, default_directory

if TYPE_CHECKING:
    from wolke.business.config import BusinessConfig
    from wolke.business.demo import Filled

_SELLER = """[business]
name = "Nordlicht"
legal_name = "Nordlicht Rechenzentrum GmbH"
address = "Am Kai 7, 24103 Kiel"
country = "DE"
vat_id = "DE123456789"
iban = "DE02120300000000202051"
bic = "BYLADEM1001"
"""
_SIMULATED = ("--hypervisor", "simulated", "--dataplane", "simulated")
#: What the simulated cloud's servers run: named as customers know them, and empty.
_SYSTEMS = ("Debian 12", "Rocky Linux 9", "Ubuntu 24.04")
_EMPTY_BYTES = 1 << 20


def run(state: Path | None, listen: str, *, once: bool, as_json: bool) -> int:
    default = default_directory()
    directory = StateDirectory(state or default.with_name(f"{default.name}-business"))
    story = Story(quiet=as_json)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cloud: subprocess.Popen[bytes] | None = None
    try:
        directory.make()
        if directory.running() is not None:
            raise StoryError(
                f"A cloud runs in {directory.path} already. `wolke down --state {directory.path}` stops it."
            )
        filled = _fill(directory, listen, story)
        url = ""
        if not once:
            cloud = _start(directory, listen)
            with story.step("cloud", "Starting the cloud"):
                url = wait_until_up(directory, cloud).url
                _systems(directory)
        _tell(story, directory, filled, url, as_json=as_json)
        if cloud is not None:
            story.say(f"\nIt runs until Ctrl-C, or `wolke down --state {directory.path}` from elsewhere.")
            cloud.wait()
        return 0
    except KeyboardInterrupt:
        return 130 if once else 0
    except StoryError as error:
        story.fail(str(error))
        return 1
    finally:
        stop_cloud(cloud, story)


def _fill(directory: StateDirectory, listen: str, story: Story) -> Filled | None:
    """None if there is one from the last time."""
    if (directory / "business.db").exists():
        story.say(f"  The provider of the last time is in {directory.path}.")
        return None
    from wolke.business.config import BusinessConfig
    from wolke.core import config as configuration

    settings = directory / "wolke.toml"
    if not settings.exists():
        settings.write_text(_SELLER)
    business = configuration.section(configuration.read(settings, os.environ), "business", BusinessConfig)
    if business.database:
        raise StoryError(f"The demonstration keeps its year in a file of its own; {settings} names a database.")
    folder = directory / "business-in-the-making"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    with story.step("business", "A year of business"):
        filled = asyncio.run(_year(directory, folder, replace(business, url=business.url or f"http://{listen}")))
    (folder / "business.db").rename(directory / "business.db")
    shutil.rmtree(folder)
    return filled


async def _year(directory: StateDirectory, folder: Path, config: BusinessConfig) -> Filled:
    from wolke.business import demo
    from wolke.business.openstack import CloudWindow
    from wolke.business.portal import Portal
    from wolke.core import log
    from wolke.core.clock import HeldClock, instant

    log.configure(level="warning", as_json=False)
    secrets, until = directory.portal_secrets(), datetime.now(UTC)
    clock = HeldClock(instant(demo.begins(until)))
    portal = Portal(config, folder, bytes.fromhex(secrets.secret), clock, CloudWindow("none"))
    try:
        await portal.open()
        return await demo.fill(portal.desk, clock, until, secrets.administrator, secrets.password)
    finally:
        await portal.close()


def _start(directory: StateDirectory, listen: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "wolke", "up", "--state", str(directory.path), "--listen", listen, *_SIMULATED]
    with (directory / "wolke.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def _systems(directory: StateDirectory) -> None:
    """Something to order: the images that are not there yet."""
    admin = connect(directory, "wolke-admin")
    try:
        there = {image.name for image in admin.image.images()}
        for name in _SYSTEMS:
            if name not in there:
                admin.image.create_image(
                    name=name, disk_format="raw", container_format="bare", visibility="public", min_disk=1,
                    data=io.BytesIO(bytes(_EMPTY_BYTES)), validate_checksum=False,
                )  # fmt: skip
    finally:
        admin.close()


def _tell(story: Story, directory: StateDirectory, filled: Filled | None, url: str, *, as_json: bool) -> None:
    from wolke.business.demo.cast import SIGN_INS

    secrets = directory.portal_secrets()
    people = {"administrator": secrets.administrator, **SIGN_INS}
    if as_json:
        told = {"url": url, "state": str(directory.path), "people": people, "password": secrets.password}
        counts = {name: getattr(filled, name) for name in filled.__slots__} if filled is not None else {}
        print(json.dumps({**told, "filled": counts, "seconds": story.seconds}))
        return
    if filled is not None:
        story.say(
            f"  {filled.customers} customers, {filled.usage:,} hours of usage, {filled.invoices} invoices, {filled.payments} payments, "
            f"{filled.tickets} tickets"
        )
    story.say(f"\n  The portal: {url}" if url else "")
    for what, address in people.items():
        story.say(f"  {what:<22} {address}")
    story.say(f"  {'password of each':<22} {secrets.password}")
