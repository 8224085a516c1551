"""Microversions: handlers, verbs and views speak only the newest; this undoes what a client does not know yet.

A service's ``versions.py`` is a tuple of ``Change``, oldest first. Most changes add a field and are data; the few others
have a small ``down(item)`` for answers or ``up(body)`` for requests. A view at version v is the newest view with every
later change undone, newest first. A body at version v is checked against the newest schema less what came later, and then
lifted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wolke.core.errors import BadRequest, Refused

Version = tuple[int, int]
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What one microversion changed. ``adds_view``/``adds_body``: noun → fields that it brought; ``down``/``up``: noun →
    function for what adding cannot say (``up`` returns the body, ``down`` changes the item in place);
    ``narrows``: noun → function that turns the newest schema into the one before."""

    version: Version
    note: str
    adds_view: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    adds_body: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    down: Mapping[str, Callable[[Item], None]] = field(default_factory=dict)
    up: Mapping[str, Callable[[Item], Item]] = field(default_factory=dict)
    narrows: Mapping[str, Callable[[Item], Item]] = field(default_factory=dict)


class Versions:
    """The history of one service's API. ``service_type`` is the word in ``OpenStack-API-Version: compute 2.79``;
    ``legacy_header`` the older header with the bare number."""

    def __init__(
        self,
        service_type: str,
        changes: Iterable[Change],
        *,
        minimum: Version,
        maximum: Version,
        legacy_header: str | None = None,
    ) -> None:
        self.service_type = service_type
        self.changes = tuple(changes)
        self.minimum = minimum
        self.maximum = maximum
        self.legacy_header = legacy_header.lower() if legacy_header else None
        self._headers: dict[Version, list[tuple[bytes, bytes]]] = {}
        self._lowering: dict[tuple[str, Version], list[Callable[[Item], None]]] = {}
        self._lifting: dict[tuple[str, Version], list[Callable[[Item], Item]]] = {}

    def negotiate(self, headers: Mapping[str, str]) -> Version:
        """The version that a request asks for; the minimum if it asks for none. 400 if unreadable, 406 if not served."""
        asked = self._asked(headers)
        if asked is None:
            return self.minimum
        if asked == "latest":
            return self.maximum
        version = parse(asked)
        if not self.minimum <= version <= self.maximum:
            raise Refused(
                406,
                "Not Acceptable",
                f"Version {asked} is not supported by the API. Minimum is {text(self.minimum)} and "
                f"maximum is {text(self.maximum)}.",
                details={
                    "code": "version-unsupported",
                    "min_version": text(self.minimum),
                    "max_version": text(self.maximum),
                },
            )
        return version

    def _asked(self, headers: Mapping[str, str]) -> str | None:
        for one in headers.get("openstack-api-version", "").split(","):
            words = one.split()
            if len(words) == 2 and words[0].lower() == self.service_type:
                return words[1].lower()
        if self.legacy_header and self.legacy_header in headers:
            return headers[self.legacy_header].strip().lower()
        return None

    def answer_headers(self, version: Version) -> list[tuple[bytes, bytes]]:
        found = self._headers.get(version)
        if found is None:
            both = [
                ("OpenStack-API-Version", f"{self.service_type} {text(version)}"),
                ("Vary", "OpenStack-API-Version"),
            ]
            if self.legacy_header:
                both += [(self.legacy_header, text(version)), ("Vary", self.legacy_header)]
            encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in both]
            found = self._headers[version] = encoded
        return found

    def lower(self, noun: str, version: Version, items: Iterable[Item]) -> None:
        """Take from each item, in place, what ``version`` did not have."""
        if version == self.maximum:
            return
        steps = self._lowering.get((noun, version))
        if steps is None:
            steps = self._lowering[noun, version] = self._lowering_steps(noun, version)
        for item in items:
            for step in steps:
                step(item)

    def _lowering_steps(self, noun: str, version: Version) -> list[Callable[[Item], None]]:
        steps = []
        for change in reversed(self.changes):
            if change.version <= version:
                break
            if noun in change.down:
                steps.append(change.down[noun])
            if noun in change.adds_view:
                steps.append(_dropping(change.adds_view[noun]))
        return steps

    def schema(self, noun: str, version: Version, newest: Item) -> Item:
        """The body schema of ``noun`` as it was at ``version``; ``newest`` is not changed. The fields that come and go
        are those of the object inside the envelope (``{"server": {…}}``)."""
        import copy

        schema = copy.deepcopy(newest)
        for change in reversed(self.changes):
            if change.version <= version:
                break
            inner = _inside(schema)
            for name in change.adds_body.get(noun, ()):
                inner.get("properties", {}).pop(name, None)
                if name in inner.get("required", ()):
                    inner["required"] = [other for other in inner["required"] if other != name]
            if noun in change.narrows:
                schema = change.narrows[noun](schema)
        return schema

    def lift(self, noun: str, version: Version, body: Item) -> Item:
        """A body that was valid at ``version``, in the newest shape."""
        if version == self.maximum:
            return body
        steps = self._lifting.get((noun, version))
        if steps is None:
            later = [change for change in self.changes if change.version > version]
            steps = self._lifting[noun, version] = [change.up[noun] for change in later if noun in change.up]
        for step in steps:
            body = step(body)
        return body


def _inside(schema: Item) -> Item:
    """The schema of the one object in an envelope; the schema itself if there is no envelope."""
    properties = schema.get("properties", {})
    if len(properties) >= 1 and schema.get("required"):
        inner = properties.get(schema["required"][0])
        if isinstance(inner, dict) and inner.get("type") in ("object", ["object", "null"]):
            return inner
    return schema


def _dropping(fields: tuple[str, ...]) -> Callable[[Item], None]:
    def drop(item: Item) -> None:
        for name in fields:
            item.pop(name, None)

    return drop


def parse(asked: str) -> Version:
    major, dot, minor = asked.partition(".")
    short = len(asked) <= 9
    if not (
        dot and short and major.isdecimal() and minor.isdecimal() and asked.isascii() and not major.startswith("0")
    ):
        raise BadRequest(
            f"API Version String {asked[:64]!r} is of invalid format. Must be of format MajorNum.MinorNum.",
            details={"type": "InvalidAPIVersionString"},
        )
    return int(major), int(minor)


def text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
