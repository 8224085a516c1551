"""Who is too fast is slowed down, and then refused."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from wolke.object_store.config import ObjectStoreConfig


@pytest.fixture
def object_store_config() -> ObjectStoreConfig:
    return ObjectStoreConfig(
        account_ratelimit_per_s=20.0,
        container_ratelimits="2:20",
        container_listing_ratelimits="0:20",
        ratelimit_longest_s=0.2,
    )


async def test_containers_of_an_account(swift: Any) -> None:
    started = time.monotonic()
    found = await asyncio.gather(*(swift.ann.put(f"/c{number}") for number in range(12)))
    statuses = sorted(answer.status for answer in found)
    assert statuses[:5] == [201] * 5
    assert statuses[-5:] == [498] * 5
    assert time.monotonic() - started > 0.15
    assert (await swift.bob.put("/c")).status == 201


async def test_a_container_is_slow_once_it_is_large(swift: Any) -> None:
    await swift.container()
    for number in range(2):
        await swift.object(f"/c/{number}")
    found = await asyncio.gather(*(swift.ann.put("/c/x", content=b"x") for _ in range(12)))
    assert {answer.status for answer in found} == {201, 498}
    refused = next(answer for answer in found if answer.status == 498)
    assert refused.body == b"Slow down"
    assert (await swift.ann.get("/c/x")).status == 200


async def test_what_is_limited_is_said(swift: Any) -> None:
    info = (await swift.nobody.get("/info")).json["ratelimit"]
    assert info["account_ratelimit"] == 20.0
    assert info["container_ratelimits"] == [[2, 20.0]]
