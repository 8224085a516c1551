"""Templates: compiled once, everything escaped, and the filters that write figures and times in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from wolke.business.config import BusinessConfig
from wolke.business.invoicing.documents.words import UNITS
from wolke.business.money import Amount
from wolke.business.rating import Step
from wolke.business.support.model import Fact
from wolke.business.web import menu, pictures, signs
from wolke.business.web.deeds import ACTS, DEEDS, NOUNS
from wolke.business.web.files import Files
from wolke.business.web.words import LANGUAGES, Words
from wolke.core.clock import Clock

if TYPE_CHECKING:
    from wolke.business.web.page import Ask

_FIGURE = re.compile(r"-?\d+(\.\d+)?")
_EXACT = 12  # digits behind the point: as many as a price may have
_TEMPLATES = Path(__file__).parent / "templates"


class Drawing:
    """Draws one page at a time, on the loop's thread: whose language it is stands in ``_words`` while it does."""

    def __init__(self, files: Files, config: BusinessConfig, clock: Clock) -> None:
        self._files, self._config, self._clock = files, config, clock
        self._words: Words = None  # type: ignore[assignment]  # set by ``draw``, before a template runs
        self._environment = self._made()

    def draw(self, ask: Ask, template: str, values: Mapping[str, Any]) -> bytes:
        self._words = ask.words
        return self._environment.get_template(template).render(ask=ask, **values).encode()

    @property
    def environment(self) -> Environment:
        return self._environment

    def _made(self) -> Environment:
        made = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False, extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )  # fmt: skip
        i18n: Any = made
        i18n.install_gettext_callables(
            lambda text: self._words.gettext(text),
            lambda one, many, count: self._words.ngettext(one, many, count),
            newstyle=True,
        )
        made.filters |= self._filters()
        made.globals |= {
            "asset": self._files.url, "icon": self._icon, "provider": self._config.name, "languages": LANGUAGES, "menu": menu,
            "signs": signs, "pictures": pictures, "now": self._clock.now, "says": self._says,
            "currency": self._config.currency, "developing": not self._config.smtp_host,
        }  # fmt: skip
        return made

    def _filters(self) -> dict[str, Callable[..., Any]]:
        """Each asks for the language when it is used."""
        named = ("money", "number", "percent", "size", "memory", "date", "time", "month")
        found: dict[str, Callable[..., Any]] = {name: self._late(name) for name in named}
        found["ago"] = lambda at: self._words.ago(at, self._clock.now())
        found["says"] = self._says
        found["did"] = self._did
        found["act"] = lambda verb: self._says(ACTS.get(str(verb), str(verb)))
        found["noun"] = lambda kind: self._says(NOUNS.get(str(kind), str(kind)))
        found["unit"] = lambda unit: UNITS[self._words.language].get(unit, unit)
        found["reckoned"] = self._reckoned
        found["fact"] = self._fact
        found["hourly"] = self._hourly
        found["per_gib"] = lambda minor, cost: self._words.money(
            Amount(Decimal(cost.hour_net) * 730, cost.currency).rounded()
        )
        found["pairs"] = lambda items, value, word: [(getattr(one, value), getattr(one, word)) for one in items]
        found["iban"] = lambda iban: " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
        found["plain_figure"] = lambda minor, currency: self._words.figure(Amount.of_minor(minor, currency))
        found["plain_money"] = lambda minor, currency: f"{Amount.of_minor(minor, currency).value}"
        found["path"] = lambda text: quote(str(text), safe="/")
        return found

    def _late(self, name: str) -> Callable[..., Any]:
        return lambda *given: getattr(self._words, name)(*given)

    def _says(self, text: str, values: Mapping[str, object] | None = None) -> str:
        """A sentence that is not written in a template: a refusal, a menu's word, a state."""
        return self._words.sentence(text, **(values or {}))

    def _reckoned(self, step: Step) -> str:
        """A step of arithmetic, its figures in full."""
        shown = {
            name: self._words.number(text, _EXACT) if _FIGURE.fullmatch(text) else text
            for name, text in step.values.items()
        }
        if "unit" in shown:
            shown["unit"] = UNITS[self._words.language].get(shown["unit"], shown["unit"])
        return self._says(step.text, shown)

    def _did(self, action: str) -> str:
        """An action of the audit log; what was wished of a thing (``disks.order``) is said of all kinds alike."""
        kind, _, verb = action.partition(".")
        noun = NOUNS.get(kind.removesuffix("s"))
        if action not in DEEDS and noun is not None and verb in ACTS:
            return f"{self._says(noun)} – {self._says(ACTS[verb])}"
        return self._says(DEEDS.get(action, action))

    def _fact(self, fact: Fact, kind: str) -> str:
        """A state by its word; what was done by what it is called, and how it went."""
        if fact.name == "State":
            return self._says(signs.sign(kind, fact.value).word)
        verb, _, rest = fact.value.partition(" ")
        state, _, reason = rest.partition(" ")
        if verb in ACTS and state in signs.SIGNS["action"]:
            went = self._says(signs.sign("action", state).word)
            return f"{self._says(ACTS[verb])} – {went}" + (f": {self._says(reason)}" if reason else "")
        return self._says(fact.value)

    def _hourly(self, hour: str, currency: str, more: str = "0") -> str:
        """As fine as an hour's price is."""
        return self._words.money(Amount(Decimal(hour) + Decimal(more), currency))

    def _icon(self, name: str, kind: str = "") -> Markup:
        """Beside words, which say the same: a screen reader passes it by."""
        url = escape(self._files.url("icons.svg"))
        return Markup(  # noqa: S704 - both are our own
            f'<svg class="icon {escape(kind)}" aria-hidden="true" focusable="false"><use href="{url}#{escape(name)}"></use></svg>'
        )
