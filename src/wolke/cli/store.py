"""``wolke store check`` and ``wolke store room``: a stopped object store, looked at from outside."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wolke.state import StateDirectory, StateError, default_directory

if TYPE_CHECKING:
    from wolke.object_store.drivers.base import Finding, Room

_MIB = 1 << 20


def check(state: Path | None, config: Path | None, *, repair: bool, as_json: bool) -> int:
    """0 if everything agrees with everything else, or does so now."""

    async def look(engine: Any) -> list[Finding]:
        return list(await engine.check(repair=repair))

    found = _on_each(state, config, look)
    if found is None:
        return 1
    if as_json:
        print(json.dumps({name: [asdict(one) for one in findings] for name, findings in found.items()}, indent=1))
    else:
        for name, findings in found.items():
            for one in findings:
                print(f"{name}: {one.what}: {one.where}{' (repaired)' if one.repaired else ''}")
            print(f"{name}: {_counted(findings)}")
    return 0 if all(one.repaired for findings in found.values() for one in findings) else 1


def room(state: Path | None, config: Path | None, *, as_json: bool) -> int:
    async def look(engine: Any) -> Room:
        measured: Room = await engine.room()
        return measured

    found = _on_each(state, config, look)
    if found is None:
        return 1
    if as_json:
        print(json.dumps({name: asdict(one) for name, one in found.items()}, indent=1))
    else:
        for name, one in found.items():
            free = "unknown" if one.free is None else f"{one.free / _MIB:.1f} MiB"
            print(f"{name}: {one.used / _MIB:.1f} MiB used, {one.live / _MIB:.1f} MiB of them live, {free} free")
    return 0


def _counted(findings: list[Finding]) -> str:
    if not findings:
        return "all is well"
    left = sum(not one.repaired for one in findings)
    return f"{len(findings)} findings, {left} of them not repaired"


def _on_each(state: Path | None, config: Path | None, look: Any) -> dict[str, Any] | None:
    """What ``look`` says of each policy's engine; None, once the reason is said, where they cannot be opened."""
    from wolke.core import log
    from wolke.core.config import ConfigError
    from wolke.settings import Settings
    from wolke.store_process import engines

    log.configure(level="warning")
    directory = StateDirectory(state or default_directory())
    try:
        if not directory.path.is_dir():
            raise StateError(f"there is no cloud in {directory.path}")
        running = directory.running()
        if running is not None:
            raise StateError(
                f"the cloud in {directory.path} is running (process {running.pid}), and its object store is in use: "
                f"stop it first, with `wolke down --state {directory.path}`. Its figures are at {running.object_store}/metrics"
            )
        directory.acquire("")
        settings = Settings.read(directory, path=config, environment=os.environ, public_url="")
        return asyncio.run(_look(engines(settings.object_store, directory.path), look))
    except (StateError, ConfigError, OSError, RuntimeError) as error:
        print(f"wolke: {error}", file=sys.stderr)
        return None
    finally:
        directory.release()


async def _look(found: dict[str, Any], look: Any) -> dict[str, Any]:
    said = {}
    for name, engine in found.items():
        await engine.open()
        try:
            said[name] = await look(engine)
        finally:
            await engine.close()
    return said
