"""Every table of every service, known by importing the modules that say them."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "wolke.core.loop",
    "wolke.identity.store",
    "wolke.placement.store",
    "wolke.image.store",
    "wolke.network.store",
    "wolke.block_storage.store",
    "wolke.compute.store",
)


def load() -> None:
    for name in MODULES:
        import_module(name)


def names() -> list[str]:
    """The tables' names, once loaded; tests may have registered others beside them."""
    from wolke.core.records import METADATA

    prefixes = tuple(module.split(".")[1] + "_" for module in MODULES)
    return sorted(name for name in METADATA.tables if name.startswith(prefixes))
