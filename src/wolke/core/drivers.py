"""What every driver, of whatever service, has in common: the two ways to fail and how one is found by name.

A driver is a room at the edge: it touches the outside world, knows no database and no HTTP request.
A third party's driver is an entry point in the group ``wolke.<service>.drivers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


class Failure(Exception):
    """Terminal: trying again would fail the same way. ``str(failure)`` is shown to the user, so it says what to do.

    Anything else that a driver raises is taken as passing trouble: it is logged, backed off and tried again.
    """


class Unsupported(Failure):
    """This driver cannot do what was asked; its ``Capabilities`` say so beforehand."""


def load(service: str, known: Mapping[str, str], name: str) -> Any:
    """The driver class called ``name``: from the service's own map (``name -> "module:Class"``), else an entry point.

    Raises ``LookupError`` that lists what there is.
    """
    target = known.get(name)
    if target is None:
        found = {point.name: point.value for point in entry_points(group=f"wolke.{service}.drivers")}
        target = found.get(name)
        if target is None:
            names = ", ".join(sorted({*known, *found}))
            raise LookupError(f"no {service} driver is called {name!r}; there is: {names}")
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
