"""Which plan something in the cloud is of."""

from __future__ import annotations

from wolke.business.catalogue.model import Plan
from wolke.business.catalogue.store import PLANS, PRODUCTS
from wolke.core.db import Order, Reader


class Plans:
    async def of_size(self, size_name: str, reader: Reader) -> Plan | None:
        """A server's, by the cloud's name of its size; None if that is not for sale."""
        return await self._of("server", size_name, reader)

    async def of_kind(self, product: str, cloud_name: str, reader: Reader) -> Plan | None:
        """The one of that name in the cloud, else the product's plan for whatever has no name."""
        return await self._of(product, cloud_name, reader) or await self._of(product, "", reader)

    async def _of(self, kind: str, cloud_name: str, reader: Reader) -> Plan | None:
        """Withdrawn ones too: what runs on them runs on. Of several, one that is offered."""
        product = await reader.get(PRODUCTS, kind=kind)
        if product is None:
            return None
        found = await reader.find(
            PLANS, product_id=product.id, cloud_name=cloud_name, order=(Order("state"), Order("position"))
        )
        return found[0] if found else None
