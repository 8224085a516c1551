"""Links in mail: a random token that is good once, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wolke.business.customers.model import Link
from wolke.business.customers.store import LINKS
from wolke.business.errors import NotThere
from wolke.core.db import Reader, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Needs

#: Each kind's page, where the token comes after the last slash; a page looks at it with ``links.show``.
PATHS = {
    "confirm": "/confirm/",
    "reset": "/reset/",
    "invite": "/invitation/",
    "decide": "/decide/",
    "email": "/email/",
}
HOUR_S = 3600.0


def hashed(token: str) -> str:
    """Of a random token, which is too long to be guessed: a fast hash tells nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    return secrets.token_urlsafe(32)


class Links:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def make(
        self,
        tx: Transaction,
        kind: str,
        email: str,
        *,
        lasts_s: float,
        person_id: str | None = None,
        company_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> str:
        """The address that goes into the mail; it is nowhere else."""
        token, clock = new_token(), self._needs.clock
        await tx.insert(
            LINKS,
            Link(
                id=hashed(token), kind=kind, email=email, person_id=person_id, company_id=company_id, data=dict(data or {}),
                created_at=clock.now(), expires_at=clock.after(lasts_s), used_at=None,
            ),
        )  # fmt: skip
        return self._needs.config.url.rstrip("/") + PATHS[kind] + token

    async def look(self, reader: Reader, token: str, *kinds: str) -> Link:
        """``NotThere`` if it is not good any more, or was never."""
        link = await reader.get(LINKS, id=hashed(token))
        if (
            link is None
            or link.used_at
            or link.expires_at <= self._needs.clock.now()
            or link.kind not in (kinds or PATHS)
        ):
            raise NotThere("This link has been used already, or its time is over. Please ask for a new one.")
        return link

    async def take(self, tx: Transaction, token: str, *kinds: str) -> Link:
        """The same, and it is used from now on: of two at once, one gets it."""
        link = await self.look(tx, token, *kinds)
        if not await tx.update(LINKS, {"used_at": self._needs.clock.now()}, id=link.id, used_at=None):
            return await self.look(tx, token, *kinds)
        return link

    async def end(self, tx: Transaction, *, where: tuple[Where, ...] = (), **equal: Any) -> int:
        """Those that were not used yet are not good any more."""
        return await tx.update(LINKS, {"used_at": self._needs.clock.now()}, where=where, used_at=None, **equal)
