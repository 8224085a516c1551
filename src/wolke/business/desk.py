"""The desk at which everything is asked for: all the verbs, and what they work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wolke.business.audit import Audit
from wolke.business.config import BusinessConfig
from wolke.business.mail import Mailbox
from wolke.business.verb import Verb, check_may
from wolke.business.who import Who
from wolke.core.clock import Clock
from wolke.core.db import Database

if TYPE_CHECKING:
    from wolke.business.catalogue import Catalogue
    from wolke.business.customers import Customers
    from wolke.business.invoicing import Invoicing
    from wolke.business.ledger import Ledger
    from wolke.business.metering import Metering
    from wolke.business.openstack import CloudWindow
    from wolke.business.payments import Payments
    from wolke.business.resources import Resources
    from wolke.business.support import Support


@dataclass(slots=True)
class Needs:
    """What each part is made with."""

    db: Database
    config: BusinessConfig
    clock: Clock
    audit: Audit
    mailbox: Mailbox
    secret: bytes  # of this installation, for sealing; 32 bytes


@dataclass(slots=True)
class Desk:
    needs: Needs
    customers: Customers
    catalogue: Catalogue
    resources: Resources
    metering: Metering
    ledger: Ledger
    invoicing: Invoicing
    payments: Payments
    support: Support
    cloud: CloudWindow
    verbs: Mapping[str, Verb]

    async def call(self, who: Who, name: str, asked: Any = None, /, **places: str) -> Any:
        """The verb called ``name``, if ``who`` may. ``places``: the parameters of its path; a project must be one that ``who`` sees."""
        verb = self.verbs[name]
        check_may(who, verb.may)
        if "project_id" in places:
            await self.customers.projects.seen(who, places["project_id"])
        return await verb.run(self, who, asked, **places)
