"""What people can do about their company, their colleagues and themselves, and the provider about its customers."""

from __future__ import annotations

from wolke.business.customers.verbs import (
    addresses,
    audit,
    companies,
    keys,
    mails,
    members,
    own,
    projects,
    provider,
    sign_in,
    sign_up,
    staff,
)
from wolke.business.verb import Verb

VERBS: tuple[Verb, ...] = tuple(
    verb
    for room in (sign_up, sign_in, own, addresses, companies, members, projects, keys, provider, staff, audit, mails)
    for verb in room.VERBS
)
