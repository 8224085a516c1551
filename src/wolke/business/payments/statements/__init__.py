"""A bank's statement as the payments in it: XML (CAMT.053) or a table (CSV), told apart by what is in it, and bounded."""

from __future__ import annotations

import re

import msgspec

from wolke.business.errors import Invalid
from wolke.business.payments.model import Received
from wolke.business.payments.statements import camt, table
from wolke.business.payments.statements.names import HASHED

MOST_BYTES, _MOST_PAYMENTS = 8 * 1024 * 1024, 10_000
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}encoding=["']([A-Za-z0-9_.-]{1,40})["']""")


def payments(content: str, currency: str = "EUR") -> list[Received]:
    """What came in, in the statement's order; what went out is left out. ``currency``: where the statement does not say it. ``Invalid`` if it is no
    statement."""
    if len(content.encode(errors="replace")) > MOST_BYTES:
        raise Invalid("This statement is too large. Please split it.")
    read = camt.payments if content.lstrip("\ufeff \t\r\n").startswith("<") else table.payments
    found: dict[str, Received] = {}
    twins: dict[str, int] = {}
    for received in read(content.lstrip("\ufeff \t\r\n"), currency):
        reference = received.reference
        if reference.startswith(HASHED):  # two payments may differ in nothing
            twins[reference] = twins.get(reference, 0) + 1
            received = msgspec.structs.replace(received, reference=f"{reference}.{twins[reference]}")
        if found.setdefault(received.reference, received) != received:
            raise Invalid("Two payments in this statement have the same reference of the bank.")
        if len(found) > _MOST_PAYMENTS:
            raise Invalid("This statement is too large. Please split it.")
    return list(found.values())


def text(raw: bytes) -> str:
    """A file's content: as it declares itself, else UTF-8, else as Windows wrote it, which many banks still do."""
    declared = _DECLARED.match(raw.lstrip()[:300])
    for encoding in (declared[1].decode() if declared else "utf-8-sig", "utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise Invalid("This file cannot be read as text.")
