"""Where a process can die: before and after every call of what it stands on. ``Points`` counts them, or dies at one of them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Killed(BaseException):
    """As if the process had been killed here: nothing catches it, and nothing after it happens."""


def die_for_real(where: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Points:
    """``at``: the number of the point to die at; 0 is never. ``names`` are the points that were passed."""

    def __init__(self, at: int = 0, die: Callable[[str], None] | None = None) -> None:
        self.at = at
        self.names: list[str] = []
        self.dead = False
        self._die = die

    def __call__(self, where: str) -> None:
        if not self.dead:
            self.names.append(where)
        if self.dead or len(self.names) == self.at:
            self.dead = True
            if self._die:
                self._die(where)
            raise Killed(where)

    def around(self, thing: Any, *names: str) -> Any:
        """``thing``, but with a point before and after each call of its methods called ``names``."""
        return _Wrapped(thing, self, frozenset(names))

    def around_transactions(self, db: Any) -> None:
        begin = db.transaction

        @asynccontextmanager
        async def transaction() -> AsyncIterator[Any]:
            self("before a transaction")
            async with begin() as tx:
                yield tx
                self("before a commit")
            self("after a commit")

        db.transaction = transaction


class _Wrapped:
    def __init__(self, thing: Any, points: Points, names: frozenset[str]) -> None:
        self._thing, self._points, self._names = thing, points, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        if name not in self._names:
            return found

        async def call(*args: Any, **more: Any) -> Any:
            self._points(f"before {name}")
            result = await found(*args, **more)
            self._points(f"after {name}")
            return result

        return call


async def bury(*only: str) -> None:
    """Nothing of a process goes on when it is dead. After the database is closed, which would wait for a cancelled commit. ``only``:
    what is so called; the rest goes on."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if only:
        names = {task: getattr(task.get_coro(), "__qualname__", "") for task in others}
        others = {task for task, name in names.items() if any(one in name for one in only)}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def chosen(names: Sequence[str]) -> list[int]:
    """The points to die at: all of them with ``CI_FULL``, else every third, and the first and the last of each kind."""
    every = range(1, len(names) + 1)
    if os.environ.get("CI_FULL"):
        return list(every)
    first = {name: number for number, name in reversed(list(enumerate(names, 1)))}
    last = {name: number for number, name in enumerate(names, 1)}
    return [n for n in every if n % 3 == 1 or n in (first[names[n - 1]], last[names[n - 1]])]


@dataclass(frozen=True)
class Story:
    """``prepare(folder, scene)`` what a scene begins with; ``play(folder, scene, points)`` it; ``settled(folder, scene)`` starts again,
    lets all come to rest and says what is wrong. ``least``: fewer points than that, and something was not wrapped."""

    prepare: Callable[[Path, str], Awaitable[None]]
    play: Callable[[Path, str, Points], Awaitable[None]]
    settled: Callable[[Path, str], Awaitable[list[str]]]
    least: int

    async def wrong_after_deaths(
        self,
        scene: str,
        folder: Path,
        *,
        which: Callable[[Sequence[str]], list[int]] = chosen,
        all_reached: bool = True,
    ) -> list[str]:
        """What is wrong after dying at each of the points that ``which`` names; an undisturbed life has nothing wrong.
        ``all_reached``: that of the same scene is the same each time."""
        base = folder / "base"
        await self.prepare(base, scene)
        whole = Points()
        await self.play(copy(base, folder / "whole"), scene, whole)
        assert await self.settled(folder / "whole", scene) == []
        assert len(whole.names) >= self.least
        bad = []
        for number in which(whole.names):
            root, points = copy(base, folder / str(number)), Points(number)
            await self.play(root, scene, points)
            assert points.dead or not all_reached, f"point {number} was not reached"
            bad += [f"{number} {points.names[-1]}: {wrong}" for wrong in await self.settled(root, scene)]
        return bad


def copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target
