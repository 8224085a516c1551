"""A network of which only the description exists: for trying out and testing everything above it, at no cost.

It is also the model for authors of dataplanes: the whole contract in its plainest form. What was applied is kept as it
came, to be looked at; nothing is derived, nothing can be half done, and removing what is not there is fine.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from wolke.network.drivers.base import Attachment, Capabilities, Network, Router


class SimulatedDataplane:
    def __init__(self) -> None:
        self.applied_networks: dict[str, Network] = {}
        self.applied_routers: dict[str, Router] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("simulated", metadata=False)

    async def prepare(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """There are no handles."""

    async def teardown(self) -> None:
        self.applied_networks.clear()
        self.applied_routers.clear()

    async def differences(self, thing: Network | Router) -> Sequence[str]:
        there = (self.applied_networks | self.applied_routers).get(thing.id)
        if there == thing:
            return ()
        return ("it is carried otherwise than it should be" if there else "it is not carried",)

    async def networks(self) -> Sequence[str]:
        return sorted(self.applied_networks)

    async def apply_network(self, network: Network) -> None:
        self.applied_networks[network.id] = network

    async def remove_network(self, network_id: str) -> None:
        self.applied_networks.pop(network_id, None)

    async def routers(self) -> Sequence[str]:
        return sorted(self.applied_routers)

    async def apply_router(self, router: Router) -> None:
        self.applied_routers[router.id] = router

    async def remove_router(self, router_id: str) -> None:
        self.applied_routers.pop(router_id, None)

    async def attachment(self, network_id: str, port_id: str) -> Attachment:
        return Attachment("none")

    async def metadata_socket(self, network_id: str) -> socket.socket | None:
        return None
