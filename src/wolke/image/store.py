"""The tables of the image service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from wolke.core.db import Table, Transaction
from wolke.image.model import Image, Mark, Member, Trash

IMAGES = Table(
    "image_images",
    Image,
    indexes=(
        ("created_at", "id"),
        ("owner", "created_at", "id"),
        ("visibility", "created_at", "id"),
        ("name",),
        ("blob",),
        ("upload",),
    ),
)
MARKS = Table("image_marks", Mark, key=("image_id", "mark"), indexes=(("mark",),))
MEMBERS = Table("image_members", Member, key=("image_id", "member_id"), indexes=(("member_id", "status"),))
TRASH = Table("image_trash", Trash, key=("blob",))


def tag_mark(tag: str) -> str:
    return "tag:" + tag


def property_mark(name: str, value: str | None) -> str:
    """A value may be 64 KiB long, which no index takes: its digest stands for it."""
    digest = hashlib.blake2b((value or "").encode(), digest_size=16).hexdigest()
    return f"property:{digest}:{name}"


async def write_marks(
    tx: Transaction, image_id: str, tags: Iterable[str], properties: Mapping[str, str | None], *, fresh: bool = False
) -> None:
    if not fresh:
        await tx.delete(MARKS, image_id=image_id)
    marks = [tag_mark(tag) for tag in tags] + [property_mark(name, value) for name, value in properties.items()]
    for mark in marks:
        await tx.insert(MARKS, Mark(image_id, mark))
