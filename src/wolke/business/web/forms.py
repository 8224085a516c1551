"""A form's body as the browser sends it: names and texts, kept as typed."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from wolke.business.errors import Invalid

CSRF = "csrf"
_MOST_FIELDS = 300


class Form:
    """``first`` of a name is what most fields have; ``all`` for boxes that may be ticked several times."""

    __slots__ = ("_pairs", "sent")

    def __init__(self, pairs: Iterable[tuple[str, str]] = (), *, sent: bool = False) -> None:
        self._pairs = tuple(pairs)
        self.sent = sent

    def first(self, name: str, default: str = "") -> str:
        return next((value for key, value in self._pairs if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def given(self, *names: str) -> dict[str, str]:
        """What was typed in the fields of these names, blanks cut off; without names, in all of them."""
        return {key: value.strip() for key, value in self._pairs if key != CSRF and (not names or key in names)}

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._pairs)


def parse(raw: bytes) -> Form:
    try:
        text = raw.decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Invalid("What was sent is not a form of ours. Please load the page again.") from None
    if any("\x00" in name or "\x00" in value for name, value in pairs):
        raise Invalid("What was sent is not a form of ours. Please load the page again.")
    return Form(pairs, sent=True)
