"""What S3's documents say, without a server: policies, lists, lifecycle rules, checksums, XML."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from wolke.core.context import Context
from wolke.object_store.model import MARKER, TICKS_PER_S, Listed, Object
from wolke.object_store.s3 import acl, checksums, xml
from wolke.object_store.s3.bucket_policy import compile_policy
from wolke.object_store.s3.faults import CODES, Fault, document
from wolke.object_store.service.lifecycle import Rule, due, end_of_current

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


def decide(
    statements: Any, *, who: str = "", action: str = "s3:GetObject", key: str = "k", **values: str
) -> bool | None:
    policy = compile_policy(json.dumps({"Statement": statements}), "b")

    def value(name: str) -> Sequence[str]:
        found = values.get(name.partition(":")[2])
        return () if found is None else (found,)

    return policy.decide(frozenset({who} - {""}), action, f"arn:aws:s3:::b/{key}", value)


@pytest.mark.parametrize(
    ("change", "asked", "verdict"),
    [
        ({}, {}, True),
        ({}, {"action": "s3:PutObject"}, None),
        ({"Action": "s3:Get*"}, {}, True),
        ({"Action": ["s3:put*", "s3:GETOBJECT"]}, {}, True),
        ({"Resource": "arn:aws:s3:::b/a?c*"}, {"key": "abcdef"}, True),
        ({"Resource": "arn:aws:s3:::b/a?c*"}, {"key": "ac"}, None),
        ({"Resource": "arn:aws:s3:::b/[k]"}, {}, None),
        ({"Principal": {"AWS": "p1"}}, {"who": "p1"}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::p1:user/u1"]}}, {"who": "p1:u1"}, True),
        ({"Principal": {"AWS": "p1"}}, {"who": "p2"}, None),
        ({"Effect": "Deny"}, {}, False),
        ({"Condition": {"StringLike": {"s3:prefix": "a*"}}}, {"prefix": "abc"}, True),
        ({"Condition": {"StringLike": {"s3:prefix": "a*"}}}, {}, None),
        ({"Condition": {"StringLikeIfExists": {"s3:prefix": "a*"}}}, {}, True),
        ({"Condition": {"StringNotEquals": {"s3:prefix": ["a", "b"]}}}, {"prefix": "b"}, None),
        ({"Condition": {"StringNotEquals": {"s3:prefix": ["a", "b"]}}}, {"prefix": "c"}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, {"SourceIp": "10.1.2.3"}, True),
        ({"Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, {"SourceIp": "10.1.2.3"}, None),
        ({"Condition": {"Null": {"s3:prefix": "true"}}}, {}, True),
        ({"Condition": {"NumericLessThan": {"s3:max-keys": 10}}}, {"max-keys": "9"}, True),
        ({"Condition": {"NumericLessThan": {"s3:max-keys": 10}}}, {"max-keys": "many"}, None),
        (
            {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}},
            {"CurrentTime": "1900000000"},
            True,
        ),
    ],
)
def test_policies(change: dict[str, Any], asked: dict[str, str], verdict: bool | None) -> None:
    assert decide([{**ALLOW, **change}], **asked) is verdict


def test_a_deny_wins() -> None:
    assert decide([{**ALLOW, "Effect": "Deny"}, ALLOW]) is False


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"Statement": []}', '{"Statement": [1]}', "[" * 5000, '{"Version": "1999-01-01", "Statement": [{}]}',
        *(
            json.dumps({"Statement": [{**ALLOW, **change}]})
            for change in (
                {"Effect": "Maybe"}, {"Action": "ec2:Run"}, {"Resource": "arn:aws:s3:::other/*"}, {"Resource": "b/*"},
                {"Principal": {"AWS": "arn:aws:iam::x"}}, {"Condition": {"Like": {"a": "b"}}}, {"Extra": 1},
                {"Condition": {"IpAddress": {"aws:SourceIp": "many"}}}, {"NotAction": "s3:*"}, {"Principal": {"Any": "*"}},
            )
        ),
    ],
)  # fmt: skip
def test_policies_that_are_none(text: str) -> None:
    with pytest.raises(Fault, match="MalformedPolicy"):
        compile_policy(text, "b")


def test_a_pattern_cannot_take_for_ever() -> None:
    assert decide([{**ALLOW, "Resource": "arn:aws:s3:::b/" + "*a" * 12 + "b"}], key="a" * 60) is None


def test_who_a_list_lets_in() -> None:
    member = Context(
        user_id="u",
        user_name="n",
        user_domain_id="default",
        project_id="p",
        project_name="pn",
        project_domain_id="default",
    )
    stranger, nobody = Context(user_id="x", project_id="y"), Context()
    public = acl.CANNED["public-read"]
    assert acl.allows(public, nobody, acl.READ) and not acl.allows(public, nobody, acl.WRITE)
    assert not acl.allows(public, nobody, acl.READ, public=False)
    assert acl.allows(acl.CANNED["authenticated-read"], stranger, acl.READ)
    assert not acl.allows(acl.CANNED["authenticated-read"], nobody, acl.READ)
    for grantee, expected in (("p", True), ("p:u", True), ("pn:n", True), ("p:other", False), ("y", False)):
        grants = acl.from_headers({"x-amz-grant-full-control": f'id="{grantee}"'}) or ()
        assert acl.allows(grants, member, acl.WRITE_ACP) is expected
    assert acl.of({acl.NAME: acl.text(public) or ""}) == public


DAY = 86_400 * TICKS_PER_S


def listed(name: str, day: float, *, kind: str = "", tags: str = "", size: int = 1) -> Listed:
    stamp = int(day * DAY)
    return Listed(name, Object(stamp, size, "", "", system={"s3:tags": tags} if tags else {}, kind=kind, version=stamp))


def test_a_day_ends_at_midnight() -> None:
    end = end_of_current([Rule(days=1)], listed("k", 10.25))
    assert end is not None and end.at_s == 12 * 86_400
    assert end_of_current([Rule(days=1, prefix="x/")], listed("k", 10)) is None
    assert end_of_current([Rule(days=1, tags={"a": "1"})], listed("k", 10, tags="a=1&b=2")) is not None
    assert end_of_current([Rule(days=1, larger=1)], listed("k", 10)) is None


def test_what_is_due_of_versions() -> None:
    rules = [Rule(days=5), Rule(past_days=1, past_kept=1)]
    versions = [listed("k", 10), listed("k", 9), listed("k", 8), listed("k", 7)]
    assert due(rules, versions, 9 * 86_400 - 1, keeps_versions=True) == []
    found = due(rules, versions, 10 * 86_400, keeps_versions=True)
    assert [one.version for one in found] == [8 * DAY, 7 * DAY]
    assert [one.version for one in due(rules, versions, 16 * 86_400, keeps_versions=True)] == [None, 8 * DAY, 7 * DAY]


def test_a_lonely_marker_goes() -> None:
    alone, followed = [listed("k", 1, kind=MARKER)], [listed("k", 2, kind=MARKER), listed("k", 1)]
    assert len(due([Rule(markers=True)], alone, 2 * 86_400, keeps_versions=True)) == 1
    assert due([Rule(markers=True)], followed, 9 * 86_400, keeps_versions=True) == []


@pytest.mark.parametrize("name", ["crc32", "crc32c", "crc64nvme"])
def test_the_sum_of_the_whole_from_those_of_its_parts(name: str) -> None:
    algorithm = checksums.ALGORITHMS[name]
    parts = [b"one", b"", b"and two" * 1000, b"3"]

    def digest(data: bytes) -> bytes:
        one = algorithm.new()
        one.update(data)
        return one.digest()

    combined = checksums.whole(algorithm, [(digest(part), len(part)) for part in parts])
    assert combined == checksums.text(digest(b"".join(parts)))
    if name == "crc32":
        assert combined == base64.b64encode(zlib.crc32(b"".join(parts)).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("value", ["short===", "shrt", "toolong=", "^^^^^^==", "y^/^Q5^J^g==", "y/Q5Jh==", ""])
def test_sums_that_are_not_as_an_encoder_writes_them(value: str) -> None:
    with pytest.raises(Fault, match="InvalidRequest"):
        checksums.decoded(checksums.ALGORITHMS["crc32"], value)


def test_entities_are_never_expanded() -> None:
    doc = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname"><!ENTITY y "why">]><a>1&x;&y;&lt;2</a>'
    assert xml.parse(doc, "a").text == "1<2"


@pytest.mark.parametrize(
    "doc", [b"", b"<a>", b"<b/>", b"<a>" * 20 + b"</a>" * 20, b"<a>" + b"<c/>" * 60_001 + b"</a>", b"\xff<a/>"]
)
def test_xml_beyond_the_bounds(doc: bytes) -> None:
    with pytest.raises(xml.Malformed):
        xml.parse(doc, "a")


def test_what_xml_cannot_hold_does_not_get_in() -> None:
    shown = document(Fault("InvalidArgument", "m", ArgumentValue="a\x00b<c>&\ud800"), "id")
    assert xml.parse(shown, "Error").get("ArgumentValue") == "a\ufffdb<c>&\ufffd"


def test_every_code_has_a_status_and_a_message() -> None:
    assert all(300 <= status < 600 and message for status, message in CODES.values())
