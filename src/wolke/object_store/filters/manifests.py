"""The list of segments that makes a static large object: as a client sends it, and as it is kept and shown.

What is wrong with each entry is said in one go, by its index.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any, NamedTuple

import msgspec

from wolke.core.errors import BadRequest

MOST_SEGMENTS = 1000
MOST_BYTES = 8 << 20
_OPTIONS = {"data": frozenset({"data"}), "path": frozenset({"path", "range", "etag", "size_bytes"})}
_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})")
_LARGEST = 1 << 62


class Span(NamedTuple):
    """A range as it was asked for: ``first`` None means the last ``last`` bytes, ``last`` None means to the end."""

    first: int | None
    last: int | None

    def within(self, size: int) -> tuple[int, int] | None:
        """First byte and last, both included; None: nothing of it is there."""
        if self.first is None:
            length = min(self.last or 0, size)
            return (size - length, size - 1) if length else None
        if self.first >= size:
            return None
        return self.first, size - 1 if self.last is None else min(self.last, size - 1)


class Wanted(NamedTuple):
    """An entry of what a client sends: a path, or data itself."""

    path: str = ""
    etag: str | None = None
    size: int | None = None
    span: Span | None = None
    data: bytes | None = None

    @property
    def place(self) -> tuple[str, str]:
        container, _, name = self.path.lstrip("/").partition("/")
        return container, name


class Segment(msgspec.Struct, omit_defaults=True):
    """An entry of what is kept, which is also what ``?multipart-manifest=get`` shows."""

    name: str = ""
    bytes: int = 0
    hash: str = ""
    content_type: str = ""
    last_modified: str = ""
    range: str = ""
    sub_slo: bool = False
    data: str | None = None

    @property
    def span(self) -> tuple[int, int]:
        """First byte and length, of the object that it names."""
        if self.data is not None:
            return 0, len(base64.b64decode(self.data))
        if not self.range:
            return 0, self.bytes
        first, _, last = self.range.partition("-")
        return int(first), int(last) - int(first) + 1

    @property
    def size(self) -> int:
        return self.span[1]

    @property
    def place(self) -> tuple[str, str]:
        container, _, name = self.name.lstrip("/").partition("/")
        return container, name

    def signed(self) -> str:
        """Its part of the whole object's ETag."""
        if self.data is not None:
            return hashlib.md5(base64.b64decode(self.data), usedforsecurity=False).hexdigest()
        return f"{self.hash}:{self.range};" if self.range else self.hash

    def raw(self) -> dict[str, Any]:
        """As a client would send it."""
        if self.data is not None:
            return {"data": self.data}
        range_ = {"range": self.range} if self.range else {}
        return {"path": self.name, "etag": self.hash, "size_bytes": self.bytes, **range_}


_decode = msgspec.json.Decoder(list[Segment]).decode


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def stored(segments: list[Segment]) -> bytes:
    return msgspec.json.encode(segments)


def load(data: bytes) -> list[Segment]:
    return _decode(data)


def raw(segments: list[Segment]) -> bytes:
    return json.dumps([segment.raw() for segment in segments], sort_keys=True).encode()


def etag_of(segments: list[Segment]) -> str:
    return hashlib.md5("".join(segment.signed() for segment in segments).encode(), usedforsecurity=False).hexdigest()


def parse(body: bytes, own_path: str) -> list[Wanted]:
    """``own_path``: ``container/object`` of the manifest to be. Raises ``BadRequest`` with a line for each wrong entry."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("Manifest must be valid JSON.\n") from None
    if not isinstance(found, list):
        raise BadRequest("Manifest must be a list.\n")
    wanted: list[Wanted] = []
    errors: list[str] = []
    for index, entry in enumerate(found):
        try:
            wanted.append(_entry(entry, own_path, last=index == len(found) - 1))
        except _Wrong as wrong:
            errors.append(f"Index {index}: {wrong}\n")
    if found and all(isinstance(entry, dict) and "data" in entry for entry in found):
        errors.append("Inline data segments require at least one object-backed segment.\n")
    if errors:
        raise BadRequest("".join(errors))
    return wanted


class _Wrong(Exception):
    """What is wrong with an entry."""


def _entry(entry: Any, own_path: str, *, last: bool) -> Wanted:
    if not isinstance(entry, dict):
        raise _Wrong("not a JSON object")
    kind = next((kind for kind in _OPTIONS if kind in entry), None)
    if kind is None:
        raise _Wrong("expected keys to include one of " + " or ".join(map(repr, _OPTIONS)))
    if extra := sorted(set(entry) - _OPTIONS[kind]):
        raise _Wrong("extraneous keys " + ", ".join(json.dumps(key) for key in extra))
    return _inline(entry["data"]) if kind == "data" else _path(entry, own_path, last=last)


def _inline(text: Any) -> Wanted:
    try:
        plain = str(text).rstrip("=") if isinstance(text, str) else "!"
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise _Wrong("data must be valid base64") from None
    if not data:
        raise _Wrong("too small; each segment must be at least 1 byte.")
    return Wanted(data=data)


def _path(entry: dict[str, Any], own_path: str, *, last: bool) -> Wanted:
    path, etag = entry["path"], entry.get("etag")
    if not isinstance(path, str):
        raise _Wrong('"path" must be a string')
    if etag is not None and not isinstance(etag, str):
        raise _Wrong('"etag" must be a string or null (if provided)')
    if "/" not in path.strip("/"):
        raise _Wrong("path does not refer to an object. Path must be of the form /container/object.")
    if "\0" in path or any("\ud800" <= letter <= "\udfff" for letter in path):
        raise _Wrong("path must be valid UTF-8 without NUL")
    size = _size(entry.get("size_bytes"))
    if size is not None and size < 1 and not last:
        raise _Wrong("too small; each segment must be at least 1 byte.")
    if path.lstrip("/") == own_path:
        raise _Wrong("manifest must not include itself as a segment")
    span = _span(entry["range"]) if entry.get("range") else None
    if span is not None and size is not None and span.within(size) is None:
        raise _Wrong("unsatisfiable range")
    return Wanted(path, etag, size, span)


def _size(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise _Wrong("invalid size_bytes")
    return value


def _span(text: Any) -> Span:
    if not isinstance(text, str):
        raise _Wrong("invalid range")
    if "," in text:
        raise _Wrong("multiple ranges (only one allowed)")
    match = _RANGE.fullmatch(text.strip()) if text.isascii() else None
    if match is None or text.strip() == "-":
        raise _Wrong("invalid range")
    first, last = (int(part) if part else None for part in match.groups())
    if first is not None and last is not None and first > last:
        raise _Wrong("invalid range")
    return Span(first, last)
