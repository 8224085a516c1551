"""Languages: sentences from gettext catalogues, and numbers, money and dates as people of a place write them.

An English sentence is its own key. A catalogue is ``locale/LANGUAGE/LC_MESSAGES/messages.po``, read when somebody first wants it.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.pofile import read_po

from wolke.business.money import Amount, digits
from wolke.business.sentences import TEMPLATES
from wolke.core.clock import Instant, moment

FOLDER = Path(__file__).parent / "locale"
#: What pages can speak, and how each calls itself.
LANGUAGES = {"en": "English", "de": "Deutsch"}
_FORMS = {"en": "en_GB", "de": "de_DE"}
JOINED = "; "
_NAMED = re.compile(r"{(\w+)}")
_NUMBER = re.compile(r"(?<![{\w])\d+(?![\w}])")


class Words:
    """Of one language. Sentences that the catalogue lacks stay English."""

    def __init__(self, language: str, zone: str) -> None:
        self.language = language
        self.locale = Locale.parse(_FORMS[language])
        self.zone = ZoneInfo(zone)
        self._sentences, self._plurals = _catalogue(language)

    def gettext(self, text: str) -> str:
        return self._sentences.get(text, text)

    def ngettext(self, one: str, many: str, count: int) -> str:
        forms = self._plurals.get(one, (one, many))
        return forms[0] if count == 1 else forms[1]

    def sentence(self, text: str, /, **values: object) -> str:
        """A refusal's text in this language: ``values`` fill its names, and numbers that are in it already are taken for what they are."""
        found = self._sentences.get(text)
        if found is None:
            found, given = text, _NUMBER.findall(text)
            pattern = _NUMBER.sub(_placeholders(), text)
            if given and pattern in self._sentences:
                found = self._sentences[pattern].format(*given)
        if found is text and not values:
            return self._kept(text)
        return found.format(**{name: self._inner(value) for name, value in values.items()}) if values else found

    def _kept(self, text: str) -> str:
        """A sentence that was kept with its names filled in, or several of them."""
        if self.language == "en":
            return text
        parts = text.split(JOINED)
        said = [_recognised(self.language, part) for part in parts]
        return JOINED.join(part for part in said if part is not None) if None not in said else text

    def _inner(self, value: object) -> object:
        return self._kept(value) if isinstance(value, str) else value

    # -- figures

    def money(self, value: Any, currency: str = "") -> str:
        """An ``Amount``, or minor units and their currency. Finer than the currency it is shown as fine as it is."""
        amount = value if isinstance(value, Amount) else Amount.of_minor(int(value), currency)
        behind = max(digits(amount.currency), min(6, -int(amount.value.normalize().as_tuple().exponent)))
        return _money(amount.value, amount.currency, behind, str(self.locale))

    def figure(self, amount: Amount) -> str:
        """As people type it into a field: no currency, no marks between thousands."""
        return f"{amount.value:f}".replace(".", "," if self.language == "de" else ".")

    def number(self, value: Decimal | int | str, most: int = 3) -> str:
        return _number(Decimal(value), most, str(self.locale))

    def percent(self, value: Decimal | int | str) -> str:
        return f"{self.number(value, 1)}\u00a0%"

    def size(self, count: int) -> str:
        """Bytes, as people say them."""
        value, unit = Decimal(count), "B"
        for unit in ("B", "KiB", "MiB", "GiB", "TiB"):  # noqa: B007 - the last one stays
            if value < 1024:
                break
            value /= 1024
        return f"{self.number(value, 0 if unit == 'B' else 1)}\u00a0{unit}"

    def memory(self, mib: int) -> str:
        return f"{self.number(Decimal(mib) / 1024, 1)}\u00a0GiB" if mib >= 1024 else f"{mib}\u00a0MiB"

    # -- times

    def date(self, at: Instant | str | None) -> str:
        return "" if not at else _date(at, str(self.locale), self.zone)

    def time(self, at: Instant | None) -> str:
        """To the minute, with its date."""
        return "" if not at else _time(at, str(self.locale), self.zone)

    def month(self, text: str) -> str:
        """``2026-11`` as a name with a year."""
        return str(dates.format_skeleton("yMMMM", datetime.fromisoformat(f"{text[:7]}-01"), locale=self.locale))

    def ago(self, at: Instant | None, now: Instant) -> str:
        if not at:
            return ""
        return str(dates.format_timedelta(moment(at) - moment(now), add_direction=True, locale=self.locale))


@cache
def words(language: str, zone: str) -> Words:
    return Words(language, zone)


def choose(wanted: str, accepted: str) -> str:
    """``wanted`` if we speak it, else the first that the browser accepts and we speak, else English."""
    if wanted in LANGUAGES:
        return wanted
    for part in accepted.split(",")[:10]:
        language = part.partition(";")[0].strip().lower()[:2]
        if language in LANGUAGES:
            return language
    return "en"


def _placeholders() -> Any:
    numbers = iter(range(99))
    return lambda found: f"{{{next(numbers)}}}"


@lru_cache(4096)
def _recognised(language: str, text: str) -> str | None:
    """``text`` in that language, if it is one of ``sentences.TEMPLATES`` with its names filled in."""
    known = _catalogue(language)[0]
    for template, pattern in _kept_patterns():
        if (found := pattern.fullmatch(text)) and template in known:
            return known[template].format(**found.groupdict())
    return None


@cache
def _kept_patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Those that say most first: of two that fit, the one with more words of its own is meant."""
    found = []
    for template in sorted(TEMPLATES, key=lambda one: -len(_NAMED.sub("", one))):
        pattern = _NAMED.sub(r"(?P<\1>.+?)", re.escape(template).replace(r"\{", "{").replace(r"\}", "}"))
        found.append((template, re.compile(pattern, re.DOTALL)))
    return tuple(found)


@cache
def _catalogue(language: str) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    path = FOLDER / language / "LC_MESSAGES/messages.po"
    sentences: dict[str, str] = {}
    plurals: dict[str, tuple[str, str]] = {}
    if not path.exists():
        return sentences, plurals
    with path.open("rb") as file:
        for message in read_po(file, locale=language):
            key, said = message.id, message.string
            if not key or not said or message.fuzzy:
                continue
            if isinstance(key, str):
                sentences[key] = str(said)
            elif isinstance(said, (tuple, list)) and all(said):
                plurals[key[0]] = (said[0], said[1])
    return sentences, plurals


@lru_cache(4096)
def _money(value: Decimal, currency: str, behind: int, locale: str) -> str:
    form = "#,##0." + "0" * behind if behind else "#,##0"
    form = f"{form}\u00a0¤" if locale.startswith("de") else f"¤{form}"
    return str(numbers.format_currency(value, currency, form, locale=locale, currency_digits=False))


@lru_cache(4096)
def _number(value: Decimal, most: int, locale: str) -> str:
    form = "#,##0." + "#" * most if most else "#,##0"
    return str(numbers.format_decimal(value, form, locale=locale))


@lru_cache(4096)
def _date(at: str, locale: str, zone: ZoneInfo) -> str:
    day = datetime.fromisoformat(at) if len(at) == len("2026-01-31") else moment(at).astimezone(zone)
    return str(dates.format_date(day, "medium", locale=locale))


@lru_cache(4096)
def _time(at: str, locale: str, zone: ZoneInfo) -> str:
    return str(
        dates.format_datetime(
            moment(at).astimezone(zone),
            "d MMM y, HH:mm" if locale.startswith("en") else "d. MMM y, HH:mm",
            locale=locale,
        )
    )
