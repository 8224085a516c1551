"""Secrets under seal."""

import pytest

from wolke.business.sealed import Broken, Seal


def test_what_was_sealed_is_read_again_and_never_looks_the_same() -> None:
    seal = Seal(b"s" * 32, "totp")
    one, two = seal.close("JBSWY3DP"), seal.close("JBSWY3DP")
    assert one != two and "JBSWY3DP" not in one
    assert Seal(b"s" * 32, "totp").open(one) == seal.open(two) == "JBSWY3DP"


def test_it_opens_neither_for_another_purpose_nor_under_another_secret_nor_changed() -> None:
    sealed = Seal(b"s" * 32, "totp").close("JBSWY3DP")
    for seal, text in (
        (Seal(b"s" * 32, "cloud"), sealed),
        (Seal(b"t" * 32, "totp"), sealed),
        (Seal(b"s" * 32, "totp"), sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]),
        (Seal(b"s" * 32, "totp"), "nonsense"),
    ):
        with pytest.raises(Broken):
            seal.open(text)
