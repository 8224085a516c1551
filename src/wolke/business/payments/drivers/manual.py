"""Bank transfer: customers send money to our account, staff records what the bank's statement says."""

from __future__ import annotations

import msgspec

from wolke.business import qr
from wolke.business.config import BusinessConfig
from wolke.business.money import Amount


class Transfer(msgspec.Struct, frozen=True):
    """Where to send money, and what to write. ``scan``: the same as the text of a QR code for banking apps (EPC069-12); empty but for euros."""

    holder: str
    iban: str
    bic: str
    reference: str
    scan: str = ""


class Manual:
    name = "manual"

    def way(self, config: BusinessConfig, reference: str, amount: Amount | None = None) -> Transfer | None:
        if not config.iban:
            return None
        holder = config.legal_name or config.name
        euros = amount.currency == "EUR" if amount else config.currency == "EUR"
        said = str(amount.value) if amount else ""
        scan = qr.transfer(holder, config.iban, config.bic, said, reference) if euros else ""
        return Transfer(holder, config.iban, config.bic, reference, scan)
