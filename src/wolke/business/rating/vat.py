"""Value added tax: by where the seller is, where the customer is, and whether the customer's VAT id was checked.

Cloud services are electronically supplied services. Between businesses they are supplied where the customer is (Directive 2006/112/EC, Article
44), and in another member state the customer accounts for the tax (Article 196, "reverse charge"). Whoever in the EU has no VAT id that was
checked counts as a consumer, taxed where they are (Article 58), at that country's rate. Outside the EU no tax of the EU is due.

``RATES``: standard rates, dated. A change is a new line, so that old months stay as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: EN 16931's categories: standard rate, reverse charge, export out of the EU, and no tax at all (a seller outside the EU).
STANDARD, REVERSE, EXPORT, OUTSIDE = "S", "AE", "G", "O"
REVERSE_CHARGE = "Reverse charge: the customer accounts for the value added tax (Article 196 of Directive 2006/112/EC)."
NOT_SUBJECT = "Not subject to value added tax: the place of supply is outside the European Union (Article 44 of Directive 2006/112/EC)."
NO_TAX = "No value added tax is charged."
#: What an invoice must say of each category.
SENTENCES = {REVERSE: REVERSE_CHARGE, EXPORT: NOT_SUBJECT, OUTSIDE: NO_TAX}

#: By country (ISO 3166; Greece is GR, though its VAT ids begin with EL): from which day which percentage, newest last.
RATES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "AT": (("1984-01-01", "20"),),
    "BE": (("1996-01-01", "21"),),
    "BG": (("1999-01-01", "20"),),
    "CY": (("2014-01-13", "19"),),
    "CZ": (("2013-01-01", "21"),),
    "DE": (("2007-01-01", "19"), ("2020-07-01", "16"), ("2021-01-01", "19")),
    "DK": (("1992-01-01", "25"),),
    "EE": (("2009-07-01", "20"), ("2024-01-01", "22"), ("2025-07-01", "24")),
    "ES": (("2012-09-01", "21"),),
    "FI": (("2013-01-01", "24"), ("2024-09-01", "25.5")),
    "FR": (("2014-01-01", "20"),),
    "GR": (("2016-06-01", "24"),),
    "HR": (("2012-03-01", "25"),),
    "HU": (("2012-01-01", "27"),),
    "IE": (("2012-01-01", "23"), ("2020-09-01", "21"), ("2021-03-01", "23")),
    "IT": (("2013-10-01", "22"),),
    "LT": (("2009-09-01", "21"),),
    "LU": (("2015-01-01", "17"), ("2023-01-01", "16"), ("2024-01-01", "17")),
    "LV": (("2012-07-01", "21"),),
    "MT": (("2004-01-01", "18"),),
    "NL": (("2012-10-01", "21"),),
    "PL": (("2011-01-01", "23"),),
    "PT": (("2011-01-01", "23"),),
    "RO": (("2017-01-01", "19"), ("2025-08-01", "21")),
    "SE": (("1990-07-01", "25"),),
    "SI": (("2013-07-01", "22"),),
    "SK": (("2011-01-01", "20"), ("2025-01-01", "23")),
}


@dataclass(frozen=True, slots=True)
class Treatment:
    """How something sold is taxed. ``country`` "" and ``percent`` "0" where no tax is charged, and ``sentence`` then says why."""

    category: str
    country: str
    percent: str

    @property
    def sentence(self) -> str:
        return SENTENCES.get(self.category, "")


def rate_of(country: str, day: str) -> str:
    """The standard rate of an EU country on a day, a decimal as text. ``KeyError`` for other countries."""
    begun = [percent for since, percent in RATES[country] if since <= day]
    return begun[-1] if begun else RATES[country][0][1]


def treatment(seller: str, buyer: str, *, vat_id_checked: bool, day: str) -> Treatment:
    """``seller`` and ``buyer``: countries; ``day``: when it is supplied, the last day of the month for what was used in a month."""
    if seller not in RATES:
        return Treatment(OUTSIDE, "", "0")
    if buyer not in RATES:
        return Treatment(EXPORT, "", "0")
    if buyer != seller and vat_id_checked:
        return Treatment(REVERSE, "", "0")
    return Treatment(STANDARD, buyer, rate_of(buyer, day))
