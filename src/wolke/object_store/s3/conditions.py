"""Conditions of writes and deletes, judged in the commit, against the object that would be replaced."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.object_store.model import Object
from wolke.object_store.s3.call import etag_of
from wolke.object_store.s3.faults import Fault, not_here
from wolke.object_store.service import Check


def of_write(headers: Mapping[str, str]) -> Check | None:
    """``If-None-Match: *`` and ``If-Match: etag``; S3 does no others, and says so."""
    _refuse_dates(headers)
    none_match, match = headers.get("if-none-match"), headers.get("if-match")
    if none_match is not None:
        if none_match.strip() != "*" or match is not None:
            raise not_here("If-None-Match")
        return _must_be_new
    if match is None:
        return None
    if match.strip() == "*":
        raise not_here("If-Match")
    return _must_match(match)


def of_completion(headers: Mapping[str, str]) -> Check | None:
    """As ``of_write``. That there is nothing to match is 501 here, as with Swift's S3; Amazon's says 404."""
    check = of_write(headers)

    def nothing_matches(old: Object | None) -> None:
        if old is None and "if-match" in headers:
            raise not_here("If-Match")
        if check is not None:
            check(old)

    return nothing_matches if check is not None else None


def of_delete(headers: Mapping[str, str]) -> Check | None:
    """``If-Match``, with ``*`` for anything at all."""
    match = headers.get("if-match")
    return None if match is None else _must_match(match)


def _refuse_dates(headers: Mapping[str, str]) -> None:
    for name in ("if-modified-since", "if-unmodified-since"):
        if name in headers:
            raise not_here(name)


def _must_be_new(old: Object | None) -> None:
    if old is not None:
        raise Fault("PreconditionFailed", Condition="If-None-Match")


def _must_match(match: str) -> Check:
    wanted = match.strip().strip('"')

    def check(old: Object | None) -> None:
        if old is None:
            raise Fault("NoSuchKey")
        if wanted not in ("*", etag_of(old)):
            raise Fault("PreconditionFailed", Condition="If-Match")

    return check
