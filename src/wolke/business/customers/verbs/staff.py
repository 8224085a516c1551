"""The provider's own people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from wolke.business.customers.model import Person
from wolke.business.customers.people import address_of
from wolke.business.customers.shapes import Email
from wolke.business.customers.verbs.members import INVITE_S
from wolke.business.errors import Invalid
from wolke.business.verb import ADMINISTRATORS, STAFF, Verb
from wolke.business.who import Who
from wolke.core.clock import Instant

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Roles = Annotated[list[Literal["administrator", "support"]], msgspec.Meta(min_length=1, max_length=2)]


class StaffMember(msgspec.Struct, frozen=True, kw_only=True):
    person_id: str
    name: str
    email: str
    roles: list[str]
    second_step: bool
    created_at: Instant


class StaffInvite(msgspec.Struct, frozen=True):
    email: Email
    roles: Roles


class StaffChange(msgspec.Struct, frozen=True):
    roles: Roles


class StaffInvited(msgspec.Struct, frozen=True):
    email: str
    roles: list[str]


async def members(desk: Desk, who: Who, asked: None) -> list[StaffMember]:
    return [_shown(person) for person in await desk.customers.staff.all()]


def _shown(person: Person) -> StaffMember:
    return StaffMember(
        person_id=person.id, name=person.name, email=person.email, roles=person.staff, second_step=person.totp is not None,
        created_at=person.created_at,
    )  # fmt: skip


async def add(desk: Desk, who: Who, asked: StaffInvite) -> StaffInvited:
    """By a link in a mail, which ``invitations.accept`` takes."""
    customers, email = desk.customers, address_of(asked.email)
    customers.limits.invitations.count("staff")
    async with desk.needs.db.transaction() as tx:
        person = await customers.people.by_email(email, tx)
        if person is not None and person.staff:
            raise Invalid("Please check what is marked below.", fields={"email": "They are among the staff already."})
        roles: list[str] = sorted(set(asked.roles))
        await customers.links.end(tx, kind="invite", company_id=None, email=email)
        link = await customers.links.make(tx, "invite", email, lasts_s=INVITE_S, data={"staff": roles})
        inviter = (await customers.people.get(who.person_id or "", tx)).name
        name, locale = (person.name, person.locale) if person is not None else (email, who.locale)
        provider = desk.needs.config.name
        await customers.post.put(tx, "invite", email, name, locale, inviter=inviter, company=provider, link=link)
        await desk.needs.audit.write(tx, who, "staff.add", email, {"roles": roles})
    return StaffInvited(email, roles)


async def change(desk: Desk, who: Who, asked: StaffChange, staff_id: str) -> StaffMember:
    return await _change(desk, who, "staff.change", staff_id, list(asked.roles))


async def remove(desk: Desk, who: Who, asked: None, staff_id: str) -> None:
    await _change(desk, who, "staff.remove", staff_id, [])


async def _change(desk: Desk, who: Who, action: str, person_id: str, roles: list[str]) -> StaffMember:
    """All sessions of theirs end: they were opened as something else."""
    async with desk.needs.db.transaction() as tx:
        person = await desk.customers.staff.seen(person_id, tx)
        await desk.customers.staff.change(tx, person, roles)
        await desk.customers.sessions.end_all(tx, person.id, but=who.session_id)
        await desk.needs.audit.write(tx, who, action, person.id, {"roles": [person.staff, sorted(roles)]})
        return _shown(await desk.customers.people.get(person.id, tx))


VERBS = (
    Verb("staff.list", "GET", "/provider/staff", members, STAFF, "The provider's people", gives=list[StaffMember]),
    Verb("staff.add", "POST", "/provider/staff", add, ADMINISTRATORS, "Invite somebody to the staff by mail", takes=StaffInvite, gives=StaffInvited, status=201),
    Verb("staff.change", "PATCH", "/provider/staff/{staff_id}", change, ADMINISTRATORS, "Change what a member of staff may", takes=StaffChange, gives=StaffMember),
    Verb("staff.remove", "DELETE", "/provider/staff/{staff_id}", remove, ADMINISTRATORS, "Let a member of staff go", status=204),
)  # fmt: skip
