"""Languages: each sentence has its German, figures and dates are as people of the place write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wolke.business.config import BusinessConfig
from wolke.business.money import Amount
from wolke.business.rating import Step
from wolke.business.rating.prices.per_unit import TIMES
from wolke.business.web import menu
from wolke.business.web.catalogues import missing, read
from wolke.business.web.drawing import Drawing
from wolke.business.web.files import Files
from wolke.business.web.page import within
from wolke.business.web.pages import PAGES
from wolke.business.web.words import FOLDER, choose, words
from wolke.core.clock import HeldClock

ROOT = Path(__file__).parents[4]


def test_every_sentence_has_a_german_one() -> None:
    assert missing("de") == []


def test_a_translation_has_the_names_of_its_sentence() -> None:
    names = re.compile(r"%\(\w+\)s|{\w*}")
    for message in read("de"):
        if isinstance(message.id, str) and message.id:
            assert sorted(names.findall(message.id)) == sorted(names.findall(str(message.string))), message.id


def test_every_icon_that_a_template_shows_is_in_the_sprite() -> None:
    kept = set((ROOT / "assets/icons.txt").read_text().split())
    shown = {item.icon for group in (*menu.CUSTOMER, *menu.PROVIDER) for item in group.items}
    for path in (FOLDER.parent / "templates").glob("*.html"):
        shown |= set(re.findall(r'icon\("([a-z0-9-]+)"', path.read_text()))
    assert shown <= kept


def test_every_item_of_the_menu_leads_to_a_page() -> None:
    paths = {page.path for page in PAGES if page.method == "GET"}
    assert {item.path for group in (*menu.CUSTOMER, *menu.PROVIDER) for item in group.items} <= paths


@pytest.mark.parametrize(
    ("language", "money", "day"), [("en", "€1,234.50", "1 Nov 2026"), ("de", "1.234,50\u00a0€", "01.11.2026")]
)
def test_figures_are_written_as_people_write_them(language: str, money: str, day: str) -> None:
    spoken = words(language, "Europe/Berlin")
    assert spoken.money(123450, "EUR") == money
    assert spoken.date("2026-11-01") == day
    assert spoken.date("2026-10-31T23:30:00.000000Z") == day  # it is November already where the seller is


def test_an_amount_finer_than_a_cent_is_shown_as_fine_as_it_is() -> None:
    from decimal import Decimal

    assert words("en", "UTC").money(Amount(Decimal("0.0048"), "EUR")) == "€0.0048"


def test_numbers_in_a_refusal_are_kept_when_it_is_translated() -> None:
    assert (
        words("de", "UTC")
        .sentence("That was too often. Please try again in {wait}.", wait="5 s")
        .endswith("in 5 s noch einmal.")
    )


@pytest.mark.parametrize(
    ("wanted", "accepted", "spoken"),
    [("de", "", "de"), ("", "de-AT,de;q=0.9", "de"), ("xx", "fr,en;q=0.5", "en"), ("", "", "en")],
)
def test_the_language_is_chosen_by_wish_then_by_browser(wanted: str, accepted: str, spoken: str) -> None:
    assert choose(wanted, accepted) == spoken


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "servers", "/a\nb"])
def test_a_path_that_leads_elsewhere_leads_home(path: str) -> None:
    assert within(path) == "/"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "745 h × 0.0189 EUR = 14.0805 EUR"), ("de", "745 Std. × 0,0189 EUR = 14,0805 EUR")],
)
def test_a_step_of_arithmetic_is_told_in_full(language: str, sentence: str) -> None:
    values = {"quantity": "745", "unit": "server-hour", "price": "0.0189", "currency": "EUR", "amount": "14.0805"}
    drawing = Drawing(Files(), BusinessConfig(), HeldClock())
    drawing._words = words(language, "Europe/Berlin")
    assert drawing._reckoned(Step(TIMES, values)) == sentence
