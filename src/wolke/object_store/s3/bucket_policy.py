"""Bucket policies: JSON documents that allow or deny. Validated when put, compiled once, evaluated for each request.

The language is that of AWS (Policy reference: elements, condition operators), for the resources of one bucket. An explicit deny
wins over everything, the owner's own rights too; but who may change the policy can always do so, lest nobody could.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from wolke.object_store.s3.faults import Fault

NAME = "s3:policy"
LIMIT_BYTES = 20 << 10
_VERSIONS = frozenset({"2012-10-17", "2008-10-17"})
_ELEMENTS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_ARN = "arn:aws:s3:::"
_PRINCIPAL_ARN = re.compile(r"arn:aws:(?:iam|sts)::([^:]*):(?:root|user/(.+))")
_MOST_STATEMENTS = 200

#: The values of a condition key; no value if the request has none.
Values = Callable[[str], Sequence[str]]


class Statement(NamedTuple):
    allow: bool
    principal: Callable[[frozenset[str]], bool]
    everybody: bool
    action: Callable[[str], bool]
    resource: Callable[[str], bool]
    conditions: tuple[Callable[[Values], bool], ...]

    def fits(self, who: frozenset[str], action: str, resource: str, values: Values) -> bool:
        return (
            self.action(action)
            and self.resource(resource)
            and self.principal(who)
            and all(holds(values) for holds in self.conditions)
        )


class Policy(NamedTuple):
    statements: tuple[Statement, ...]

    def decide(self, who: frozenset[str], action: str, resource: str, values: Values) -> bool | None:
        """True, or False for an explicit deny; None if nothing in it speaks of the request."""
        fitting = [one.allow for one in self.statements if one.fits(who, action, resource, values)]
        return None if not fitting else all(fitting)

    @property
    def is_public(self) -> bool:
        """Whether anybody at all is let in, without a condition that names them."""
        return any(one.allow and one.everybody and not one.conditions for one in self.statements)


def _malformed(why: str) -> Fault:
    return Fault("MalformedPolicy", why)


def compile_policy(text: str, bucket: str) -> Policy:
    """Raises ``Fault``, naming what is wrong."""
    if len(text.encode()) > LIMIT_BYTES:
        raise _malformed("Policy exceeds the maximum allowed document size.")
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'") from None
    if not isinstance(document, dict) or not set(document) <= {"Version", "Id", "Statement"}:
        raise _malformed("Unknown field in the policy")
    if document.get("Version", "2008-10-17") not in _VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    listed = document.get("Statement")
    statements = [listed] if isinstance(listed, dict) else listed
    if not isinstance(statements, list) or not statements or len(statements) > _MOST_STATEMENTS:
        raise _malformed("Missing required field Statement")
    return Policy(tuple(_statement(one, bucket) for one in statements))


@lru_cache(maxsize=1024)
def compiled(text: str, bucket: str) -> Policy:
    return compile_policy(text, bucket)


def of(system: Mapping[str, str], bucket: str) -> Policy | None:
    text = system.get(NAME)
    return compiled(text, bucket) if text else None


def _statement(one: Any, bucket: str) -> Statement:
    if not isinstance(one, dict) or not set(one) <= _ELEMENTS:
        raise _malformed("Unknown field in a statement")
    if one.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Invalid effect")
    for name in ("Principal", "Action", "Resource"):
        if (name in one) == ("Not" + name in one):
            raise _malformed(f"Missing required field {name}")
    if one["Effect"] == "Allow" and "NotPrincipal" in one:
        raise _malformed("Allow with NotPrincipal is not allowed")
    named = _principals(one.get("Principal", one.get("NotPrincipal")))
    fits_who = _negated(_principal(named), "NotPrincipal" in one)
    actions = [action.lower() for action in _texts(one.get("Action", one.get("NotAction")), "Action")]
    if any(action != "*" and not action.startswith("s3:") for action in actions):
        raise _malformed("Policy has invalid action")
    resources = _texts(one.get("Resource", one.get("NotResource")), "Resource")
    for resource in resources:
        name = resource.removeprefix(_ARN)
        if resource != "*" and (name == resource or not _matches(name.partition("/")[0], bucket)):
            raise _malformed("Policy has invalid resource")
    return Statement(
        one["Effect"] == "Allow",
        fits_who,
        "*" in named,
        _negated(_wild(actions, lower=True), "NotAction" in one),
        _negated(_wild(resources), "NotResource" in one),
        tuple(_conditions(one.get("Condition", {}))),
    )


def _negated(test: Callable[[Any], bool], negative: bool) -> Callable[[Any], bool]:
    return (lambda value: not test(value)) if negative else test


def _texts(value: Any, what: str) -> list[str]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(one, str) and one for one in found):
        raise _malformed(f"Policy has invalid {what.lower()}")
    return found


def _principals(value: Any) -> frozenset[str]:
    if value == "*":
        return frozenset({"*"})
    if not isinstance(value, dict) or not value or not set(value) <= {"AWS", "CanonicalUser"}:
        raise _malformed("Invalid principal in policy")
    return frozenset(_identity(text) for key in value for text in _texts(value[key], "principal"))


def _identity(text: str) -> str:
    """``arn:aws:iam::PROJECT:root`` is everybody in a project, ``…:user/USER`` one of them. A bare ID is what an ACL takes."""
    if text == "*" or not text.startswith("arn:"):
        return text
    match = _PRINCIPAL_ARN.fullmatch(text)
    if match is None:
        raise _malformed("Invalid principal in policy")
    return f"{match[1]}:{match[2]}" if match[2] else match[1]


def _principal(named: frozenset[str]) -> Callable[[frozenset[str]], bool]:
    if "*" in named:
        return lambda who: True
    return lambda who: not named.isdisjoint(who)


def _matches(pattern: str, text: str) -> bool:
    """``*`` and ``?`` as in AWS; brackets are only brackets. The last star alone is ever tried again, so that no pattern takes
    longer than its length times the text's, as a regular expression would."""
    at = here = 0
    star, resumed = -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resumed = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            resumed += 1
            at, here = star + 1, resumed
        else:
            return False
    return not pattern[at:].strip("*")


def _wild(patterns: Sequence[str], *, lower: bool = False) -> Callable[[str], bool]:
    if lower:
        return lambda value: any(_matches(one, value.lower()) for one in patterns)
    return lambda value: any(_matches(one, value) for one in patterns)


# -- conditions


def _conditions(value: Any) -> list[Callable[[Values], bool]]:
    if not isinstance(value, dict):
        raise _malformed("Invalid condition")
    found = []
    for operator, keys in value.items():
        if not isinstance(keys, dict):
            raise _malformed("Invalid condition")
        for key, expected in keys.items():
            listed = expected if isinstance(expected, list) else [expected]
            found.append(_condition(operator, key, [_scalar(one) for one in listed]))
    return found


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise _malformed("Invalid condition value")
    return str(value)


def _condition(operator: str, key: str, expected: list[str]) -> Callable[[Values], bool]:
    """A key that the request lacks fails the condition, unless that is negative or ends in IfExists."""
    quantifier, _, bare = operator.rpartition(":")
    if quantifier not in ("", "ForAnyValue", "ForAllValues"):
        raise _malformed(f"Invalid condition operator {operator}")
    optional = bare.endswith("IfExists")
    bare = bare.removesuffix("IfExists")
    if bare == "Null":
        missing = expected == ["true"]
        return lambda values: (not values(key)) == missing
    negative = "Not" in bare
    kind = _OPERATORS.get(bare.replace("Not", "", 1))
    if kind is None:
        raise _malformed(f"Invalid condition operator {operator}")
    try:
        tests = [kind(one) for one in expected]
    except ValueError:
        raise _malformed(f"Invalid value in condition {operator}") from None
    every = all if quantifier == "ForAllValues" else any

    def holds(values: Values) -> bool:
        found = values(key)
        if not found:
            return optional or negative or quantifier == "ForAllValues"
        if negative:
            return not any(test(value) for value in found for test in tests)
        return every(any(test(value) for test in tests) for value in found)

    return holds


def _string(expected: str) -> Callable[[str], bool]:
    return lambda value: value == expected


def _string_ignoring_case(expected: str) -> Callable[[str], bool]:
    return lambda value: value.lower() == expected.lower()


def _like(expected: str) -> Callable[[str], bool]:
    return lambda value: _matches(expected, value)


def _boolean(expected: str) -> Callable[[str], bool]:
    return lambda value: value.lower() == expected.lower()


def _address(expected: str) -> Callable[[str], bool]:
    network = ipaddress.ip_network(expected, strict=False)

    def within(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return within


def _number(compare: Callable[[float, float], bool]) -> Callable[[str], Callable[[str], bool]]:
    def make(expected: str) -> Callable[[str], bool]:
        bound = float(expected)

        def test(value: str) -> bool:
            try:
                return compare(float(value), bound)
            except ValueError:
                return False

        return test

    return make


def _date(compare: Callable[[float, float], bool]) -> Callable[[str], Callable[[str], bool]]:
    def make(expected: str) -> Callable[[str], bool]:
        bound = _moment(expected)
        return lambda value: compare(_moment(value), bound)

    return make


def _moment(text: str) -> float:
    return float(text) if text.replace(".", "", 1).isdigit() else datetime.fromisoformat(text).timestamp()


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "Equals": lambda a, b: a == b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
}

_OPERATORS: Mapping[str, Callable[[str], Callable[[str], bool]]] = {
    "StringEquals": _string,
    "StringEqualsIgnoreCase": _string_ignoring_case,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _boolean,
    "IpAddress": _address,
    **{f"Numeric{name}": _number(compare) for name, compare in _COMPARISONS.items()},
    **{f"Date{name}": _date(compare) for name, compare in _COMPARISONS.items()},
}
