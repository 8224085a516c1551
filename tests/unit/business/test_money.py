"""Figures as people and banks write them."""

from decimal import Decimal

import pytest

from wolke.business.money import typed


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("1.234,56", "1234.56"), ("1,234.56", "1234.56"), ("1234,5", "1234.5"), ("11.90", "11.90"), ("1.234", "1234"), ("1,234", "1234"),
        ("12.345.678", "12345678"), ("-5,00", "-5.00"), ("\u22125.00", "-5.00"), (" 1 234,50 ", "1234.50"), ("1'234.50", "1234.50"), ("29", "29"),
    ],
)  # fmt: skip
def test_a_figure_is_read_however_it_is_written(text: str, figure: str) -> None:
    assert str(typed(text)) == figure


def test_a_fine_price_has_no_marks_between_its_thousands() -> None:
    assert typed("0,0119", 12) == typed("0.0119", 12) == Decimal("0.0119")
    assert typed("1.234", 12) == Decimal("1.234")


@pytest.mark.parametrize("text", ["", "abc", "1,23,4", "1.2345", "1.234.5", "NaN", "1e3", "٣", "--1"])
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no figure"):
        typed(text)


def test_thousands_of_a_finer_currency_could_be_two_figures() -> None:
    assert typed("1.234", 3) == Decimal("1.234")
    with pytest.raises(ValueError, match="no figure"):
        typed("1.234,567", 3)
