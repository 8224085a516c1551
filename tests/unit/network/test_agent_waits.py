"""Waiting for a port to be carried."""

import asyncio
from typing import Any

import pytest

from wolke.core.drivers import Failure
from wolke.network.agent import NetworkAgent
from wolke.network.drivers.simulated import SimulatedDataplane


def an_agent() -> NetworkAgent:
    nobody: Any = None
    return NetworkAgent(SimulatedDataplane(), nobody, "host")


async def test_who_is_cancelled_as_the_port_comes_is_cancelled() -> None:
    """A step that was called off must not go on because its port came at the same moment."""
    agent = an_agent()
    waiting = asyncio.create_task(agent.ensure_port("network", "port", 10))
    await asyncio.sleep(0)
    agent._settle(["port"])
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert agent._waiting == {}


async def test_who_waits_too_long_is_told_why() -> None:
    agent = an_agent()
    with pytest.raises(Failure, match="not carried within 0 s"):
        await agent.ensure_port("network", "port", 0)
    assert agent._waiting == {}
