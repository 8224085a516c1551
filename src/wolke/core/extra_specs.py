"""The small language of extra specs, of flavors as of volume types: ``<in> abc``, ``<is> True``, ``>= 4``, ``s== x``,
``<or> a <or> b``, or a plain value."""

from __future__ import annotations

from collections.abc import Callable

_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda have, want: have >= want,  # as it has always been
    "==": lambda have, want: have == want,
    "!=": lambda have, want: have != want,
    ">=": lambda have, want: have >= want,
    "<=": lambda have, want: have <= want,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "s==": lambda have, want: have == want,
    "s!=": lambda have, want: have != want,
    "s<": lambda have, want: have < want,
    "s<=": lambda have, want: have <= want,
    "s>": lambda have, want: have > want,
    "s>=": lambda have, want: have >= want,
    "<in>": lambda have, want: want in have,
    "<is>": lambda have, want: _is_true(have) == _is_true(want),
}


def _is_true(word: str) -> bool:
    return word.lower() in ("true", "yes", "on", "1")


def matches(have: str, wanted: str) -> bool:
    words = wanted.split()
    if not words:
        return have == wanted
    operator, rest = words[0], " ".join(words[1:])
    if operator == "<or>":
        return have in [word for word in words if word != "<or>"]
    if operator == "<all-in>":
        return all(word in have for word in words[1:])
    if operator in _TEXTS and rest:
        return _TEXTS[operator](have, rest)
    if operator in _NUMBERS and rest:
        try:
            return _NUMBERS[operator](float(have), float(rest))
        except ValueError:
            return False
    return have == wanted
