"""The object store's two doors behind one address: S3's requests are known by how they are signed, all else is Swift's."""

from __future__ import annotations

from wolke.core.http import Door
from wolke.object_store import filters
from wolke.object_store.api.door import Authenticate, SwiftDoor
from wolke.object_store.filters import domain_remap
from wolke.object_store.policy import Policy
from wolke.object_store.service import ObjectStore


def build_door(store: ObjectStore, authenticate: Authenticate) -> Door:
    """``authenticate``: who a token (and a service's beside it) belongs to, or ``Unauthorized``."""
    config = store.ground.config
    swift = SwiftDoor(store, authenticate, filters.PIPELINE, Policy(config), filters.features(config))

    return Door("object_store", domain_remap.remapped(swift.answer, config))
