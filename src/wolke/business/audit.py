"""What was done, by whom, when: appended only, each entry bound to the one before it by a hash, so that nothing can be changed or taken out unseen."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from wolke.business.who import Who
from wolke.core.clock import Clock, Instant
from wolke.core.db import Order, Reader, Table, Transaction, Where

_FIRST = "0" * 64
_BATCH = 1000


class Entry(msgspec.Struct, frozen=True):
    """``number`` counts from 1 without a gap. ``action`` is the verb's name; ``object_id`` what it was done to; ``details`` hold no secret."""

    number: int
    at: Instant
    person_id: str | None
    acting_for: str | None
    company_id: str | None
    action: str
    object_id: str
    details: dict[str, Any]
    address: str
    previous: str
    digest: str


ENTRIES = Table(
    "business_audit",
    Entry,
    key=("number",),
    indexes=(("company_id", "number"), ("person_id", "number"), ("object_id", "number"), ("action", "number")),
)


class Audit:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def write(
        self, tx: Transaction, who: Who, action: str, object_id: str = "", details: Mapping[str, Any] | None = None, *,
        company_id: str | None = None,
    ) -> None:  # fmt: skip
        """Part of the write that it tells of. ``company_id``: whose it is, where that is not the company at which ``who`` is at work."""
        await tx.lock("business-audit")
        last = await tx.find(ENTRIES, order=(Order("number", True),), limit=1)
        entry = Entry(
            number=last[0].number + 1 if last else 1, at=self._clock.now(), person_id=who.person_id, acting_for=who.acting_for,
            company_id=company_id or who.company_id, action=action, object_id=object_id, details=dict(details or {}), address=who.address,
            previous=last[0].digest if last else _FIRST, digest="",
        )  # fmt: skip
        await tx.insert(ENTRIES, msgspec.structs.replace(entry, digest=digest(entry)))


def digest(entry: Entry) -> str:
    """Over everything but itself."""
    plain = msgspec.to_builtins(entry)
    del plain["digest"]
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


async def broken(reader: Reader) -> int | None:
    """The number of the first entry that does not fit; None if all do."""
    previous, number = _FIRST, 0
    while entries := await reader.find(
        ENTRIES, where=(Where("number", "gt", number),), order=(Order("number"),), limit=_BATCH
    ):
        for entry in entries:
            number += 1
            if entry.number != number or entry.previous != previous or entry.digest != digest(entry):
                return number
            previous = entry.digest
        await asyncio.sleep(0)  # whoever else waits is not held up by a long log
    return None
