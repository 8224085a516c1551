"""Members: people in a company, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wolke.business.customers.model import Member
from wolke.business.customers.store import KEYS, MEMBERS, PROJECTS
from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.who import OWNER, Who
from wolke.core import ids
from wolke.core.db import DuplicateRow, Reader, Transaction

if TYPE_CHECKING:
    from wolke.business.desk import Needs


class Members:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def seen(self, who: Who, member_id: str, reader: Reader) -> Member:
        """``NotThere`` if it is another company's."""
        member = await reader.get(MEMBERS, id=member_id, company_id=who.company_id) if who.company_id else None
        if member is None:
            raise NotThere("There is no such person in your company.")
        return member

    async def add(
        self, tx: Transaction, company_id: str, person_id: str, roles: Sequence[str], projects: Sequence[str] | None
    ) -> Member:
        listed = None if projects is None else list(projects)
        member = Member(ids.uuid(), company_id, person_id, list(roles), listed, self._needs.clock.now())
        try:
            await tx.insert(MEMBERS, member)
        except DuplicateRow:
            raise NotNow("You work with this company already. Please sign in.") from None
        return member

    async def check(
        self, tx: Transaction, company_id: str, roles: Sequence[str], projects: Sequence[str] | None
    ) -> None:
        """Owners work with everything, and projects are the company's own."""
        if projects is None:
            return
        if OWNER in roles:
            raise Invalid(
                "Please check what is marked below.", fields={"projects": "An owner works with all projects."}
            )
        there = {project.id for project in await tx.find(PROJECTS, company_id=company_id)}
        if not projects or not set(projects) <= there:
            raise Invalid(
                "Please check what is marked below.", fields={"projects": "Please choose from your company's projects."}
            )

    async def change(
        self, tx: Transaction, member: Member, roles: Sequence[str], projects: Sequence[str] | None
    ) -> None:
        if OWNER not in roles:
            await self._not_the_last(tx, member)
        listed = None if projects is None else sorted(set(projects))
        await tx.update(MEMBERS, {"roles": sorted(set(roles)), "projects": listed}, id=member.id)

    async def remove(self, tx: Transaction, member: Member) -> None:
        """With the keys they had for this company."""
        await self._not_the_last(tx, member)
        await tx.delete(MEMBERS, id=member.id)
        ended = {"ended_at": self._needs.clock.now()}
        await tx.update(KEYS, ended, company_id=member.company_id, person_id=member.person_id, ended_at=None)

    async def _not_the_last(self, tx: Transaction, member: Member) -> None:
        """Two owners who remove each other at once leave one."""
        await tx.lock(f"business-owners-{member.company_id}")
        owners = {one.id for one in await tx.find(MEMBERS, company_id=member.company_id) if OWNER in one.roles}
        if owners == {member.id}:
            raise NotNow("This is the last owner of the company. Please make somebody else an owner first.")
