"""Support: tickets, from the first question to the last answer, with a clock that says when the next answer is owed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business.support.tickets import Tickets
from wolke.business.support.watch import Watch
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.customers import Customers
    from wolke.business.desk import Needs


class Support:
    def __init__(self, needs: Needs, customers: Customers) -> None:
        self.tickets = Tickets(needs, customers)
        self.watch = Watch(needs.db)

    def loops(self, leases: Leases | None) -> list[Loop]:
        return [self.tickets.loop(leases)]
