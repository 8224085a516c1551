"""What the cloud has for everybody, such as sizes and images, and what of a project has no life of its own to follow."""

from __future__ import annotations

from decimal import Decimal

from wolke.business.catalogue.model import SERVER, Plan
from wolke.business.customers.model import Project
from wolke.business.errors import BusinessError
from wolke.business.openstack import shapes
from wolke.business.rating import plain
from wolke.business.resources import model
from wolke.business.resources.base import Means, credentials, ready_projects
from wolke.business.resources.intervals import Running, follow
from wolke.business.resources.plans import Plans
from wolke.business.resources.store import IMAGES, INTERVALS, NETWORKS
from wolke.core.clock import Instant
from wolke.core.log import get_logger

log = get_logger(__name__)
OBJECTS = "objects"  # as the meter is called
_GIB, _FINEST = Decimal(2**30), Decimal("0.000001")


class Stock:
    def __init__(self, means: Means, plans: Plans) -> None:
        self._means, self._plans = means, plans
        self._db = means.needs.db

    async def sizes(self, looked_at: Instant) -> None:
        """Each public size with a disk is for sale from the first time that it is seen; what people make of its plan stays."""
        prefix = self._means.needs.config.flavor_prefix
        for size in await self._means.cloud.provider(lambda side: side.sizes()):
            if size.public and size.disk_gib and size.name.startswith(prefix):
                await self._means.catalogue.offer(SERVER, size.name, size.vcpus, size.ram_mib, size.disk_gib)

    async def images(self, looked_at: Instant) -> None:
        """Those that everybody may use."""
        seen = await self._means.cloud.provider(lambda side: list(side.images(public=True)))
        ready = sorted((one for one in seen if one.state == model.READY), key=lambda one: (one.name.lower(), one.id))
        images = {one.id: _image(one, position) for position, one in enumerate(ready)}
        before = {image.id: image for image in await self._db.find(IMAGES)}
        if images == before:
            return
        async with self._db.transaction() as tx:
            for image_id in before:
                await tx.delete(IMAGES, id=image_id)
            for image in images.values():
                await tx.insert(IMAGES, image)

    async def networks(self, looked_at: Instant) -> None:
        seen = await self._means.cloud.provider(lambda side: list(side.networks()))
        projects = await ready_projects(self._db)
        networks = {}
        for one in seen:
            if project := projects.get(one.cloud_project_id):
                networks[one.id] = model.Network(one.id, project.company_id, project.id, one.name, one.ranges)
        before = {network.id: network for network in await self._db.find(NETWORKS)}
        async with self._db.transaction() as tx:
            for network_id in before:
                if networks.get(network_id) != before[network_id]:
                    await tx.delete(NETWORKS, id=network_id)
            for network_id, network in networks.items():
                if before.get(network_id) != network:
                    await tx.insert(NETWORKS, network)

    async def objects(self, looked_at: Instant) -> None:
        """How much each project stores, as often as this is looked at. What one cannot be asked just now is what it was."""
        plan = await self._plans.of_kind("object-storage", "", self._db)
        if plan is None:
            return  # it is not for sale, and so costs nothing
        for project in (await ready_projects(self._db)).values():
            key = credentials(project, self._means.seal)
            try:
                used = await self._means.cloud.project(key, lambda side: side.objects.used_bytes())
            except BusinessError as error:
                log.warning("a project's objects cannot be measured", project_id=project.id, error=error.message)
                continue
            await self._stored(project, plan, used, looked_at)

    async def _stored(self, project: Project, plan: Plan, used: int, at: Instant) -> None:
        amount = plain((Decimal(used) / _GIB).quantize(_FINEST))
        now = Running(OBJECTS, f"objects-{project.id}", project.name, project.id, project.company_id, plan.id, amount)
        async with self._db.transaction() as tx:
            if used or await tx.count(INTERVALS, resource_id=now.resource_id):
                await follow(tx, now, at, None, at)


def _image(seen: shapes.Image, position: int) -> model.Image:
    return model.Image(
        seen.id, seen.name, seen.system, seen.least_disk_gib, seen.least_ram_mib, seen.size_bytes, position
    )
