"""What can go wrong, in the words that Keystone's clients know."""

from __future__ import annotations

from collections.abc import Iterable

from wolke.core.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized

_REQUIRES = "The request you have made requires authentication."


class AuthenticationRequired(Unauthorized):
    """Wrong in whichever way: the message never says which."""

    def __init__(self) -> None:
        super().__init__(_REQUIRES)


class MethodNotSupported(Unauthorized):
    def __init__(self, methods: Iterable[str]) -> None:
        identity = {"methods": list(methods)}
        super().__init__("Attempted to authenticate with an unsupported method.", details={"identity": identity})


class TokenNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("Could not find token.")


class Missing(NotFound):
    """``Missing("user", id)``."""

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"Could not find {noun}: {name[:255]}.")


class Duplicate(Conflict):
    def __init__(self, noun: str, what: str = "it has a name that is already in use there") -> None:
        super().__init__(f"Conflict occurred attempting to store {noun} - {what}.")


class Invalid(BadRequest):
    """A value that is well-formed and still will not do."""


class NotAllowed(Forbidden):
    """Not the policy's word but a rule of the house."""


class Immutable(Forbidden):
    def __init__(self, noun: str, name: str, verb: str) -> None:
        super().__init__(
            f"Unable to {verb} immutable {noun} resource: `{name}`. Set resource option 'immutable' to false first."
        )


class PasswordRefused(BadRequest):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The password does not match the requirements: {reason}.")


class PasswordWrong(Unauthorized):
    def __init__(self) -> None:
        super().__init__(_REQUIRES)
