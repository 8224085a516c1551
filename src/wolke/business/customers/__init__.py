"""Customers: companies, the people in them, what they may, and how they sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business.customers.attempts import Attempts
from wolke.business.customers.companies import Companies
from wolke.business.customers.keys import Keys
from wolke.business.customers.letters import Post
from wolke.business.customers.limits import Limits
from wolke.business.customers.links import Links
from wolke.business.customers.members import Members
from wolke.business.customers.passwords import Passwords
from wolke.business.customers.people import People
from wolke.business.customers.projects import Projects
from wolke.business.customers.second_step import SecondStep
from wolke.business.customers.sessions import Sessions
from wolke.business.customers.staff import Staff
from wolke.business.customers.sweep import Sweep
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.desk import Needs


class Customers:
    def __init__(self, needs: Needs) -> None:
        self.passwords = Passwords(needs.config)
        self.attempts = Attempts(needs)
        self.second_step = SecondStep(needs)
        self.limits = Limits(needs.clock)
        self.post = Post(needs)
        self.links = Links(needs)
        self.companies = Companies(needs)
        self.people = People(needs)
        self.members = Members(needs)
        self.staff = Staff(needs, self.people, self.passwords)
        self.projects = Projects(needs)
        self.sessions = Sessions(needs)
        self.keys = Keys(needs)
        self._sweep = Sweep(needs)

    def loops(self, leases: Leases | None) -> list[Loop]:
        return [self._sweep.loop(leases)]
