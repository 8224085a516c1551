"""Options of the image service."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.core.config import option

_TIB = 1 << 40


@dataclass(frozen=True)
class ImageConfig:
    driver: str = option("file", "Where image data is kept: file, object_store, or another image driver's name.")
    size_cap_bytes: int = option(_TIB, "The largest image that may be uploaded, in bytes.")
    project_quota_bytes: int = option(0, "How many bytes of images one project may keep; 0: as many as it likes.")
    properties_max: int = option(128, "How many custom properties an image may have.")
    tags_max: int = option(128, "How many tags an image may have.")
    members_max: int = option(128, "How many projects an image may be shared with.")
    page_default: int = option(25, "How many images a list shows when the client does not say.")
    page_max: int = option(1000, "How many images a list shows at most.")
    require_format_match: bool = option(True, "Refuse data that is not of the disk format that the image declares.")
    sweep_period_s: float = option(300.0, "How often data that no image refers to is looked for.")
