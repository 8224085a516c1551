"""How money comes: one driver for each way, in one map. To add one, write a file beside ``manual`` and name it here.

A driver says how a bill is paid (``way``), and hands in what came as ``Received`` through ``Booking.receive``, once or as often as it likes:
its reference makes it one payment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from wolke.business.config import BusinessConfig
from wolke.business.money import Amount
from wolke.business.payments.drivers.manual import Manual


class Way(Protocol):
    """``name``: of the driver, kept with each payment."""

    name: str

    def way(self, config: BusinessConfig, reference: str, amount: Amount | None = None) -> msgspec.Struct | None:
        """What a customer must know to pay ``amount`` (None: as much as they like) like this; None if the provider has not set it up."""
        ...


DRIVERS: Mapping[str, Way] = {driver.name: driver for driver in (Manual(),)}
