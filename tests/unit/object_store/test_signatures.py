"""What signs temporary URLs and forms: both spellings of a signature, times, addresses, and anything else refused."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wolke.object_store.filters.signatures import DIGESTS, BadSignature, Key, Signature, match, read_signature
from wolke.object_store.filters.tempurl import disposition, moment, within

KEY = Key("secret", True)


def signed(digest: str, message: bytes = b"message", key: str = "secret") -> bytes:
    return hmac.new(key.encode(), message, digest).digest()


@pytest.mark.parametrize("digest", DIGESTS)
def test_a_signature_is_hexadecimal_or_base64_of_either_alphabet(digest: str) -> None:
    raw = signed(digest)
    wanted = Signature(digest, raw.hex())
    assert read_signature(raw.hex()) == read_signature(raw.hex().upper()) == wanted
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(raw).decode()
        assert read_signature(f"{digest}:{text}") == read_signature(f"{digest}:{text.rstrip('=')}") == wanted


@pytest.mark.parametrize("text", ["", "abc", "md5:" + "A" * 22, "sha256:!!", "g" * 64, "a" * 63, "a" * 1000, "é" * 40])
def test_anything_else_is_no_signature(text: str) -> None:
    with pytest.raises(BadSignature):
        read_signature(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert read_signature(text).digest in DIGESTS
    except BadSignature:
        pass


def test_the_key_that_matches_is_found_and_no_other() -> None:
    signature = read_signature(signed("sha256").hex())
    own = Key("other", False)
    assert match(signature, [own, KEY], [b"x", b"message"]) is KEY
    assert match(signature, [own], [b"message"]) is None
    assert match(signature, [KEY], [b"massage"]) is None
    assert match(signature, [], [b"message"]) is None


def test_a_key_does_not_show_its_secret() -> None:
    assert "secret" not in repr(KEY)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1700000000", 1_700_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000),
        ("0", None),
        ("-5", None),
        ("tomorrow", None),
        ("9" * 30, None),
        ("2023-11-14", None),
        ("²", None),
    ],
)
def test_a_moment_is_unix_time_or_iso(text: str, seconds: int | None) -> None:
    assert moment(text) == seconds


@pytest.mark.parametrize(
    ("address", "ip_range", "inside"),
    [
        ("10.0.0.7", "10.0.0.0/24", True),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.1.7", "10.0.0.0/24", False),
        ("::1", "10.0.0.0/24", False),
        ("", "10.0.0.0/24", False),
        ("10.0.0.7", "everybody", False),
        ("10.0.0.7", "10.0.0.1/24", False),
    ],
)
def test_an_address_is_within_a_range_or_not(address: str, ip_range: str, inside: bool) -> None:
    assert within(address, ip_range) is inside


def test_a_filename_is_safe_in_a_header() -> None:
    assert disposition("attachment", 'a"\r\nb') == "attachment; filename=\"a%22%0D%0Ab\"; filename*=UTF-8''a%22%0D%0Ab"
    assert hashlib.sha1(disposition("inline", "é/ü").encode("ascii"), usedforsecurity=False)
