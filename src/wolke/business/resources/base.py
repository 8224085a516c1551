"""What the parts of this one share: what they are made with, a project's credentials, and how a change is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wolke.business.customers.model import READY, Project
from wolke.business.customers.store import PROJECTS
from wolke.business.errors import NotNow
from wolke.business.openstack.shapes import Credentials
from wolke.business.sealed import Seal
from wolke.core.clock import Instant
from wolke.core.db import Reader, Transaction

if TYPE_CHECKING:
    from wolke.business.catalogue import Catalogue
    from wolke.business.customers import Customers
    from wolke.business.desk import Needs
    from wolke.business.metering import Metering
    from wolke.business.openstack import CloudWindow

#: Told with every change of something that a project has.
CHANGED = "business.changed"
#: Told when something is wished.
WISHED = "business.wished"


@dataclass(slots=True)
class Means:
    """``seal``: for the passwords of projects' technical users."""

    needs: Needs
    customers: Customers
    catalogue: Catalogue
    metering: Metering
    cloud: CloudWindow
    seal: Seal

    def now(self) -> Instant:
        return self.needs.clock.now()

    async def credentials(self, project_id: str) -> Credentials:
        """``NotNow`` unless the project is ready."""
        project = await self.needs.db.get(PROJECTS, id=project_id)
        if project is None or project.state != READY:
            raise NotNow("This project is still being prepared. Wait a moment and try again.")
        return credentials(project, self.seal)


def credentials(project: Project, seal: Seal) -> Credentials:
    assert project.cloud_project_id and project.cloud_user_id and project.cloud_password
    return Credentials(project.cloud_project_id, project.cloud_user_id, seal.open(project.cloud_password))


async def ready_projects(reader: Reader) -> dict[str, Project]:
    """By the cloud's id."""
    found = await reader.find(PROJECTS, state=READY)
    return {project.cloud_project_id: project for project in found if project.cloud_project_id}


def told(tx: Transaction) -> None:
    tx.wake(CHANGED)
