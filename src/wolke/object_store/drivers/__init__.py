"""Where objects lie. Each storage policy is one driver with a place of its own."""

from __future__ import annotations

DRIVERS = {
    "segments": "wolke.object_store.drivers.segments:Segments",
    "memory": "wolke.object_store.drivers.memory:Memory",
}
