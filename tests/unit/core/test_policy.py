import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wolke.core.context import Context
from wolke.core.errors import Forbidden
from wolke.core.policy import Policy, PolicyError, Rule

MEMBER = Context(user_id="u", project_id="p", roles=frozenset({"member", "reader"}))
ADMIN = Context(user_id="a", project_id="q", roles=frozenset({"admin", "member", "reader"}))
SYSTEM = Context(user_id="s", system_scope="all", roles=frozenset({"admin"}))


def asks(check: str, ctx: Context, target: dict[str, object] | None = None, **more: str) -> bool:
    rules = [Rule("asked", check), *(Rule(name, text) for name, text in more.items())]
    return Policy(rules).allows(ctx, "asked", target)


@pytest.mark.parametrize(
    ("check", "ctx", "target", "expected"),
    [
        ("", MEMBER, None, True),
        ("@", MEMBER, None, True),
        ("!", ADMIN, None, False),
        ("role:admin", MEMBER, None, False),
        ("role:Admin", ADMIN, None, True),
        ("role:member and project_id:%(project_id)s", MEMBER, {"project_id": "p"}, True),
        ("role:member and project_id:%(project_id)s", MEMBER, {"project_id": "other"}, False),
        ("role:member and project_id:%(project_id)s", MEMBER, {}, False),
        ("role:admin or (role:member and user_id:%(target.user.id)s)", MEMBER, {"target.user.id": "u"}, True),
        ("not role:admin", MEMBER, None, True),
        ("role:admin or role:member and role:nobody", MEMBER, None, False),
        ("system_scope:all", SYSTEM, None, True),
        ("system_scope:all", ADMIN, None, False),
        ("'public':%(visibility)s", MEMBER, {"visibility": "public"}, True),
        ("True:%(enabled)s", MEMBER, {"enabled": True}, True),
        ("True:%(enabled)s", MEMBER, {"enabled": False}, False),
    ],
)
def test_a_check_means_what_oslo_policy_says(check, ctx, target, expected) -> None:
    assert asks(check, ctx, target) is expected


def test_a_rule_may_name_another() -> None:
    assert asks(
        "rule:owner or rule:boss", MEMBER, {"project_id": "p"}, owner="project_id:%(project_id)s", boss="role:admin"
    )


def test_without_a_target_the_callers_own_project_is_meant() -> None:
    assert asks("project_id:%(project_id)s", MEMBER)


def test_scope_types_bind() -> None:
    policy = Policy([Rule("r", "role:admin", scopes=("project",))])
    assert policy.allows(ADMIN, "r")
    assert not policy.allows(SYSTEM, "r")


def test_refusal_names_the_rule() -> None:
    with pytest.raises(Forbidden, match="Policy doesn't allow os:thing to be performed"):
        Policy([Rule("os:thing", "!")]).enforce(MEMBER, "os:thing")


@pytest.mark.parametrize(
    "check", ["role:admin or", "(role:admin", "rule:absent", "word", "rule:asked", "role:a role:b", "not"]
)
def test_a_rule_that_makes_no_sense_is_refused_at_the_start(check: str) -> None:
    with pytest.raises(PolicyError):
        asks(check, ADMIN)


def test_operators_override_by_name_only_what_there_is() -> None:
    assert Policy([Rule("r", "!")], {"r": "@"}).allows(MEMBER, "r")
    with pytest.raises(PolicyError, match="no policy rule 'x'"):
        Policy([Rule("r", "!")], {"x": "@"})


@given(st.text(alphabet="role:admn ()!@%s'or", max_size=40))
def test_any_text_parses_or_is_refused(check: str) -> None:
    try:
        policy = Policy([Rule("r", check)])
    except PolicyError:
        return
    assert policy.allows(ADMIN, "r") in (True, False)


def test_what_was_decided_for_one_caller_is_not_held_for_another() -> None:
    policy = Policy([Rule("own", "role:member and user_id:%(user_id)s")])
    member = Context(user_id="u", roles=frozenset({"member"}))
    assert policy.allows(member, "own")
    assert policy.allows(member.with_request("req-1", None), "own")
    assert not policy.allows(dataclasses.replace(member, roles=frozenset()), "own")
    assert not policy.allows(member, "own", {"user_id": "another"})
    assert policy.allows(member, "own")
    assert not Policy([Rule("own", "!")]).allows(member, "own")
