"""Options of the object store."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.core.config import option


@dataclass(frozen=True)
class ObjectStoreConfig:
    enabled: bool = option(True, "Whether the cloud has an object store.")
    expire_period_s: float = option(5.0, "How often objects whose time has come are looked for.")
    upload_days: int = option(7, "After how many days without a part a multipart upload is aborted.")
