"""What a token carries comes out as it went in, and nothing else comes out at all."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wolke.identity.model import UNSCOPED, Scope
from wolke.identity.service.payload import METHODS, Payload, pack, unpack

IDS = st.one_of(st.uuids().map(lambda u: u.hex), st.text(min_size=1, max_size=64))
SCOPES = st.one_of(
    st.just(UNSCOPED),
    st.just(Scope(system=True)),
    IDS.map(lambda i: Scope(project_id=i)),
    IDS.map(lambda i: Scope(domain_id=i)),
)
PAYLOADS = st.builds(
    Payload,
    user_id=IDS,
    methods=st.sets(st.sampled_from(METHODS)).map(lambda found: tuple(m for m in METHODS if m in found)),
    scope=SCOPES,
    generation=st.integers(0, 2**40),
    issued_at_us=st.integers(0, 2**55),
    expires_at_us=st.integers(0, 2**55),
    audit_ids=st.lists(st.text(max_size=22), max_size=2).map(tuple),
    application_credential_id=st.none() | IDS,
)


@given(PAYLOADS)
def test_a_payload_comes_back(payload: Payload) -> None:
    assert unpack(pack(payload)) == payload


@given(st.binary(max_size=200))
def test_anything_else_is_nothing(raw: bytes) -> None:
    unpack(raw)


@pytest.mark.parametrize("raw", [b"", b"\x90", b"\xc1", msgspec.msgpack.encode(["a"] * 9), msgspec.msgpack.encode({})])
def test_what_is_no_payload_is_none(raw: bytes) -> None:
    assert unpack(raw) is None


def test_it_is_small() -> None:
    scope = Scope(project_id="a" * 32)
    payload = Payload("b" * 32, ("password",), scope, 3, 2**50, 2**50, ("x" * 22,), "c" * 32)
    assert len(pack(payload)) < 128
