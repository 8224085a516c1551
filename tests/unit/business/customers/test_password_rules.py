"""What a password must be, and how strong it is."""

import pytest

from wolke.business.customers.password_rules import LONGEST, refusal, strength

ABOUT = ("Ada Lovelace", "ada.lovelace@kramer.example", "Kramer & Söhne GmbH")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "At least 10"),
        ("short one", "At least 10"),
        ("x" * 300, f"At most {LONGEST}"),
        ("password123", "everybody tries first"),
        ("P4ssw0rd!2026", "everybody tries first"),
        ("Sommer2026!", "everybody tries first"),
        ("qwertzuiop", "everybody tries first"),
        ("1234567890", "everybody tries first"),
        ("aaaaaaaaaaaaa", "again and again"),
        ("abababababab", "again and again"),
        ("AdaLovelace", "others know"),
        ("lovelace1815", ""),
        ("lovelace18!", "others know"),
        ("ada.lovelace@kramer.example", "others know"),
        ("Kramer2026!", ""),
        ("KramerKramer1", "others know"),
        ("nine red bicycles", ""),
    ],
)
def test_what_is_refused_says_why(password: str, why: str) -> None:
    found = refusal(password, ABOUT)
    assert why in found and bool(found) == bool(why)


def test_every_password_that_is_refused_scores_nothing_and_the_hint_is_the_reason() -> None:
    assert strength("password123") == (0, refusal("password123", ()))


def test_a_longer_password_is_not_weaker() -> None:
    scores = [strength("mosaic tundra velvet plinth"[:length]).score for length in range(10, 28)]
    assert scores == sorted(scores) and scores[0] < scores[-1] == 4


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("abcdefghijklm", "xkmbqzvrtwpla"),
        ("passwordpassword", "mosaictundravelv"),
        ("aaaaaabbbbbbcccddd", "agabfbhcacdbgfdaed"),
        ("lovelace-kramer-x1", "velvet-tundra--x1z"),
    ],
)
def test_what_is_in_a_row_repeated_common_or_known_counts_little(weaker: str, stronger: str) -> None:
    assert strength(weaker, ABOUT).score < strength(stronger, ABOUT).score


def test_only_the_best_needs_no_hint() -> None:
    for password in ("mosaic tun", "mosaic tundra", "mosaic tundra velvet plinth"):
        found = strength(password)
        assert (found.hint == "") == (found.score == 4)
