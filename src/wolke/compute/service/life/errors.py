"""What agents are refused, and why a console cannot be had."""

from __future__ import annotations

from wolke.core.errors import BadRequest, Conflict, NotFound


class StaleOutcome(Conflict):
    """Somebody wrote since the agent looked: it must look again."""

    def __init__(self, server_id: str) -> None:
        super().__init__(f"What was said of server {server_id} is out of date: look again.")


class HostNotFound(NotFound):
    def __init__(self, host: str) -> None:
        super().__init__(f"Host {host} is not registered.")


class NoMove(NotFound):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"Server {server_id} is not being moved to or from this host.")


class NoMetadata(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such metadata.")


class PasswordTooLong(BadRequest):
    def __init__(self) -> None:
        super().__init__("Request is too large.")


class PasswordThere(Conflict):
    def __init__(self) -> None:
        super().__init__("The password has been set before, and is not cleared.")


class BadReport(BadRequest):
    def __init__(self, why: str) -> None:
        super().__init__(f"The report cannot be read: {why}")


class ConsoleTypeUnavailable(BadRequest):
    def __init__(self, kind: str) -> None:
        super().__init__(f"Unavailable console type {kind}.")


class HostSilent(Conflict):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"The host of instance {server_id} does not answer at the moment.")
