"""What the image service says when it refuses."""

from __future__ import annotations

from wolke.core.errors import BadRequest, Conflict, Forbidden, NotFound, Refused, TooLarge


class ImageNotFound(NotFound):
    def __init__(self, image_id: str) -> None:
        super().__init__(f"No image found with ID {image_id[:64]}")


class ImageExists(Conflict):
    def __init__(self, image_id: str) -> None:
        super().__init__(f"Image ID {image_id} already exists!")


class ImageProtected(Forbidden):
    def __init__(self, image_id: str) -> None:
        super().__init__(f"Image {image_id} is protected and cannot be deleted.")


class ImageChanged(Conflict):
    def __init__(self) -> None:
        super().__init__("The image was changed by another request at the same time. Please try again.")


class ImageGone(Refused):
    def __init__(self, image_id: str) -> None:
        super().__init__(
            410,
            "Gone",
            f"Image {image_id} could not be found after upload. The image may have been deleted during the upload.",
        )


class WrongStatus(Conflict):
    def __init__(self, current: str, wanted: str) -> None:
        super().__init__(f"Image status transition from {current} to {wanted} is not allowed")


class CannotDeactivate(Forbidden):
    def __init__(self, verb: str, status: str) -> None:
        super().__init__(f"Not allowed to {verb} image in status '{status}'")


class ImageDeactivated(Forbidden):
    def __init__(self) -> None:
        super().__init__("The requested image has been deactivated. Image data download is forbidden.")


class ReadOnly(Forbidden):
    def __init__(self, name: str) -> None:
        super().__init__(f"Attribute '{name[:255]}' is read-only.")


class Reserved(Forbidden):
    def __init__(self, name: str) -> None:
        super().__init__(f"Attribute '{name[:255]}' is reserved.")


class NoSuchProperty(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Property {name[:255]} does not exist.")


class CannotRemove(Forbidden):
    def __init__(self, name: str) -> None:
        super().__init__(f"Property {name[:255]} may not be removed.")


class OnlyWhileQueued(Forbidden):
    def __init__(self, name: str) -> None:
        super().__init__(f"Attribute {name} can be only replaced for a queued image.")


class FormatsMissing(BadRequest):
    def __init__(self) -> None:
        super().__init__("Properties disk_format, container_format must be set prior to saving data.")


class TooMany(TooLarge):
    def __init__(self, what: str, attempted: int, maximum: int) -> None:
        super().__init__(
            f"The limit has been exceeded on the number of allowed {what}. Attempted: {attempted}, Maximum: {maximum}"
        )


class ImageTooLarge(TooLarge):
    def __init__(self, maximum: int) -> None:
        super().__init__(f"The size of the data exceeds the limit of {maximum} bytes on image size.")


class QuotaExceeded(TooLarge):
    def __init__(self, remaining: int) -> None:
        super().__init__(f"The size of the data will exceed the limit. {remaining} bytes remaining.")


class StorageFull(TooLarge):
    def __init__(self) -> None:
        super().__init__("There is not enough disk space on the image storage media.")


class SizeMismatch(BadRequest):
    def __init__(self, declared: int, got: int) -> None:
        super().__init__(f"The data has {got} bytes, but {declared} bytes were announced.")


class WrongContent(Refused):
    """415: the data is not what the image says it is, or is unsafe to be opened."""

    def __init__(self, reason: str) -> None:
        super().__init__(415, "Unsupported Media Type", f"Image data is refused: {reason}")


class WrongContentType(Refused):
    def __init__(self, given: str, wanted: str, **more: dict[str, str]) -> None:
        super().__init__(
            415, "Unsupported Media Type", f"Content type {given[:100]!r} is not supported; use {wanted}.", **more
        )


class NotShared(Forbidden):
    def __init__(self) -> None:
        super().__init__("Only shared images have members.")


class MemberExists(Conflict):
    def __init__(self, image_id: str, member_id: str) -> None:
        super().__init__(f"Member {member_id} is duplicated for image {image_id}")


class MemberNotFound(NotFound):
    def __init__(self, image_id: str, member_id: str) -> None:
        super().__init__(f"{member_id[:64]} not found in the member list of the image {image_id}.")


class TagNotFound(NotFound):
    def __init__(self, tag: str) -> None:
        super().__init__(f"The tag {tag[:255]} is not on this image.")
