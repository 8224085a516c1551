"""What an image is."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
VISIBILITIES = ("community", "public", "private", "shared")
MEMBER_STATUSES = ("pending", "accepted", "rejected")

QUEUED = "queued"  # a row and no data yet
SAVING = "saving"  # data is coming in by PUT /file
UPLOADING = "uploading"  # data is coming in, or has come in, by PUT /stage and waits for its import
ACTIVE = "active"
DEACTIVATED = "deactivated"


class Image(msgspec.Struct, frozen=True):
    """``blob`` names whole data in the driver; ``upload`` names data that is on its way there (saving, uploading)."""

    id: str
    name: str | None
    owner: str | None
    visibility: str
    status: str
    disk_format: str | None
    container_format: str | None
    min_disk: int
    min_ram: int
    protected: bool
    hidden: bool
    size: int | None
    virtual_size: int | None
    checksum: str | None
    hash_algo: str | None
    hash_value: str | None
    tags: list[str]
    properties: dict[str, str | None]
    blob: str | None
    upload: str | None
    generation: int
    created_at: str
    updated_at: str


class Mark(msgspec.Struct, frozen=True):
    """One tag or custom property of an image in a form that can be looked up; the image's row is what counts."""

    image_id: str
    mark: str


class Member(msgspec.Struct, frozen=True):
    """A project that an image is shared with."""

    image_id: str
    member_id: str
    status: str
    created_at: str
    updated_at: str


class Trash(msgspec.Struct, frozen=True):
    """Data that no image refers to any more and that the driver has yet to delete."""

    blob: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Landed:
    """What was learnt of data while it came in."""

    size: int
    virtual_size: int | None
    checksum: str
    hash_value: str
