"""The one way to fail: a ``CloudError`` that knows its HTTP status and says why in words for the user.

A service names its own (``class ServerNotFound(NotFound)``); ``core.faults`` spells any of them as Nova, Neutron,
Keystone, Glance, Cinder, Placement or Swift would. Another project's resource is ``NotFound``, never ``Forbidden``.
Anything else that escapes a handler is a bug: the client sees 500 and a request id, the log sees the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class CloudError(Exception):
    """``message`` is shown to the user. ``headers`` go out with the answer; ``details`` are for spellings that have a
    place for more (Placement's ``code``, Neutron's ``detail``)."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal Server Error"

    def __init__(
        self,
        message: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message or self.title)
        self.headers = dict(headers or {})
        self.details = dict(details or {})

    @property
    def message(self) -> str:
        return str(self)

    @property
    def type(self) -> str:
        """The name that Neutron's errors carry: the class's own."""
        return str(self.details.get("type", type(self).__name__))


class BadRequest(CloudError):
    status = 400
    title = "Bad Request"


class Unauthorized(CloudError):
    status = 401
    title = "Unauthorized"


class Forbidden(CloudError):
    status = 403
    title = "Forbidden"


class NotFound(CloudError):
    status = 404
    title = "Not Found"


class Conflict(CloudError):
    status = 409
    title = "Conflict"


class TooLarge(CloudError):
    status = 413
    title = "Request Entity Too Large"


class Unavailable(CloudError):
    status = 503
    title = "Service Unavailable"


class Refused(CloudError):
    """The rest of the 4xx and 5xx, each with its own number: ``Refused(406, "Not Acceptable", message)``."""

    def __init__(self, status: int, title: str, message: str = "", **more: Mapping[str, object]) -> None:
        super().__init__(message or title, **more)  # type: ignore[arg-type]
        self.status = status  # type: ignore[misc]
        self.title = title  # type: ignore[misc]
