"""Payments: what customers have paid, which invoice it settles, and what waits for either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business.payments.booking import Booking
from wolke.business.payments.reminders import Reminders
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.desk import Needs
    from wolke.business.invoicing import Invoicing
    from wolke.business.ledger import Ledger


class Payments:
    def __init__(self, needs: Needs, ledger: Ledger, invoicing: Invoicing) -> None:
        self.booking = Booking(needs, ledger, invoicing)
        self.reminders = Reminders(needs)

    def loops(self, leases: Leases | None) -> list[Loop]:
        return [self.reminders.loop(leases)]
