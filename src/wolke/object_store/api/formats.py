"""Which form a list is wanted in: what ``format`` says, else what ``Accept`` likes best of plain text, JSON and XML."""

from __future__ import annotations

from functools import lru_cache

from wolke.core.errors import BadRequest, Refused
from wolke.object_store.api.call import Call

PLAIN, JSON, XML = "text/plain", "application/json", "application/xml"
_BY_NAME = {"plain": PLAIN, "json": JSON, "xml": XML}
_OFFERED = (PLAIN, JSON, XML, "text/xml")
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def wanted(call: Call) -> str:
    """One of four media types. 406 if none of them will do, 400 for an Accept that is none."""
    name = call.query.get("format")
    if name:
        return _BY_NAME.get(name.lower(), PLAIN)
    return _best(call.headers.get("accept", "*/*"))


def accepts(call: Call, media: str) -> bool:
    return _quality(media, _ranges(call.headers.get("accept", "*/*"))) > 0


@lru_cache(1024)
def _best(accept: str) -> str:
    ranges = _ranges(accept)
    best, best_quality = "", 0.0
    for offer in _OFFERED:
        quality = _quality(offer, ranges)
        if quality > best_quality:
            best, best_quality = offer, quality
    if not best:
        raise Refused(406, "Not Acceptable")
    return best


def _ranges(accept: str) -> list[tuple[str, str, float]]:
    return [_parse(part.strip()) for part in accept.split(",") if part.strip()] or [("*", "*", 1.0)]


def _quality(offer: str, ranges: list[tuple[str, str, float]]) -> float:
    """That of the range that says most about the offer."""
    kind, _, subtype = offer.partition("/")
    matching = [
        (one_kind != "*", one_subtype != "*", quality)
        for one_kind, one_subtype, quality in ranges
        if one_kind in ("*", kind) and one_subtype in ("*", subtype)
    ]
    return max(matching)[2] if matching else 0.0


def _parse(part: str) -> tuple[str, str, float]:
    media, *parameters = (piece.strip() for piece in part.split(";"))
    kind, slash, subtype = (piece.strip() for piece in media.partition("/"))
    if media == "*":
        kind = subtype = slash = "*"
    if not (slash and kind and subtype and _TOKEN.issuperset(kind) and _TOKEN.issuperset(subtype)):
        raise BadRequest("Invalid Accept header")
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                raise BadRequest("Invalid Accept header") from None
    return kind.lower(), subtype.lower(), quality
