"""Bank transfer: customers send money to our account, staff records what the bank's statement says."""

from __future__ import annotations

import msgspec

from wolke.business.config import BusinessConfig


class Transfer(msgspec.Struct, frozen=True):
    """Where to send money, and what to write."""

    holder: str
    iban: str
    bic: str
    reference: str


class Manual:
    name = "manual"

    def way(self, config: BusinessConfig, reference: str) -> Transfer | None:
        if not config.iban:
            return None
        return Transfer(config.legal_name or config.name, config.iban, config.bic, reference)
