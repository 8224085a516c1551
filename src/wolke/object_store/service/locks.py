"""What keeps a version from being deleted: a retention until a day, and a legal hold until somebody ends it.

A container that locks has ``system["lock"]``, and always keeps versions; an object's own terms are in its ``system``. They hold
for whoever deletes through whichever door, and for the cloud's own loops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from wolke.object_store.errors import Locked
from wolke.object_store.model import Container, Object

GOVERNANCE = "GOVERNANCE"
COMPLIANCE = "COMPLIANCE"
_DAY_S = 86_400

#: Names in an object's ``system``.
MODE = "lock-mode"
UNTIL = "lock-until"  # Unix time
HOLD = "lock-hold"
#: In a container's: ``on``, or ``on MODE seconds`` with the terms of new objects.
LOCK = "lock"


class Terms(NamedTuple):
    """A container's default for new objects; without a mode there is none."""

    mode: str = ""
    seconds: int = 0


def locks(container: Container) -> bool:
    return LOCK in container.system


def default_terms(container: Container) -> Terms:
    _, _, rest = container.system.get(LOCK, "").partition(" ")
    mode, _, seconds = rest.partition(" ")
    return Terms(mode, int(seconds)) if mode else Terms()


def lock_text(terms: Terms) -> str:
    return f"on {terms.mode} {terms.seconds}" if terms.mode else "on"


def with_terms(container: Container, system: Mapping[str, str], now_s: Callable[[], int]) -> dict[str, str]:
    """What a new object's ``system`` is in that container: with its default terms, unless there are some already."""
    terms = default_terms(container) if LOCK in container.system and MODE not in system else None
    if terms is None or not terms.mode:
        return dict(system)
    return {**system, MODE: terms.mode, UNTIL: str(now_s() + terms.seconds)}


def days(count: int, years: int = 0) -> int:
    return (count + years * 365) * _DAY_S


def retention(system: Mapping[str, str]) -> tuple[str, int]:
    """Mode and end (Unix time); an empty mode where there is none."""
    return system.get(MODE, ""), int(system.get(UNTIL, "0"))


def check_unlocked(value: Object, now_s: int, *, bypass: bool = False) -> None:
    """``bypass`` lifts governance, for those who may; nothing lifts compliance or a hold. Raises ``Locked``."""
    if value.system.get(HOLD) == "ON":
        raise Locked("Access Denied because object protected by object lock.")
    mode, until_s = retention(value.system)
    if mode and until_s > now_s and not (mode == GOVERNANCE and bypass):
        raise Locked("Access Denied because object protected by object lock.")


def check_change(value: Object, mode: str, until_s: int, now_s: int, *, bypass: bool) -> None:
    """Terms may be made stricter by anybody who may set them; less strict only as ``bypass`` says. Raises ``Locked``."""
    old, old_until_s = retention(value.system)
    if not old or old_until_s <= now_s:
        return
    longer = until_s >= old_until_s and (mode == old or (old == GOVERNANCE and mode == COMPLIANCE))
    if not longer and not (old == GOVERNANCE and bypass):
        raise Locked("Access Denied because object protected by object lock.")
