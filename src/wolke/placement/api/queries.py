"""The little languages of Placement's query strings, read once: ``resources=VCPU:1``, ``required=A,!B``, ``member_of=in:x,y``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

from wolke.core import ids
from wolke.core.http import Params
from wolke.core.microversion import Version
from wolke.placement import errors
from wolke.placement.model import MAX_INT
from wolke.placement.scheduler.candidates import Group, Wants, Wish
from wolke.placement.versions import CANDIDATE_PARAMETERS, SUFFIXED_PARAMETERS, knows, served

_RESOURCE = re.compile(r"([A-Z0-9_]{1,255}):([0-9]{1,10})")
_SUFFIXED = re.compile(r"(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})")
_NUMBER = re.compile(r"[1-9][0-9]*")
_NAMES_MAX = 1000


def uuid_of(text: str, code: str = "placement.query.bad_value") -> str:
    if not ids.is_uuid(text):
        raise errors.BadQuery(f"{text[:64]!r} is not a UUID.", code)
    return ids.hyphenated(text.replace("-", "").lower())


def check_names(params: Params, allowed: set[str]) -> None:
    for name in params.names():
        if name not in allowed:
            raise errors.BadQuery(f"Additional properties are not allowed ({name[:64]!r} was unexpected)")


def resources(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in text.split(","):
        match = _RESOURCE.fullmatch(part.strip())
        if match is None or not 1 <= int(match[2]) <= MAX_INT or match[1] in found:
            _bad(
                f"Badly formed resources parameter. Expected resources=CLASS:amount,… once per class. Got: {text[:200]!r}"
            )
        found[match[1]] = int(match[2])
    return found


def traits(values: Sequence[str], version: Version) -> Wants:
    any_of: list[frozenset[str]] = []
    none_of: set[str] = set()
    if len(values) > 1 and not knows(version, "any of several traits"):
        raise errors.BadQuery("Query parameter required was given more than once.", "placement.query.duplicate_key")
    for value in values:
        if value.startswith("in:"):
            if not knows(version, "any of several traits"):
                _bad(f"Malformed traits parameter {value[:200]!r}")
            any_of.append(frozenset(_names(value[3:])))
            continue
        for name in _names(value):
            if name.startswith("!"):
                none_of.add(name[1:])
            else:
                any_of.append(frozenset({name}))
    if none_of and not knows(version, "forbidden traits"):
        _bad("Traits cannot be forbidden in this version.")
    if any("" in group or any(name.startswith("!") for name in group) for group in (*any_of, none_of)):
        _bad(f"Malformed traits parameter {','.join(values)[:200]!r}")
    if any(group <= none_of for group in any_of):
        _bad("Conflicting required and forbidden traits.")
    return Wants(tuple(any_of), frozenset(none_of))


def aggregates(values: Sequence[str], version: Version) -> Wants:
    any_of: list[frozenset[str]] = []
    none_of: set[str] = set()
    if len(values) > 1 and not knows(version, "member_of again"):
        raise errors.BadQuery("Query parameter member_of was given more than once.", "placement.query.duplicate_key")
    for value in values:
        forbidden = value.startswith("!")
        if forbidden and not knows(version, "forbidden aggregates"):
            _bad("Aggregates cannot be forbidden in this version.")
        text = value[1:] if forbidden else value
        if not text.startswith("in:") and "," in text:
            _bad(f"Multiple values for 'member_of' must be prefixed with 'in:': {value[:200]!r}")
        uuids = frozenset(uuid_of(one) for one in _names(text.removeprefix("in:")))
        if forbidden:
            none_of |= uuids
        else:
            any_of.append(uuids)
    return Wants(tuple(any_of), frozenset(none_of))


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",")]
    if not all(names) or len(names) > _NAMES_MAX:
        _bad(f"Malformed list {text[:200]!r}")
    return names


def wish(params: Params, version: Version) -> Wish:
    """The whole query of GET /allocation_candidates."""
    plain, suffixed = served(version, CANDIDATE_PARAMETERS), served(version, SUFFIXED_PARAMETERS)
    suffixes: list[str] = []
    for name in params.names():
        if name in plain:
            continue
        match = _SUFFIXED.fullmatch(name)
        if match is None or match[1] not in suffixed or not _suffix_allowed(match[2], version):
            raise errors.BadQuery(f"Additional properties are not allowed ({name[:64]!r} was unexpected)")
        if match[2] not in suffixes:
            suffixes.append(match[2])
    groups = [_group(params, suffix, version) for suffix in suffixes]
    if any(name in params for name in ("resources", "required", "member_of", "in_tree")):
        groups.insert(0, _group(params, "", version))
    subtrees = _subtrees(params, {group.suffix for group in groups})
    _check_resources(groups, version, subtrees)
    return Wish(
        tuple(groups), _isolate(params, groups), subtrees, _root_traits(params), knows(version, "nested candidates"), _limit(params)
    )  # fmt: skip


def _suffix_allowed(suffix: str, version: Version) -> bool:
    return knows(version, "suffixes of words") or _NUMBER.fullmatch(suffix) is not None


def _group(params: Params, suffix: str, version: Version) -> Group:
    wanted, tree = params.all("resources" + suffix), params.all("in_tree" + suffix)
    if len(wanted) > 1 or len(tree) > 1:
        name = ("resources" if len(wanted) > 1 else "in_tree") + suffix
        raise errors.BadQuery(f"Query parameter {name!r} was given more than once.", "placement.query.duplicate_key")
    return Group(
        suffix,
        resources(wanted[0]) if wanted else {},
        traits(params.all("required" + suffix), version),
        aggregates(params.all("member_of" + suffix), version),
        uuid_of(tree[0]) if tree else None,
    )


def _check_resources(groups: Sequence[Group], version: Version, subtrees: Sequence[frozenset[str]]) -> None:
    if not any(group.resources for group in groups):
        raise errors.BadQuery(
            "There must be at least one resources or resources[$S] parameter.", "placement.query.missing_value"
        )
    for group in groups:
        if not group.resources:
            named = any(group.suffix in subtree for subtree in subtrees)
            if not group.suffix or not (knows(version, "groups without resources") and named):
                _bad(f"All traits and aggregates must be for a group with resources; group {group.suffix!r} has none.")


def _isolate(params: Params, groups: Sequence[Group]) -> bool:
    policy = params.get("group_policy")
    if policy not in (None, "none", "isolate"):
        _bad(f"group_policy must be none or isolate, not {policy[:64]!r}.")
    if policy is None and sum(bool(group.suffix and group.resources) for group in groups) > 1:
        raise errors.BadQuery("The group_policy parameter is required when specifying more than one suffixed group.")
    return policy == "isolate"


def _subtrees(params: Params, suffixes: set[str]) -> tuple[frozenset[str], ...]:
    found = []
    for value in params.all("same_subtree"):
        names = frozenset(_names(value))
        if unknown := sorted(names - suffixes):
            _bad(f"same_subtree names a group that is not there: {unknown[0][:64]!r}.")
        found.append(names)
    return tuple(found)


def _root_traits(params: Params) -> Wants:
    values = params.all("root_required")
    if len(values) > 1:
        raise errors.BadQuery(
            "Query parameter 'root_required' was given more than once.", "placement.query.duplicate_key"
        )
    names = [name for value in values for name in _names(value)]
    none_of = frozenset(name[1:] for name in names if name.startswith("!"))
    any_of = tuple(frozenset({name}) for name in names if not name.startswith("!"))
    if "" in none_of or any(group <= none_of for group in any_of):
        _bad("Malformed or conflicting root_required.")
    return Wants(any_of, none_of)


def _limit(params: Params) -> int | None:
    text = params.get("limit")
    if text is None:
        return None
    if _NUMBER.fullmatch(text) is None:
        _bad(f"limit must be a positive whole number, not {text[:64]!r}.")
    return int(text[:9])


def named_traits(wish: Wish) -> set[str]:
    """Every trait that the query names, to see whether it exists."""
    wants = [wish.root_traits, *(group.traits for group in wish.groups)]
    return {name for want in wants for group in (*want.any_of, want.none_of) for name in group}


def named_classes(wish: Wish) -> set[str]:
    return {name for group in wish.groups for name in group.resources}


def _bad(why: str) -> NoReturn:
    raise errors.BadQuery(why)
