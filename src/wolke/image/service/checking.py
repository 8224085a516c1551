"""Images' rows compared with the data that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wolke.core.checks import Check, Finding
from wolke.core.drivers import Failure
from wolke.image.drivers.base import Blob
from wolke.image.model import ACTIVE, DEACTIVATED, QUEUED, Image, Mark, Member
from wolke.image.store import IMAGES, MARKS, MEMBERS, TRASH

if TYPE_CHECKING:
    from wolke.image.service import Images


@dataclass(frozen=True, slots=True)
class Picture:
    images: Mapping[str, Image]
    blobs: Mapping[str, Blob]
    passing: frozenset[str]  # data that is about to go, or was just coming
    marks: Sequence[Mark]
    members: Sequence[Member]


class Checking:
    def __init__(self, images: Images) -> None:
        self.images = images
        self.checks = CHECKS

    async def picture(self) -> Picture:
        """Uploads are looked for first, then data, then what is finished: in that order no step of an upload can deceive."""
        db = self.images.db
        before = {image.upload for image in await db.find(IMAGES) if image.upload}
        blobs = {blob.id: blob for blob in await self.images.driver.blobs()}
        images = {image.id: image for image in await db.find(IMAGES)}
        passing = frozenset(one.blob for one in await db.find(TRASH)) | before
        return Picture(images, blobs, passing, await db.find(MARKS), await db.find(MEMBERS))

    async def wait_for_data(self, finding: Finding) -> None:
        image: Image = finding.thing
        changes: dict[str, Any] = {
            "status": QUEUED, "blob": None, "upload": None, "size": None, "virtual_size": None, "checksum": None,
            "hash_algo": None, "hash_value": None, "updated_at": self.images.clock.now(),
        }  # fmt: skip
        async with self.images.db.transaction() as tx:
            await tx.update(IMAGES, changes, id=image.id, generation=image.generation)

    async def put_back(self, finding: Finding) -> None:
        image: Image = finding.thing
        await self.images.data.put_back(image.id, str(image.upload))
        await self.images.data.discard(str(image.upload))

    async def quarantine(self, finding: Finding) -> None:
        driver: Any = self.images.driver
        if not hasattr(driver, "quarantine"):
            raise Failure("this place for images has no quarantine")
        await driver.quarantine(finding.about)

    async def drop_leftovers(self, finding: Finding) -> None:
        async with self.images.db.transaction() as tx:
            if await tx.get(IMAGES, id=finding.about) is None:
                await tx.delete(MARKS, image_id=finding.about)
                await tx.delete(MEMBERS, image_id=finding.about)


def _empty(picture: Picture) -> Iterator[Finding]:
    for image in picture.images.values():
        blob = picture.blobs.get(image.blob or "")
        of_volumes = image.blob is None and not image.size  # it is made of snapshots, which its properties name
        if image.status in (ACTIVE, DEACTIVATED) and not of_volumes and (blob is None or not blob.whole):
            yield Finding(
                image.id, f"Image {image.id} is {image.status}, and its data is not there.", image.blob, image
            )


def _dead(picture: Picture) -> Iterator[Finding]:
    for image in picture.images.values():
        blob = picture.blobs.get(image.upload or "")
        if image.upload is not None and (blob is None or not blob.live):
            says = f"Image {image.id} is {image.status}, and nobody sends data any more."
            yield Finding(image.id, says, image.upload, image)


def _strange(picture: Picture) -> Iterator[Finding]:
    known = {image.blob for image in picture.images.values()} | {image.upload for image in picture.images.values()}
    for blob in picture.blobs.values():
        if not blob.live and blob.id not in known and blob.id not in picture.passing:
            yield Finding(blob.id, f"The image store holds data {blob.id}, which belongs to no image.")


def _leftover(picture: Picture) -> Iterator[Finding]:
    named = {mark.image_id for mark in picture.marks} | {member.image_id for member in picture.members}
    for image_id in sorted(named - picture.images.keys()):
        yield Finding(image_id, f"Tags, properties or members are kept of image {image_id}, which does not exist.")


CHECKS = (
    Check(
        "image-without-data",
        "each active image with its data in the image store",
        "the image is queued again, and waits for its data",
        _empty, Checking.wait_for_data,
    ),
    Check(
        "upload-without-sender",
        "each image that is being uploaded with the process that sends it",
        "the image is queued again, and what had come is thrown away",
        _dead, Checking.put_back,
    ),
    Check(
        "data-without-image",
        "all data in the image store with the images that name it",
        "the data is moved to the folder `quarantine` beside the images",
        _strange, Checking.quarantine,
    ),
    Check(
        "leftovers-of-image",
        "tags, properties and members with their images",
        "they are deleted",
        _leftover, Checking.drop_leftovers,
    ),
)  # fmt: skip
