"""What the life of a server needs of Placement and Image, said once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from wolke.core.context import Context
from wolke.core.db import Transaction


class Placement(Protocol):
    async def ensure_provider(
        self, provider_id: str, name: str, inventories: Mapping[str, Mapping[str, Any]], traits: Sequence[str] = ()
    ) -> None: ...

    async def free(self, provider_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """By provider and resource class, what may still be claimed."""

    async def traits_of(self, provider_ids: Sequence[str]) -> Mapping[str, Sequence[str]]: ...

    async def claim(
        self,
        tx: Transaction,
        consumer_id: str,
        wanted: Mapping[str, Mapping[str, int]],
        *,
        project_id: str,
        user_id: str,
    ) -> None:
        """``wanted``: by provider and class. Raises ``CapacityExceeded``, having written nothing. Once more does no harm."""

    async def release(self, tx: Transaction, consumer_id: str) -> None: ...


class Images(Protocol):
    async def image(self, ctx: Context, image_id: str) -> Any: ...

    async def delete(self, ctx: Context, image: Any) -> None: ...
