"""What ``wolke check`` is made of: rows of a table, each of which compares what should be with what is.

A service gathers a *picture* (its tables, and what hosts say they have); from then on finding is pure. ``find`` says what does
not agree, in a sentence that an operator understands; ``mend`` makes it agree, with the verbs that the running cloud uses, and
never with anything riskier. What is under way is let be: each state on its way has a deadline, and only what has passed that
is accused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from wolke.core.drivers import Failure
from wolke.core.errors import CloudError
from wolke.core.log import get_logger

log = get_logger(__name__)

GRACE_S = 60.0  # after a deadline, before the loop that should have seen to it is accused of not doing so


@dataclass(frozen=True, slots=True)
class Finding:
    """``about``: the id of the thing. ``mark``: what changes when it is written to, such as its generation: only what is the same at two looks
    is believed. ``thing``: for ``mend``."""

    about: str
    says: str
    mark: Any = None
    thing: Any = field(default=None, compare=False, repr=False)


Find = Callable[[Any], Iterable[Finding]]
Mend = Callable[[Any, Finding], Awaitable[None]]
#: What a host does on request: ``mend(host, what, arguments)``.
MendHost = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """``compares`` and ``repair`` are for people. Without ``mend`` only a person can know what is right, and ``repair`` says
    what such a person does."""

    name: str
    compares: str
    repair: str
    find: Find
    mend: Mend | None = None


class Examined(Protocol):
    """A part of the cloud that can be checked: its table, its picture, and what ``mend`` is given."""

    @property
    def checks(self) -> Sequence[Check]: ...

    async def picture(self) -> Any: ...


Found = dict[tuple[str, str], tuple[Check, Examined, Finding]]  # by check and thing


async def look(parts: Iterable[Examined]) -> Found:
    found: Found = {}
    for part in parts:
        picture = await part.picture()
        for check in part.checks:
            for finding in check.find(picture):
                found[check.name, finding.about] = (check, part, finding)
    return found


def both(first: Found, second: Found) -> Found:
    """What was so at both looks."""
    return {key: one for key, one in second.items() if key in first and first[key][2].mark == one[2].mark}


async def mend(check: Check, part: Examined, finding: Finding) -> str | None:
    """None if it is as it should be now, else why it could not be mended."""
    if check.mend is None:
        return "nobody but a person can know what is right"
    try:
        await check.mend(part, finding)
    except (Failure, CloudError) as why:
        return getattr(why, "message", None) or str(why) or type(why).__name__
    except Exception as error:
        log.exception("could not be mended", check=check.name, about=finding.about)
        return f"{type(error).__name__}: {error}"
    return None
