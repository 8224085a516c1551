"""Requests: orders that went beyond a budget or a limit, and what an approver makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from wolke.business.customers.model import Project
from wolke.business.customers.sessions import at_work
from wolke.business.errors import BusinessError, NotNow, NotThere
from wolke.business.mail import Letter
from wolke.business.money import Amount
from wolke.business.resources import model
from wolke.business.resources.base import Means, told
from wolke.business.resources.limits import limits_of, raised, taken
from wolke.business.resources.orders import Asked, Ordered, Orders, Purchase, refusal
from wolke.business.resources.store import LIMITS, REQUESTS
from wolke.business.who import APPROVER, OWNER, Who
from wolke.core import ids
from wolke.core.db import Transaction

OPEN, APPROVED, REFUSED = "open", "approved", "refused"
_LINK_S = 7 * 24 * 3600.0


class Requests:
    def __init__(self, means: Means, orders: Orders) -> None:
        self._means, self._orders = means, orders
        self._db = means.needs.db

    async def order(self, who: Who, project_id: str, verb: str, asked: Asked, object_id: str = "") -> Ordered:
        """What is ordered, or the request for it; ``NeedsApproval`` if it is beyond something and no request is wished for."""
        async with self._db.transaction() as tx:
            made, purchase, missing, month = await self._orders.place(tx, who, project_id, verb, asked, object_id)
            if made:
                return Ordered(made)
            if not asked.ask:
                raise refusal(missing)
            project = await self._means.customers.projects.seen(who, project_id, tx)
            order = msgspec.to_builtins(asked) | {"object_id": object_id}
            return Ordered("", await self._open(tx, who, project, verb, order, purchase, missing, month))

    async def _open(
        self, tx: Transaction, who: Who, project: Project, verb: str, order: dict[str, Any], purchase: Purchase, missing: Sequence[str],
        month: Amount,
    ) -> str:  # fmt: skip
        assert who.person_id is not None
        request = model.Request(
            id=ids.uuid(), company_id=project.company_id, project_id=project.id, person_id=who.person_id, verb=verb, order=order,
            summary=purchase.summary, missing="; ".join(missing), month_minor=month.minor, currency=month.currency, note=order["note"],
            state=OPEN, answer="", decided_by=None, object_id=None, created_at=self._means.now(), decided_at=None,
        )  # fmt: skip
        await tx.insert(REQUESTS, request)
        details = {"what": request.summary, "missing": request.missing}
        await self._means.needs.audit.write(
            tx, who, "requests.open", request.id, details, company_id=project.company_id
        )
        names = await self._means.customers.people.names([who.person_id], tx)
        for person in await self._means.customers.people.with_roles(project.company_id, OWNER, APPROVER, reader=tx):
            link = await self._means.customers.links.make(
                tx, "decide", person.email, lasts_s=_LINK_S, person_id=person.id, company_id=project.company_id,
                data={"request_id": request.id},
            )  # fmt: skip
            text = (
                f"Hello {person.name},\n\n{names.get(who.person_id, 'A colleague')} asks for {request.summary} in the project {project.name}.\n"
                f"This needs approval: {request.missing}.\n{request.note}\n\nDecide here:\n{link}\n"
            )
            await self._means.needs.mailbox.put(tx, Letter(person.email, f"Please decide: {request.summary}", text))
        told(tx)
        return request.id

    async def decide(self, who: Who, request_id: str, *, approve: bool, answer: str) -> model.Request:
        """``NotNow`` if it is decided already. What is approved is ordered in the name of whoever asked, in the same transaction."""
        async with self._db.transaction() as tx:
            return await self._decide(tx, who, request_id, approve=approve, answer=answer)

    async def decide_by_link(self, token: str, *, approve: bool, answer: str, address: str) -> model.Request:
        """Whoever has the link need not sign in; it is good for one decision."""
        async with self._db.transaction() as tx:
            link = await self._means.customers.links.take(tx, token, "decide")
            assert link.person_id is not None
            person = await self._means.customers.people.get(link.person_id, tx)
            who = replace(await at_work(tx, person, link.company_id), address=address)
            return await self._decide(tx, who, str(link.data["request_id"]), approve=approve, answer=answer)

    async def _decide(self, tx: Transaction, who: Who, request_id: str, *, approve: bool, answer: str) -> model.Request:
        await tx.lock(f"business-request:{request_id}")
        request = await tx.get(REQUESTS, id=request_id, company_id=who.company_id)
        if request is None:
            raise NotThere("There is no such request.")
        if not (who.roles & {OWNER, APPROVER}):
            raise NotNow("You decide no requests of this company any more.")
        if request.person_id == who.person_id and OWNER not in who.roles:
            raise NotNow("You asked for this yourself, so somebody else must decide it.")
        await self._means.customers.projects.seen(who, request.project_id, tx)
        if request.state != OPEN:
            raise NotNow("Somebody has decided this already.")
        object_id = await self._carry_out(tx, request) if approve else None
        changes = {"state": APPROVED if approve else REFUSED, "answer": answer, "decided_by": who.person_id, "object_id": object_id,
                   "decided_at": self._means.now()}  # fmt: skip
        await tx.update(REQUESTS, changes, id=request.id)
        await self._means.needs.audit.write(
            tx, who, f"requests.{'approve' if approve else 'refuse'}", request.id, {"what": request.summary}
        )
        await self._tell(tx, request, approve=approve, answer=answer)
        told(tx)
        decided = await tx.get(REQUESTS, id=request.id)
        assert decided is not None
        return decided

    async def _carry_out(self, tx: Transaction, request: model.Request) -> str:
        """As whoever asked wished it; what it takes of limits is given."""
        person = await self._means.customers.people.get(request.person_id, tx)
        asker = await at_work(tx, person, request.company_id)
        order = dict(request.order)
        object_id = order.pop("object_id")
        kind = self._orders.prepare[request.verb][0]
        asked = msgspec.convert(order, kind)
        has = await taken(tx, request.project_id)
        try:
            made, purchase, _, _ = await self._orders.place(
                tx, asker, request.project_id, request.verb, asked, object_id, approved=True
            )
        except BusinessError as error:
            why = next(iter(error.fields.values()), error.message)
            raise NotNow("This cannot be ordered any more: {why} You can refuse it.", why=why) from None
        most = await limits_of(tx, self._means.needs.config, request.project_id)
        wanted = raised(most, has, purchase.more)
        if wanted != msgspec.structs.replace(most, told=False):
            await tx.delete(LIMITS, project_id=request.project_id)
            await tx.insert(LIMITS, wanted)
            tx.wake("business.projects")
        return made

    async def _tell(self, tx: Transaction, request: model.Request, *, approve: bool, answer: str) -> None:
        person = await self._means.customers.people.get(request.person_id, tx)
        said = "approved; it is being made now" if approve else "refused"
        text = f"Hello {person.name},\n\nyour request for {request.summary} was {said}.\n{answer}\n"
        subject = f"{'Approved' if approve else 'Refused'}: {request.summary}"
        await self._means.needs.mailbox.put(tx, Letter(person.email, subject, text))
