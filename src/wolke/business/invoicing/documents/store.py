"""Documents as they went out. A document is made once, from what can no longer change, and then it is what was made."""

from __future__ import annotations

import msgspec

from wolke.core.clock import Instant
from wolke.core.db import Table


class Document(msgspec.Struct, frozen=True):
    """``id``: the invoice's or credit note's. ``digest``: sha256 of the PDF."""

    id: str
    number: str
    pdf: bytes
    xml: bytes
    digest: str
    created_at: Instant


DOCUMENTS = Table("business_documents", Document)
