"""What a password must be, and how strong it is: pure functions, asked again at each key that is pressed.

The rules are few on purpose (NIST SP 800-63B): length, nothing that others know of the person, none that everybody tries first. The score
estimates how many guesses are needed: runs, keyboard rows, repeats and common words count as one character each, not as many.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from wolke.business.customers.common_passwords import COMMON

SHORTEST, LONGEST = 10, 256
TOO_SHORT = "At least 10 characters, please. Three or four words that do not belong together are easy to remember."
TOO_LONG = "At most 256 characters, please."
COMMON_ONE = "This is one of the passwords that everybody tries first."
MONOTONE = "This is the same few characters again and again."
KNOWN = "This is mostly your name, your company's or your e-mail address, which others know."
LONGER = "A word or two more would make it much stronger."
MIXED = "Words that do not belong together, or a character in the middle of one, would make it stronger."
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "azertyuiop",
)
_WORD = re.compile(r"[^\W_]{4,}")
#: Bits up to which a score goes; beyond the last it is 4.
_SCORES = (28.0, 40.0, 52.0, 66.0)
_KINDS = (
    (re.compile(r"[a-z]"), 26),
    (re.compile(r"[A-Z]"), 26),
    (re.compile(r"[0-9]"), 10),
    (re.compile(r"[^a-zA-Z0-9]"), 33),
)
_LEET = str.maketrans("013457@$!", "oieastasi")


class Strength(NamedTuple):
    """``score``: 0 (the first guess) to 4 (nobody guesses it); ``hint`` says what would help most, empty at 4."""

    score: int
    hint: str


def refusal(password: str, about: Iterable[str]) -> str:
    """Why it cannot be taken; empty if it can. ``about``: the person's name and e-mail address, the company's name."""
    if len(password) < SHORTEST:
        return TOO_SHORT
    if len(password) > LONGEST:
        return TOO_LONG
    if plain(password) in COMMON or password.lower() in COMMON:
        return COMMON_ONE
    if len(set(password)) < 4:
        return MONOTONE
    if _mostly_known(password, about):
        return KNOWN
    return ""


def strength(password: str, about: Iterable[str] = ()) -> Strength:
    if reason := refusal(password, about):
        return Strength(0, reason)
    bits = _bits(password, about)
    score = sum(bits >= limit for limit in _SCORES)
    return Strength(score, "" if score == len(_SCORES) else _hint(password))


def plain(password: str) -> str:
    """Without what people put in the place of letters, and round the word: ``P4ssw0rd!1`` is ``password``."""
    return password.lower().strip("0123456789!?.,;:-_*#+ ").translate(_LEET)


def _mostly_known(password: str, about: Iterable[str]) -> bool:
    """Less than four characters are left of it when what is known is taken out."""
    left = password.lower()
    for word in sorted(_known(about), key=len, reverse=True):
        left = left.replace(word, "")
    return len(left) < 4 and len(left) < len(password)


def _known(about: Iterable[str]) -> set[str]:
    texts = [text.lower() for text in about if text]
    return {word for text in texts for word in _WORD.findall(text)} | {text for text in texts if len(text) > 3}


def _bits(password: str, about: Iterable[str]) -> float:
    size = sum(count for pattern, count in _KINDS if pattern.search(password))
    left = password.lower()
    words = 0
    for word in sorted({w for w in COMMON if len(w) > 3} | _known(about), key=len, reverse=True):
        if word in left:
            words += left.count(word)
            left = left.replace(word, "\x00")
    characters = [c for c in left if c != "\x00"]
    steps = sum(1 for index, c in enumerate(characters) if index and _next_to(characters[index - 1], c))
    return (len(characters) - steps) * math.log2(max(size, 2)) + steps + words * 8.0


def _next_to(before: str, after: str) -> bool:
    """The same again, or the next key in a row, either way."""
    pair = before + after
    return before == after or any(pair in row or pair[::-1] in row for row in _ROWS)


def _hint(password: str) -> str:
    if len(password) < 16:
        return LONGER
    return MIXED
