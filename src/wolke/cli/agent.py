"""``wolke agent``: this machine as a host of a cloud whose controllers run elsewhere. HTTP is all that it needs of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from wolke.state import StateDirectory, StateError, default_directory


def run(
    controller: str,
    credential: Path,
    *,
    state: Path | None,
    host: str | None,
    hypervisor: str | None,
    dataplane: str | None,
    certificate: Path | None,
) -> int:
    from wolke.core import log
    from wolke.core.config import ConfigError
    from wolke.core.drivers import Failure
    from wolke.settings import Settings

    log.configure()
    directory = StateDirectory(state or default_directory() / "agent")
    try:
        known = _credential(credential)
        directory.make()
        directory.acquire(controller)
        settings = Settings.read(
            directory,
            environment=os.environ,
            public_url=controller.rstrip("/"),
            certificate=certificate,
            said={("host", "name"): host, ("host", "hypervisor"): hypervisor, ("host", "dataplane"): dataplane},
        )
        asyncio.run(_run(settings, directory, known))
    except (StateError, ConfigError, LookupError, Failure) as error:
        print(f"wolke: {error}", file=sys.stderr)
        return 1
    finally:
        directory.release()
    return 0


def _credential(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text())
        return {name: str(known[name]) for name in ("user_name", "password", "project_name")}
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise StateError(f"{path} is no agent's credential: `wolke up` writes one to STATE/agent.json") from None


async def _run(settings: Any, directory: StateDirectory, credential: dict[str, str]) -> None:
    from wolke.machine import Machine

    stopping: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    for number, keep_guests in ((signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGHUP, True)):
        asyncio.get_running_loop().add_signal_handler(number, _ask, stopping, keep_guests)
    machine = Machine(settings, directory / "host", credential)
    try:
        await machine.open()
        work = asyncio.create_task(machine.run())
        directory.say(settings.public_url, ready=True)
        print(f"wolke: host {settings.host.host_name} serves {settings.public_url}", file=sys.stderr, flush=True)
        await asyncio.wait({work, asyncio.ensure_future(_until(stopping))}, return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        if stopping.done() and not stopping.result():
            await machine.shut_down_guests()
    finally:
        await machine.close()


async def _until(stopping: asyncio.Future[bool]) -> None:
    await stopping


def _ask(stopping: asyncio.Future[bool], keep_guests: bool) -> None:
    if not stopping.done():
        stopping.set_result(keep_guests)
