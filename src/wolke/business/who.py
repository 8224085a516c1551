"""Who asks: the first argument of every verb of the point of purchase."""

from __future__ import annotations

from dataclasses import dataclass

#: What people are in their company. An owner may all that the others may.
OWNER, BUYER, APPROVER, TECHNICIAN, ACCOUNTANT = "owner", "buyer", "approver", "technician", "accountant"
COMPANY_ROLES = (OWNER, BUYER, APPROVER, TECHNICIAN, ACCOUNTANT)
#: What people are at the provider. An administrator may all that support may.
ADMINISTRATOR, SUPPORT = "administrator", "support"
STAFF_ROLES = (ADMINISTRATOR, SUPPORT)


@dataclass(frozen=True, slots=True)
class Who:
    """``company_id`` and ``roles``: in which company this person is at work now, and as what. ``projects`` None: all of the company's.
    ``staff``: at the provider. ``acting_for``: the member of staff who acts on behalf of the company; the audit log names both.
    ``owes_second_step``: staff who must set it up first, and is nothing anywhere until then."""

    person_id: str | None = None
    session_id: str | None = None
    company_id: str | None = None
    roles: frozenset[str] = frozenset()
    projects: frozenset[str] | None = None
    staff: frozenset[str] = frozenset()
    acting_for: str | None = None
    address: str = ""
    locale: str = "en"
    owes_second_step: bool = False


#: Whoever has not signed in.
NOBODY = Who()
#: The point of purchase itself, in its loops.
ITSELF = Who(person_id="itself", staff=frozenset({ADMINISTRATOR}))
