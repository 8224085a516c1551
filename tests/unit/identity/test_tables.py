"""The pure parts: rules, routes, catalog URLs, what may be repeated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import wolke.identity
from wolke.core.context import Context
from wolke.core.policy import Policy
from wolke.identity import views
from wolke.identity.api import ROUTES
from wolke.identity.model import ApplicationCredential, Credential, Password
from wolke.identity.policy import RULES
from wolke.identity.service.authentication import PasswordMethod, TokenMethod, UserReference
from wolke.identity.service.standing import closure


def test_every_rule_that_is_asked_is_in_the_table() -> None:
    names = {rule.name for rule in RULES}
    assert len(names) == len(RULES)
    asked = {route.rule for route in ROUTES if route.rule}
    for file in (Path(wolke.identity.__file__).parent / "api").glob("*.py"):
        asked |= set(re.findall(r'"(identity:\w+)"', file.read_text()))
    assert asked <= names


def test_a_rule_compares_the_target_and_not_the_absence_of_one() -> None:
    policy = Policy(RULES)
    nobody = Context(user_id="u", project_id="p", roles=frozenset({"member", "reader", "manager"}))
    for rule in RULES:
        if rule.name.startswith(("identity:create", "identity:update", "identity:delete", "identity:revoke")):
            assert not policy.allows(nobody, rule.name, {}), rule.name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("$(public_url)s/v3", "http://c/v3"),
        ("$(public_url)s/AUTH_$(project_id)s", "http://c/AUTH_p"),
        ("http://x/%(tenant_id)s", "http://x/p"),
        ("http://x/$(password)s", None),
    ],
)
def test_urls_are_filled_in_or_left_out(url: str, shown: str | None) -> None:
    assert views.fill(url, {"public_url": "http://c", "project_id": "p", "tenant_id": "p"}) == shown


def test_unknown_placeholders_are_named() -> None:
    assert views.unknown_placeholders("$(project_id)s/%(admin_token)s/$(x") == ["admin_token", "x"]
    assert views.unknown_placeholders("http://100%/$5") == []


def test_implications_close_over_circles() -> None:
    assert closure("a", {"a": ["b"], "b": ["c"], "c": ["a"]}) == {"a", "b", "c"}


def test_secrets_stay_out_of_repr() -> None:
    for one in (
        Password("u", "hush", ""),
        Credential("i", "t", "u", None, "hush", {}),
        ApplicationCredential("i", "n", "u", "p", None, "hush", False, None, "", []),
        PasswordMethod(UserReference(id="u", password="hush")),
        TokenMethod("hush"),
    ):
        assert "hush" not in repr(one)
