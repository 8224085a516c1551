"""Configuration: one frozen dataclass per service, filled from defaults, then ``wolke.toml``, then the environment.

    @dataclass(frozen=True)
    class ComputeConfig:
        sync_period_s: float = option(60.0, "How often the power states of all guests are looked at.")

``WOLKE_COMPUTE__SYNC_PERIOD_S=5`` and ``[compute] sync_period_s = 5`` say the same. Unknown keys and values of the wrong type
are refused by name. There is no global: ``app.py`` hands each service its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import Field, field, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

C = TypeVar("C")
_PREFIX = "WOLKE_"


class ConfigError(Exception):
    """What is wrong, and where it was said."""


def option(default: Any, help_text: str, *, secret: bool = False) -> Any:
    """A field with its help line. Defaults that are not plain values are given as a function."""
    metadata = {"help": help_text, "secret": secret}
    if callable(default):
        return field(default_factory=default, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


def read(path: Path | None, environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """All sections as written; values from the environment are still text."""
    sections: dict[str, Any] = {}
    if path is not None and path.exists():
        try:
            sections = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from None
        for name, one in sections.items():
            if not isinstance(one, dict):
                raise ConfigError(f"{path}: {name} must stand in a [section]")
    for name, value in environment.items():
        where, separator, key = name.removeprefix(_PREFIX).lower().partition("__")
        if name.startswith(_PREFIX) and separator:
            sections.setdefault(where, {})[key] = value
    return sections


def section(sections: Mapping[str, Mapping[str, Any]], name: str, kind: type[C]) -> C:
    """The section called ``name`` as its dataclass."""
    values = dict(sections.get(name, {}))
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise ConfigError(f"[{name}] has no option {unknown[0]!r}; there is: {', '.join(sorted(known))}")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[{name}] {error}") from None


def refuse_unknown(sections: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(sections) - known):
        raise ConfigError(f"there is no section [{unknown[0]}]; there is: {', '.join(sorted(known))}")


def describe(kind: type[Any]) -> Iterator[tuple[str, str, str, str]]:
    """``(name, type, default, help)`` of each option, for the reference page and the sample file."""
    for one in fields(kind):
        yield one.name, str(one.type), _default(one), str(one.metadata.get("help", ""))


def _default(one: Field[Any]) -> str:
    if one.metadata.get("secret"):
        return ""
    value = one.default_factory() if callable(one.default_factory) else one.default
    return msgspec.json.encode(value).decode() if not isinstance(value, Path) else f'"{value}"'
