"""How the point of purchase refuses: in a person's words, with what to do next, and beside the field where one is wrong.

``text`` is the English sentence with ``{names}``; it is also the key under which translations stand. ``values`` fill the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wolke.core.errors import CloudError


class BusinessError(CloudError):
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad Request"
    code: ClassVar[str] = "invalid"  # for machines; it does not change

    def __init__(
        self,
        text: str,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        """``fields``: what is wrong beside each field, in the same kind of sentences."""
        super().__init__(text.format(**values) if values else text, headers=headers)
        self.text = text
        self.values = values
        self.fields = dict(fields or {})


class Invalid(BusinessError):
    """What was sent is not as it must be; ``fields`` says where."""


class NotSignedIn(BusinessError):
    status = 401
    title = "Unauthorized"
    code = "not_signed_in"


class NotAllowed(BusinessError):
    status = 403
    title = "Forbidden"
    code = "not_allowed"


class NotThere(BusinessError):
    """It does not exist, or is somebody else's: nobody is told which."""

    status = 404
    title = "Not Found"
    code = "not_there"


class NotNow(BusinessError):
    """Its state does not allow that now."""

    status = 409
    title = "Conflict"
    code = "not_now"


class NeedsApproval(BusinessError):
    """It goes beyond a budget or a quota; an approver may be asked."""

    status = 409
    title = "Conflict"
    code = "needs_approval"


class TooOften(BusinessError):
    status = 429
    title = "Too Many Requests"
    code = "too_often"


class CloudUnreachable(BusinessError):
    """The cloud does not answer, or not as it should. It will be asked again."""

    status = 503
    title = "Service Unavailable"
    code = "cloud_unreachable"
