"""``wolke check``: whether what the cloud says of itself is so. A cloud that runs looks itself; one that is stopped is looked at."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wolke.state import Running, StateDirectory, StateError, default_directory

if TYPE_CHECKING:
    from wolke.settings import Settings

_PATIENCE_S = 600.0
CLEAN, FOUND, BLIND = 0, 1, 2


def run(state: Path | None, config: Path | None, *, repair: bool, as_json: bool) -> int:
    """0: all agrees, or does so now. 1: something does not. 2: nobody could look, or not everywhere."""
    from wolke.core import log
    from wolke.core.config import ConfigError
    from wolke.core.drivers import Failure

    log.configure(level="error")
    directory = StateDirectory(state or default_directory())
    try:
        if not (directory / "secrets.json").exists():
            raise StateError(f"there is no cloud in {directory.path}")
        running = directory.running()
        if running is not None:
            report = asyncio.run(_ask(directory, running, repair))
        else:
            report = asyncio.run(_look(directory, config, repair))
    except (StateError, ConfigError, Failure, LookupError, OSError) as error:
        print(f"wolke: {error}", file=sys.stderr)
        return BLIND
    print(json.dumps(report, indent=1) if as_json else render(report))
    return exit_code(report)


def exit_code(report: dict[str, Any]) -> int:
    if any(one["mended"] != "" for one in report["found"]):
        return FOUND
    return BLIND if report["silent"] else CLEAN


def render(report: dict[str, Any]) -> str:
    """For people: what is wrong, and what can be done about it."""
    lines = []
    for one in report["found"]:
        lines.append(f"{one['check']}: {one['says']}")
        if one["mended"] == "":
            lines.append(f"    Mended: {one['repair']}.")
        elif one["mended"] is not None:
            lines.append(f"    Not mended: {one['mended']}. What helps: {one['repair']}.")
        else:
            lines.append(f"    Repair: {one['repair']}.")
    lines += [f"Could not be asked: {host}" for host in report["silent"]]
    left = sum(one["mended"] != "" for one in report["found"])
    if not report["found"]:
        lines.append(
            f"{report['checks']} checks: all agrees" + (", as far as could be seen." if report["silent"] else ".")
        )
    elif left and all(one["mended"] is None for one in report["found"]):
        lines.append(
            f"{report['checks']} checks: {_things(left)} not agree. `wolke check --repair` does what is said above."
        )
    else:
        lines.append(f"{report['checks']} checks: {len(report['found']) - left} mended, {left} left.")
    return "\n".join(lines)


def _things(count: int) -> str:
    return "1 thing does" if count == 1 else f"{count} things do"


async def _ask(directory: StateDirectory, running: Running, repair: bool) -> dict[str, Any]:
    """The cloud that runs there, as its administrator."""
    import aiohttp

    from wolke.core.agent_client import AgentClient, Credentials

    if not running.ready:
        raise StateError(f"the cloud in {directory.path} is starting or stopping: ask again in a moment")
    known = json.loads((directory / "clouds.yaml").read_text())["clouds"]["wolke-admin"]
    who = known["auth"]
    credentials = Credentials(who["username"], who["password"], who["project_name"])
    certificate = Path(known["cacert"]) if "cacert" in known else None
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as session:
            client = AgentClient(session, running.url, credentials, ca=certificate)
            report: dict[str, Any] = await client.post_json("/check", {"repair": repair})
            return report
    except (aiohttp.ClientError, RuntimeError, TimeoutError) as error:
        raise StateError(f"the cloud at {running.url} does not answer: {error}") from None


async def _look(directory: StateDirectory, config: Path | None, repair: bool) -> dict[str, Any]:
    """At a cloud that is stopped: its database, and this machine's drivers."""
    from wolke.settings import Settings

    directory.acquire("")
    try:
        settings = Settings.read(directory, path=config, environment=os.environ, public_url="http://127.0.0.1:1")
        return await _inspect(directory, settings, repair)
    finally:
        directory.release()


async def _inspect(directory: StateDirectory, settings: Settings, repair: bool) -> dict[str, Any]:
    from wolke.app import Cloud
    from wolke.host_lines import Here
    from wolke.machine import Machine

    cloud = Cloud(settings, directory)
    machine: Machine | None = None
    try:
        await cloud.open()
        if settings.host.enabled:
            machine = Machine(
                settings, directory / "host", {"user_name": "", "password": "", "project_name": ""}, local=cloud
            )
            await machine.open()
            await machine.recognise(*await cloud.ids_of(settings.host.host_name))
        lines = Here(machine, cloud.network) if machine is not None else None
        report = await cloud.inspection(lines, running=False).run(repair=repair)
    finally:
        if machine is not None:
            await machine.close()
        await cloud.close()
    return {"found": [asdict(one) for one in report.told], "checks": report.checks, "silent": report.silent}
