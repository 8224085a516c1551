"""What a payment is for, from what people and banks write."""

import pytest

from wolke.business.payments.matching import Open, Part, customer_number, numbers, split


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-000042", ["2026-000042"]),
        ("Rechnung 2026 000042 vom 1.4.", ["2026-000042"]),
        ("re.nr.2026/000042,danke", ["2026-000042"]),
        ("INVOICE 2026-0000\n42", ["2026-000042"]),
        ("2026-000042 und 2026-000043", ["2026-000042", "2026-000043"]),
        ("EREF+12342026000042", ["2026-000042"]),
        ("C2026-000042", ["2026-000042"]),
        ("many thanks", []),
        ("", []),
    ],
)
def test_an_invoices_number_is_found_however_it_is_written(text: str, found: list[str]) -> None:
    assert numbers(text) == found


def test_a_credit_notes_number_does_not_stand_in_for_an_invoices() -> None:
    assert numbers("2026-000001 less C2026-000042") == ["2026-000001"]


@pytest.mark.parametrize(
    ("text", "number"), [("K1001", 1001), ("Guthaben K-1001", 1001), ("k 1001 dev", 1001), ("BANK1001", None)]
)
def test_a_customers_number_pays_in_advance(text: str, number: int | None) -> None:
    assert customer_number(text) == number


def _open(name: str, minor: int, due_on: str = "2026-04-15", company: str = "c") -> Open:
    return Open(name, company, name, due_on, minor)


def test_the_oldest_debt_is_paid_first_and_the_rest_is_credit() -> None:
    parts, company, rest = split(1000, [_open("b", 600), _open("a", 300, "2026-03-15")])
    assert (parts, company, rest) == ([Part("a", "c", 300), Part("b", "c", 600)], "c", 100)


def test_too_little_pays_some_of_it() -> None:
    assert split(100, [_open("a", 300)]) == ([Part("a", "c", 100)], "c", 0)


def test_what_is_over_of_two_customers_invoices_waits() -> None:
    _, company, rest = split(1000, [_open("a", 300), _open("b", 300, company="d")])
    assert (company, rest) == (None, 400)


def test_money_that_names_nothing_waits() -> None:
    assert split(1000, []) == ([], None, 1000)
