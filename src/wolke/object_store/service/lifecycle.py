"""Lifecycle rules: what is due in a bucket, decided without looking at a clock or a disk.

A day ends at midnight UTC: what may live for a day goes at the first midnight that is at least a day after it was written.
Several rules may speak of one object; the earliest end counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

from wolke.object_store.model import MARKER, TICKS_PER_S, Container, Listed

NAME = "lifecycle"  # in a container's ``system``: the rules as JSON
TAGS = "s3:tags"  # in an object's: its tags as a query string
_DAY_S = 86_400


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``at_s`` and ``days`` end current versions; ``past_*`` those that were replaced; ``markers``: a delete marker with nothing
    behind it goes, too. Sizes are exclusive."""

    id: str = ""
    prefix: str = ""
    tags: dict[str, str] = {}
    larger: int = -1
    smaller: int = -1
    days: int = 0
    at_s: int = 0
    markers: bool = False
    past_days: int = 0
    past_kept: int = 0
    upload_days: int = 0


class End(NamedTuple):
    at_s: int
    rule: str


_decode = msgspec.json.Decoder(tuple[Rule, ...]).decode


def rules_of(container: Container) -> tuple[Rule, ...]:
    text = container.system.get(NAME)
    return _decode(text) if text else ()


def rules_text(rules: Sequence[Rule]) -> str:
    return msgspec.json.encode(rules).decode()


def _midnight_after(stamp: int, days: int) -> int:
    since_s = stamp // TICKS_PER_S + days * _DAY_S
    return -(-since_s // _DAY_S) * _DAY_S


def _fits(rule: Rule, one: Listed) -> bool:
    value = one.object
    if not one.name.startswith(rule.prefix):
        return False
    if (rule.larger >= 0 and value.size <= rule.larger) or (rule.smaller >= 0 and value.size >= rule.smaller):
        return False
    if not rule.tags:
        return True
    tags = dict(parse_qsl(value.system.get(TAGS, ""), keep_blank_values=True))
    return all(tags.get(key) == wanted for key, wanted in rule.tags.items())


def _earliest(ends: Iterable[End]) -> End | None:
    return min(ends, default=None)


def end_of_current(rules: Sequence[Rule], one: Listed) -> End | None:
    """When the current version is to be deleted."""
    ends = []
    for rule in rules:
        if (rule.days or rule.at_s) and _fits(rule, one):
            ends.append(End(rule.at_s or _midnight_after(one.object.stamp, rule.days), rule.id))
    return _earliest(ends)


def end_of_past(rules: Sequence[Rule], one: Listed, replaced: int, newer: int) -> End | None:
    """When a version that was replaced at the stamp ``replaced``, and has ``newer`` replaced ones before it, is to go."""
    return _earliest(
        End(_midnight_after(replaced, rule.past_days), rule.id)
        for rule in rules
        if rule.past_days and newer >= rule.past_kept and _fits(rule, one)
    )


def marker_goes(rules: Sequence[Rule], one: Listed, now_s: int) -> bool:
    """Of a delete marker that is the only version left."""
    return any(
        rule.markers or (rule.days and _midnight_after(one.object.stamp, rule.days) <= now_s)
        for rule in rules
        if one.name.startswith(rule.prefix) and not rule.tags and rule.larger < 0 and rule.smaller < 0
    )


def end_of_upload(rules: Sequence[Rule], name: str, created: int) -> End | None:
    return _earliest(
        End(_midnight_after(created, rule.upload_days), rule.id)
        for rule in rules
        if rule.upload_days and name.startswith(rule.prefix)
    )


class Doomed(NamedTuple):
    """A name whose current version goes (``version`` None), or a version that goes for good. ``stamp``: of what was judged."""

    name: str
    version: int | None
    stamp: int


def due(rules: Sequence[Rule], versions: Sequence[Listed], now_s: int, *, keeps_versions: bool) -> list[Doomed]:
    """``versions`` are all those of one name, the newest first."""
    found: list[Doomed] = []
    newest = versions[0]
    if newest.object.kind == MARKER:
        if len(versions) == 1 and marker_goes(rules, newest, now_s):
            return [Doomed(newest.name, newest.object.version, newest.object.stamp)]
    elif (end := end_of_current(rules, newest)) is not None and end.at_s <= now_s:
        found.append(Doomed(newest.name, None, newest.object.stamp))
    if not keeps_versions:
        return found
    for at, one in enumerate(versions[1:]):
        end = end_of_past(rules, one, versions[at].object.stamp, at)
        if end is not None and end.at_s <= now_s:
            found.append(Doomed(one.name, one.object.version, one.object.stamp))
    return found
