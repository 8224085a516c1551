"""The store's verbs, a class for each noun, on one ground. Both doors use them; neither knows the other."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.core.clock import Clock
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.drivers.base import Driver
from wolke.object_store.service.accounts import Accounts
from wolke.object_store.service.containers import Containers
from wolke.object_store.service.ground import Body, Ground
from wolke.object_store.service.names import Names
from wolke.object_store.service.objects import Check, Describe, Found, Objects
from wolke.object_store.service.uploads import Uploads
from wolke.object_store.service.versions import Versions

__all__ = ["Body", "Check", "Describe", "Found", "ObjectStore"]


class ObjectStore:
    """``engines``: an opened driver for each storage policy by name, the default first."""

    def __init__(self, engines: Mapping[str, Driver], config: ObjectStoreConfig, clock: Clock) -> None:
        self.ground = ground = Ground(engines, config, clock)
        self.config = config
        self.clock = clock
        self.accounts = Accounts(ground)
        self.containers = Containers(ground)
        self.objects = Objects(ground)
        self.versions = Versions(ground)
        self.names = Names(ground, self.containers.exists)
        self.uploads = Uploads(ground, self.objects)
