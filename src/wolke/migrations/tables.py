"""Every table of every service, known by importing the modules that say them."""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "wolke.core.loop",
    "wolke.identity.store",
    "wolke.placement.store",
    "wolke.image.store",
    "wolke.network.store",
    "wolke.compute.store",
)


def load() -> None:
    for name in MODULES:
        import_module(name)
