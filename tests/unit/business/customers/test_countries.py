"""VAT ids by country."""

import pytest

from wolke.business.customers.countries import COUNTRIES, vat_id_refusal, written


def test_there_are_as_many_countries_as_in_the_standard() -> None:
    assert len(COUNTRIES) == 249 and all(len(code) == 2 for code in COUNTRIES)


@pytest.mark.parametrize(
    ("country", "vat_id"),
    [
        ("DE", "DE 123 456 789"),
        ("AT", "atu12345678"),
        ("FR", "FRXX123456789"),
        ("GR", "EL123456789"),
        ("NL", "NL123456789B01"),
        ("IE", "IE1234567WA"),
        ("ES", "ESX1234567X"),
        ("BE", "BE0.123.456.789"),
        ("US", "whatever it is there"),
        ("DE", ""),
    ],
)
def test_a_vat_id_that_looks_right_is_taken(country: str, vat_id: str) -> None:
    assert vat_id_refusal(country, written(vat_id)) == ""


@pytest.mark.parametrize(
    ("country", "vat_id", "why"),
    [
        ("DE", "DE12345678", "DE123456789"),
        ("DE", "ATU12345678", "begins with DE"),
        ("GR", "GR123456789", "begins with EL"),
        ("NL", "NL123456789012", "NL123456789B01"),
        ("PL", "PL12345", "does not look like"),
    ],
)
def test_one_that_cannot_be_says_how_they_look(country: str, vat_id: str, why: str) -> None:
    assert why in vat_id_refusal(country, written(vat_id))
