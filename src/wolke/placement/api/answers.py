"""Answers with the headers that tell caches how old they are."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import format_datetime
from typing import Any

from wolke.core import clock
from wolke.core.clock import Instant
from wolke.core.http import Request, Response
from wolke.placement.versions import knows


def answer(
    request: Request, body: Any, at: Iterable[Instant] = (), *, status: int = 200, location: str = ""
) -> Response:
    """``at``: when each thing in the answer was last changed; the latest counts, now if there is none."""
    headers = {"Location": request.base_url + location} if location else {}
    if knows(request.version, "dates"):
        latest = max((one for one in at if one), default="") or clock.Clock().now()
        headers["Last-Modified"] = format_datetime(clock.moment(latest).replace(microsecond=0), usegmt=True)
        headers["Cache-Control"] = "no-cache"
    return Response(status, b"" if body is None else body, headers=headers)
