"""What the object store says when it refuses. Each door spells it: Swift in a page or a line, S3 in its XML."""

from __future__ import annotations

from typing import ClassVar

from wolke.core.errors import BadRequest, CloudError, Conflict, Forbidden, NotFound, TooLarge, Unavailable


class AccountNotFound(NotFound):
    """No account of that name."""


class ContainerNotFound(NotFound):
    """No container of that name."""


class ObjectNotFound(NotFound):
    """No object of that name, or none that is still there."""


class VersionNotFound(NotFound):
    """No such version of that object."""


class UploadNotFound(NotFound):
    """No such upload, or it was completed or aborted."""


class AccountNotEmpty(Conflict):
    def __init__(self) -> None:
        super().__init__("The account still has containers in it. Delete them first.")


class ContainerNotEmpty(Conflict):
    def __init__(self) -> None:
        super().__init__("There was a conflict when trying to complete your request: the container is not empty.")


class PolicyFixed(Conflict):
    def __init__(self) -> None:
        super().__init__("A container's storage policy cannot be changed.")


class UnknownPolicy(BadRequest):
    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid X-Storage-Policy {name[:64]!r}")


class Changed(Conflict):
    def __init__(self) -> None:
        super().__init__("The object was changed by another request at the same time. Please try again.")


class QuotaReached(TooLarge):
    """``message`` says whose quota."""


class BadName(BadRequest):
    """A name that is too long, empty, or not UTF-8."""


class BadMetadata(BadRequest):
    """Metadata beyond the limits that /info shows."""


class NotModified(CloudError):
    status: ClassVar[int] = 304
    title: ClassVar[str] = "Not Modified"


class PreconditionFailed(CloudError):
    status: ClassVar[int] = 412
    title: ClassVar[str] = "Precondition Failed"


class DataMismatch(CloudError):
    """The data that came is not what its checksum promised."""

    status: ClassVar[int] = 422
    title: ClassVar[str] = "Unprocessable Entity"


class ClientDisconnected(CloudError):
    """Fewer bytes came than were announced."""

    status: ClassVar[int] = 499
    title: ClassVar[str] = "Client Disconnect"


class StoreFull(CloudError):
    status: ClassVar[int] = 507
    title: ClassVar[str] = "Insufficient Storage"

    def __init__(self) -> None:
        super().__init__("There is no room left in the store. What is there can be read and deleted.")


class DataDamaged(CloudError):
    """500, as there is no other copy to serve."""

    title: ClassVar[str] = "Internal Error"

    def __init__(self) -> None:
        super().__init__("The stored data fails its checksum and is not served.")


class StoreBroken(Unavailable):
    def __init__(self) -> None:
        super().__init__("The store cannot write to its disk at the moment. Please try again.")


class Locked(Forbidden):
    """Retention or a legal hold keeps this version."""
