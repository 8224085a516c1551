"""Answers that take their time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from wolke.object_store.filters.reports import Report, in_time


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wolke.object_store.filters.reports.SIGN_OF_LIFE_S", 0.01)


async def slowly(seconds: float, ended: list[bool] | None = None) -> bytes:
    try:
        await asyncio.sleep(seconds)
    finally:
        if ended is not None:
            ended.append(True)
    return b"done"


def chunks(response: Any) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.chunks)


@pytest.mark.parametrize(
    ("form", "quick", "slow"),
    [
        ("application/json", b"done", b" "),
        ("text/xml", b'<?xml version="1.0" encoding="UTF-8"?>\ndone', b'<?xml version="1.0" encoding="UTF-8"?>\n'),
    ],
)
async def test_what_is_quick_comes_whole_and_what_is_slow_shows_life(form: str, quick: bytes, slow: bytes) -> None:
    response = await in_time(slowly(0), 200, form)
    assert (response.chunks, response.body) == (None, quick)
    response = await in_time(slowly(0.06), 200, form)
    found = [chunk async for chunk in chunks(response)]
    assert found[0] == slow
    assert found[-1] == b"\r\n\r\ndone"
    assert len(found) > 3
    assert set(found[1:-1]) == {b" "}


async def test_who_wants_a_sign_at_once_gets_it() -> None:
    response = await in_time(slowly(0), 202, "text/plain", at_once=True)
    assert [chunk async for chunk in chunks(response)] == [b" ", b"\r\n\r\ndone"]


async def test_a_client_that_leaves_ends_the_work() -> None:
    ended: list[bool] = []
    response = await in_time(slowly(60, ended), 200, "text/plain")
    assert await anext(chunks(response)) == b" "
    await chunks(response).aclose()
    assert ended == [True]


async def test_who_stops_waiting_ends_the_work() -> None:
    ended: list[bool] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await in_time(slowly(60, ended), 200, "text/plain")
    await asyncio.sleep(0)
    assert ended == [True]


async def test_what_fails_fails() -> None:
    async def failing() -> bytes:
        raise LookupError

    with pytest.raises(LookupError):
        await in_time(failing(), 200, "text/plain")


def test_names_in_a_report_are_escaped_and_short() -> None:
    report = Report("delete", 200, number_deleted=0)
    report.failed("/c/<é>", 409)
    report.failed(b"/c/\xff" + b"x" * 5000, 507)
    assert report.worst == 502
    assert report.errors[0] == ["/c/%3C%C3%A9%3E", "409 Conflict"]
    assert len(report.errors[1][0]) < 1300
    assert b"<name>/c/%3C%C3%A9%3E</name><status>409 Conflict</status>" in report.written("text/xml")
