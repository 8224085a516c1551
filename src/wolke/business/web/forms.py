"""A form's body as the browser sends it: names and texts, kept as typed, and files as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from wolke.business.errors import Invalid

CSRF = "csrf"
_MOST_FIELDS = 300
_BOUNDARY = re.compile(r"multipart/form-data\s*;\s*boundary=\"?([0-9A-Za-z'()+_,./:=?-]{1,70})\"?\s*$")
_NAME = re.compile(rb'content-disposition:\s*form-data;\s*name="([^"]{1,100})"(;\s*filename=")?', re.IGNORECASE)


class Form:
    """``first`` of a name is what most fields have; ``all`` for boxes that may be ticked several times."""

    __slots__ = ("_files", "_pairs", "sent")

    def __init__(
        self, pairs: Iterable[tuple[str, str]] = (), *, sent: bool = False, files: Mapping[str, bytes] | None = None
    ) -> None:
        self._pairs = tuple(pairs)
        self._files = files or {}
        self.sent = sent

    def file(self, name: str) -> bytes:
        """What was chosen in the field of that name; empty if nothing was."""
        return self._files.get(name, b"")

    def first(self, name: str, default: str = "") -> str:
        return next((value for key, value in self._pairs if key == name), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def given(self, *names: str) -> dict[str, str]:
        """What was typed in the fields of these names, blanks cut off; without names, in all of them."""
        return {key: value.strip() for key, value in self._pairs if key != CSRF and (not names or key in names)}

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._pairs)


def parse(raw: bytes, kind: str = "") -> Form:
    """``kind``: the body's content type."""
    boundary = _BOUNDARY.match(kind)
    if boundary is not None:
        return _parts(raw, boundary[1].encode())
    try:
        text = raw.decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Invalid("What was sent is not a form of ours. Please load the page again.") from None
    if any("\x00" in name or "\x00" in value for name, value in pairs):
        raise Invalid("What was sent is not a form of ours. Please load the page again.")
    return Form(pairs, sent=True)


def _parts(raw: bytes, boundary: bytes) -> Form:
    """RFC 7578, as browsers write it: each part after a line with the boundary, its head, an empty line, and its content to the next boundary."""
    pairs, files = list[tuple[str, str]](), dict[str, bytes]()
    for part in (b"\r\n" + raw).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        named = _NAME.search(head)
        if named is None or b"\x00" in named[1] or len(pairs) + len(files) >= _MOST_FIELDS:
            raise Invalid("What was sent is not a form of ours. Please load the page again.")
        name = named[1].decode(errors="replace")
        if named[2]:
            files[name] = content
            continue
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = "\x00"
        if "\x00" in text:
            raise Invalid("What was sent is not a form of ours. Please load the page again.")
        pairs.append((name, text))
    return Form(pairs, sent=True, files=files)
