"""The history of the cloud's database: every table of every service."""

from __future__ import annotations

from pathlib import Path

from wolke.core.db.history import History

CLOUD = History(
    Path(__file__).parent / "versions",
    (
        "wolke.core.loop",
        "wolke.identity.store",
        "wolke.placement.store",
        "wolke.image.store",
        "wolke.network.store",
        "wolke.block_storage.store",
        "wolke.compute.store",
    ),
)
