"""``If-Match`` and its kin, for reading. Of what must hold all must, as Swift has it: a date counts beside an ETag."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.object_store.api import times
from wolke.object_store.errors import NotModified, PreconditionFailed

NAMES = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


def tags(text: str) -> set[str]:
    """ETags of a list, without quotes and ``W/``."""
    return {tag.strip().removeprefix("W/").strip('"') for tag in text.split(",") if tag.strip()}


def check(headers: Mapping[str, str], etag: str, stamp: int, *, also: str = "") -> None:
    """Raises ``PreconditionFailed`` or ``NotModified``. ``also``: another ETag that the object answers to."""
    known = {etag, also} - {""}
    if (wanted := headers.get("if-match")) is not None:
        found = tags(wanted)
        if "*" not in found and not found & known:
            raise PreconditionFailed
    if (text := headers.get("if-unmodified-since")) is not None:
        moment = times.parse_http_date(text)
        if moment is not None and times.seconds(stamp) > moment:
            raise PreconditionFailed
    if (unwanted := headers.get("if-none-match")) is not None:
        found = tags(unwanted)
        if "*" in found or found & known:
            raise NotModified
    elif (text := headers.get("if-modified-since")) is not None:
        moment = times.parse_http_date(text)
        if moment is not None and times.seconds(stamp) <= moment:
            raise NotModified
