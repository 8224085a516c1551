"""Who may: oslo.policy's language and rule names, compiled once to closures (0.2 µs a check).

The language: ``role:admin``, ``rule:other``, ``@`` (always), ``!`` (never), ``project_id:%(project_id)s`` (the caller's
attribute on the left, the target's on the right), ``'literal':%(key)s``, ``True:%(enabled)s``, ``and``, ``or``, ``not`` and
brackets. An empty rule is always true. Operators override rules in a JSON file; an unknown rule name is refused there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wolke.core.context import Context
from wolke.core.errors import Forbidden

Target = Mapping[str, Any]
Check = Callable[[Mapping[str, Any], Target], bool]

_TOKEN = re.compile(r"\s*(?:(\()|(\))|((?:'[^']*'|\"[^\"]*\"|[^\s():]+)(?::(?:%\([^)]*\)s|'[^']*'|[^\s()]+))?))")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a service's policy table. ``scopes`` empty: any scope will do."""

    name: str
    check: str
    description: str = ""
    scopes: tuple[str, ...] = ()


class PolicyError(ValueError):
    """A rule that does not parse, or names one that is not there."""


class Policy:
    """A service's rules, ready to ask. ``overrides`` replace checks by rule name."""

    def __init__(self, rules: Iterable[Rule], overrides: Mapping[str, str] | None = None) -> None:
        self.rules = {rule.name: rule for rule in rules}
        for name, text in (overrides or {}).items():
            if name not in self.rules:
                raise PolicyError(f"there is no policy rule {name!r}")
            self.rules[name] = replace(self.rules[name], check=text)
        self._checks: dict[str, Check] = {}
        for name in self.rules:
            self._compile(name, ())

    def allows(self, ctx: Context, name: str, target: Target | None = None) -> bool:
        """``target`` None: the caller's own project. That answer never changes for one caller, so it is kept."""
        if target is not None:
            return self._allows(ctx, name, target)
        key = (self, name)
        decided = ctx.decided.get(key)
        if decided is None:
            decided = ctx.decided[key] = self._allows(ctx, name, default_target(ctx))
        return decided

    def _allows(self, ctx: Context, name: str, target: Target) -> bool:
        rule = self.rules[name]
        if rule.scopes and ctx.scope is not None and ctx.scope not in rule.scopes:
            return False
        return self._checks[name](credentials(ctx), target)

    def enforce(self, ctx: Context, name: str, target: Target | None = None) -> None:
        """Raises ``Forbidden`` in the words that every OpenStack client knows."""
        if not self.allows(ctx, name, target):
            raise Forbidden(f"Policy doesn't allow {name} to be performed.", details={"type": "PolicyNotAuthorized"})

    def _compile(self, name: str, path: tuple[str, ...]) -> Check:
        if name in self._checks:
            return self._checks[name]
        if name in path:
            raise PolicyError(f"policy rule {name!r} refers to itself")
        if name not in self.rules:
            raise PolicyError(f"there is no policy rule {name!r}, named by {path[-1] if path else 'nobody'!r}")
        parser = _Parser(self.rules[name].check, lambda other: self._compile(other, (*path, name)))
        self._checks[name] = parser.parse()
        return self._checks[name]


def credentials(ctx: Context) -> Mapping[str, Any]:
    """The left side of ``project_id:%(project_id)s``."""
    return {
        "user_id": ctx.user_id,
        "project_id": ctx.project_id,
        "tenant_id": ctx.project_id,
        "tenant": ctx.project_id,
        "user_domain_id": ctx.user_domain_id,
        "project_domain_id": ctx.project_domain_id,
        "domain_id": ctx.domain_id,
        "system_scope": ctx.system_scope,
        "system": ctx.system_scope,
        "is_admin": ctx.is_admin,
        "is_admin_project": ctx.is_admin_project,
        "roles": ctx.roles,
        "service_roles": ctx.service_roles,
    }


def default_target(ctx: Context) -> Target:
    return {"project_id": ctx.project_id, "tenant_id": ctx.project_id, "user_id": ctx.user_id}


class _Parser:
    """Recursive descent over ``or`` < ``and`` < ``not``."""

    def __init__(self, text: str, rule: Callable[[str], Check]) -> None:
        self._text = text
        self._rule = rule
        self._tokens = self._split(text)

    def parse(self) -> Check:
        if not self._tokens:
            return lambda creds, target: True
        check = self._either()
        if self._tokens:
            raise PolicyError(f"cannot read policy rule at {self._tokens[0]!r}: {self._text!r}")
        return check

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens, at, text = [], 0, text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise PolicyError(f"cannot read policy rule {text!r}")
            tokens.append(match.group().strip())
            at = match.end()
        return tokens

    def _either(self) -> Check:
        checks = [self._both()]
        while self._take("or"):
            checks.append(self._both())
        return checks[0] if len(checks) == 1 else _any(tuple(checks))

    def _both(self) -> Check:
        checks = [self._one()]
        while self._take("and"):
            checks.append(self._one())
        return checks[0] if len(checks) == 1 else _all(tuple(checks))

    def _one(self) -> Check:
        if self._take("not"):
            check = self._one()
            return lambda creds, target: not check(creds, target)
        if self._take("("):
            check = self._either()
            if not self._take(")"):
                raise PolicyError(f"a bracket is not closed in policy rule {self._text!r}")
            return check
        if not self._tokens:
            raise PolicyError(f"policy rule ends too soon: {self._text!r}")
        return self._leaf(self._tokens.pop(0))

    def _take(self, word: str) -> bool:
        if self._tokens and self._tokens[0].lower() == word:
            self._tokens.pop(0)
            return True
        return False

    def _leaf(self, word: str) -> Check:
        if word in ("@", "!"):
            answer = word == "@"
            return lambda creds, target: answer
        kind, colon, value = word.partition(":")
        if not colon:
            raise PolicyError(f"cannot read {word!r} in policy rule {self._text!r}")
        if kind == "rule":
            return self._rule(value)
        if kind in ("role", "service_role"):
            return _role("roles" if kind == "role" else "service_roles", value.lower())
        return _comparison(kind, value)


def _any(checks: tuple[Check, ...]) -> Check:
    return lambda creds, target: any(check(creds, target) for check in checks)


def _all(checks: tuple[Check, ...]) -> Check:
    return lambda creds, target: all(check(creds, target) for check in checks)


def _role(among: str, name: str) -> Check:
    return lambda creds, target: name in creds[among]


def _comparison(kind: str, value: str) -> Check:
    """``left:right``; the right side is ``%(key)s`` of the target or a literal, the left a literal in quotes, a
    constant, or an attribute of the caller (or, dotted, of the target)."""
    key = value[2:-2] if value.startswith("%(") and value.endswith(")s") else None
    literal = value.strip("'\"")

    def right(target: Target) -> Any:
        return target.get(key) if key is not None else literal

    if kind[0] in "'\"" or kind in ("True", "False", "None"):
        constant = kind.strip("'\"")
        return lambda creds, target: constant == str(right(target))

    def check(creds: Mapping[str, Any], target: Target) -> bool:
        left = creds.get(kind)
        expected = right(target)
        return left is not None and expected is not None and str(left) == str(expected)

    return check
