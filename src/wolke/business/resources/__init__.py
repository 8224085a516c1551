"""What projects have in the cloud: ordered, mirrored, acted upon, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business.resources.acts import Acts
from wolke.business.resources.base import Means
from wolke.business.resources.budgets import Budgets
from wolke.business.resources.changes import Changes
from wolke.business.resources.collect import Collector
from wolke.business.resources.costs import Reckoner
from wolke.business.resources.files import Files
from wolke.business.resources.firewall import Firewall
from wolke.business.resources.fleet import Fleets
from wolke.business.resources.ground import Ground
from wolke.business.resources.known import Knowing
from wolke.business.resources.left import left_in
from wolke.business.resources.mirror import Mirror
from wolke.business.resources.orders import Orders
from wolke.business.resources.plans import Plans
from wolke.business.resources.requests import Requests
from wolke.business.resources.steps import STEPS
from wolke.business.sealed import Seal
from wolke.core.db import Reader
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.catalogue import Catalogue
    from wolke.business.customers import Customers
    from wolke.business.desk import Needs
    from wolke.business.invoicing import Invoicing
    from wolke.business.metering import Metering
    from wolke.business.openstack import CloudWindow


class Resources:
    def __init__(
        self, needs: Needs, customers: Customers, catalogue: Catalogue, metering: Metering, invoicing: Invoicing, cloud: CloudWindow
    ) -> None:  # fmt: skip
        self.means = means = Means(needs, customers, catalogue, metering, cloud, Seal(needs.secret, "cloud password"))
        self.changes = Changes(needs.db, needs.clock)
        self.ground = Ground(means)
        self.mirror = Mirror(means, Plans())
        self.acts = Acts(means, self.mirror, STEPS)
        self.firewall = Firewall(means)
        self.collector = Collector(means)
        self.reckoner = Reckoner(means)
        self.budgets = Budgets(means, self.reckoner)
        self.orders = Orders(means, self.reckoner)
        self.requests = Requests(means, self.orders)
        self.fleet = Fleets(means)
        self.files = Files(means)
        self.known = Knowing(means, self.reckoner)

    async def left_in(self, reader: Reader, project_id: str) -> str:
        return await left_in(reader, project_id)

    def loops(self, leases: Leases | None) -> list[Loop]:
        parts = (self.ground, self.mirror, self.acts, self.firewall, self.collector, self.budgets)
        return [part.loop(leases) for part in parts]
