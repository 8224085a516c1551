"""From what an operator writes to the backends of a host.

    file=file, bulk=file:/srv/volumes, fast=lvm:group/pool

each name=driver:place. Where no place is said, a driver has a folder of its own in the host's directory.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from wolke.block_storage.agent.ground import Backend
from wolke.block_storage.drivers import DRIVERS
from wolke.core import drivers
from wolke.core.config import ConfigError

_BAD_IN_NAMES = frozenset("@#/: ")  # addresses are host@backend#pool


def build_backends(
    said: str, directory: Path, host: str, *, address: str = "", serve_all: bool = False
) -> list[Backend]:
    """``address``: of this host, for guests on others; empty: there are none. ``serve_all``: its own guests are served as those are.
    ``ConfigError`` for what makes no sense."""
    found: dict[str, Backend] = {}
    for one in filter(None, map(str.strip, said.split(","))):
        name, equals, what = (word.strip() for word in one.partition("="))
        driver_name, _, place = what.partition(":")
        if not equals or not name or not driver_name or name in found or _BAD_IN_NAMES & set(name):
            raise ConfigError(f"backends: {one!r} is not name=driver or name=driver:place, or it is there twice")
        try:
            kind = drivers.load("block_storage", DRIVERS, driver_name)
        except LookupError as error:
            raise ConfigError(f"backends: {error}") from None
        export = (address, serve_all)
        found[name] = Backend(name, driver_name, _driver(kind, driver_name, directory / name, place, host, export))
    return list(found.values())


def _driver(kind: Any, driver_name: str, folder: Path, place: str, host: str, export: tuple[str, bool]) -> Any:
    if driver_name == "file":
        from wolke.block_storage.drivers.file import FileConfig

        config = FileConfig(export_address=export[0], serve_own_guests=export[1])
        return kind(Path(place) if place else folder, host=host, config=config)
    if driver_name == "lvm":
        from wolke.block_storage.drivers.lvm import LvmConfig

        group, slash, pool = place.partition("/")
        lvm = LvmConfig()
        if place:
            if not slash or not group or not pool:
                raise ConfigError(f"backends: the place of lvm is group/pool, not {place!r}")
            lvm = replace(lvm, volume_group=group, pool=pool)
        return kind(folder, host=host, config=lvm)
    return kind(Path(place) if place else folder, host=host)
