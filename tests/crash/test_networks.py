"""Die before and after every call while a network changes; start again; the kernel must have what the rows say, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.networks import (
    SCENES,
    Kernel,
    Line,
    new_agent,
    open_wires,
    play,
    play_controllers,
    prepare,
    remains,
    wrongs,
)
from tests.crash.points import Points, chosen, copy
from tests.crash.scenes import open_in
from wolke.network.agent import NetworkAgent

LEAST_POINTS = 12  # of any scene; fewer would mean that calls are not wrapped any more


async def settled(root: Path, kernel: Kernel, *, end: bool, far: tuple[NetworkAgent, Line] | None = None) -> list[str]:
    """Start again, let everything come to rest, and say what is wrong; ``end``: also once all is taken away."""
    db = await open_in(root)
    try:
        wires = await open_wires(root, db, kernel, None, far)
        await wires.settle()
        found = await wrongs(wires, kernel)
        return found + (await remains(wires, kernel) if end else [])
    finally:
        await db.close()


@pytest.mark.parametrize("scene", sorted(SCENES))
async def test_dying_anywhere_leaves_the_network_whole(scene: str, tmp_path: Path) -> None:
    base, before = tmp_path / "base", Kernel()
    await prepare(base, before, scene)
    whole, kernel = Points(), before.copy()
    await play(copy(base, tmp_path / "whole"), kernel, scene, whole)
    assert await settled(tmp_path / "whole", kernel, end=True) == []
    assert len(whole.names) >= LEAST_POINTS
    bad = []
    for number in chosen(whole.names):
        root, kernel, points = copy(base, tmp_path / str(number)), before.copy(), Points(number)
        await play(root, kernel, scene, points)
        assert points.dead, f"point {number} was not reached"
        found = await settled(root, kernel, end=number % 5 == 0)
        bad += [f"{number} {points.names[-1]}: {wrong}" for wrong in found]
    assert bad == []


@pytest.mark.parametrize("scene", sorted(SCENES.keys() - {"remove all"}))
async def test_an_agent_outlives_controllers_that_die_anywhere(scene: str, tmp_path: Path) -> None:
    """On a machine of its own, it must say again what they did not hear."""
    base, before = tmp_path / "base", Kernel()
    await prepare(base, before, scene)
    number, reached, bad = 0, True, []
    while reached:
        number += 1
        root, kernel, points, line = copy(base, tmp_path / str(number)), before.copy(), Points(number), Line()
        far = new_agent(kernel, line, None), line
        await play_controllers(root, far, scene, points)
        reached = points.dead
        found = await settled(root, kernel, end=False, far=far)
        bad += [f"{number} {points.names[-1]}: {wrong}" for wrong in found]
    assert number > 3
    assert bad == []
