"""What a project stands on in the cloud: a project in Identity with a technical user, limits, a network with a way out, a firewall.

Every step looks before it acts, and so a project that was half made when the process died is made to its end.
"""

from __future__ import annotations

import secrets

import msgspec

from wolke.business.customers.model import CLOSED, FAILED, PREPARING, READY, Project
from wolke.business.customers.projects import WAKE
from wolke.business.customers.store import PROJECTS
from wolke.business.errors import BusinessError, CloudUnreachable
from wolke.business.openstack import Limits
from wolke.business.resources import model
from wolke.business.resources.base import Means, credentials, told
from wolke.business.resources.limits import limits_of
from wolke.business.resources.store import INTERVALS, LIMITS, RULES
from wolke.business.who import ITSELF
from wolke.core import ids
from wolke.core.db import Where
from wolke.core.loop import Leases, Loop

_PASSWORD_BYTES = 32
#: What reaches a new project's servers: signing in and being asked whether they are there. All else is the customer's to open.
_FIRST_RULES = (("tcp", 22, 22), ("icmp", None, None))


class Ground:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._db = means.needs.db

    def loop(self, leases: Leases | None) -> Loop:
        loop = Loop("business-projects", self.due, self.prepare, period_s=15.0, concurrency=4, leases=leases)
        self._db.on_wake(WAKE, loop.wake)
        return loop

    async def due(self) -> list[str]:
        preparing = await self._db.find(PROJECTS, state=PREPARING, limit=100)
        closed = await self._db.find(
            PROJECTS, state=CLOSED, where=(Where("cloud_user_id", "isnull", False),), limit=100
        )
        raised = [row.project_id for row in await self._db.find(LIMITS, told=False, limit=100)]
        ready = await self._db.find(PROJECTS, state=READY, where=(Where("id", "in", raised),)) if raised else []
        return [project.id for project in (*preparing, *closed, *ready)]

    async def prepare(self, project_id: str) -> None:
        project = await self._db.get(PROJECTS, id=project_id)
        if project is None or project.state == FAILED:
            return
        if project.state == READY:
            await self._tell_limits(project)
            return
        if project.state == CLOSED:
            await self._lock_up(project)
            return
        try:
            await self._make(project)
        except CloudUnreachable:
            raise
        except BusinessError as error:
            await self._fail(project, error)

    async def _make(self, project: Project) -> None:
        project = await self._with_user(await self._with_password(project))
        await self._tell_limits(project)
        key = credentials(project, self._means.seal)
        await self._means.cloud.project(key, lambda side: side.ensure_network())
        now = self._means.now()
        async with self._db.transaction() as tx:
            if not await tx.update(PROJECTS, {"state": READY, "reason": None}, id=project.id, state=PREPARING):
                return
            if not await tx.count(RULES, project_id=project.id):
                for protocol, first, last in _FIRST_RULES:
                    await tx.insert(
                        RULES,
                        model.Rule(
                            id=ids.uuid(), company_id=project.company_id, project_id=project.id, protocol=protocol, first_port=first,
                            last_port=last, source="", state=model.ORDERED, reason=None, created_at=now, touched_at=now,
                        ),
                    )  # fmt: skip
            await self._means.needs.audit.write(
                tx, ITSELF, "projects.prepared", project.id, company_id=project.company_id
            )
            tx.wake("business.firewall")
            told(tx)

    async def _tell_limits(self, project: Project) -> None:
        """The cloud holds to the same ones."""
        limits = await limits_of(self._db, self._means.needs.config, project.id)
        most = Limits(limits.servers, limits.vcpus, limits.ram_mib, limits.disk_gib, limits.addresses)
        cloud_project_id = project.cloud_project_id
        assert cloud_project_id
        await self._means.cloud.provider(lambda side: side.set_limits(cloud_project_id, most))
        same = msgspec.structs.asdict(limits) | {"told": False}
        async with self._db.transaction() as tx:
            await tx.update(LIMITS, {"told": True}, **same)

    async def _with_password(self, project: Project) -> Project:
        """Kept before it is used: what the cloud knows must never be lost here."""
        if project.cloud_password is None:
            sealed = self._means.seal.close(secrets.token_urlsafe(_PASSWORD_BYTES))
            async with self._db.transaction() as tx:
                await tx.update(PROJECTS, {"cloud_password": sealed}, id=project.id, cloud_password=None)
        return await self._again(project)

    async def _with_user(self, project: Project) -> Project:
        name, about = f"wolke-{project.id}", f"{project.name} (made by the point of purchase)"
        assert project.cloud_password
        password = self._means.seal.open(project.cloud_password)
        made = await self._means.cloud.provider(lambda side: side.ensure_project(name, about, password))
        async with self._db.transaction() as tx:
            await tx.update(PROJECTS, {"cloud_project_id": made[0], "cloud_user_id": made[1]}, id=project.id)
        return await self._again(project)

    async def _again(self, project: Project) -> Project:
        found = await self._db.get(PROJECTS, id=project.id)
        assert found is not None
        return found

    async def _fail(self, project: Project, error: BusinessError) -> None:
        async with self._db.transaction() as tx:
            await tx.update(PROJECTS, {"state": FAILED, "reason": error.message}, id=project.id, state=PREPARING)
            details = {"reason": error.message}
            await self._means.needs.audit.write(
                tx, ITSELF, "projects.failed", project.id, details, company_id=project.company_id
            )
            told(tx)

    async def _lock_up(self, project: Project) -> None:
        """Nobody signs in there any more; what was used can still be looked up by the project's id."""
        user_id = project.cloud_user_id
        assert user_id
        await self._means.cloud.provider(lambda side: side.switch_user(user_id, enabled=False))
        async with self._db.transaction() as tx:
            await tx.update(PROJECTS, {"cloud_user_id": None, "cloud_password": None}, id=project.id)
            await tx.update(
                INTERVALS, {"ends_at": project.closed_at or self._means.now()}, project_id=project.id, ends_at=None
            )
