"""What Compute refuses, in Nova's words."""

from __future__ import annotations

from collections.abc import Iterable

from wolke.core.errors import BadRequest, Conflict, Forbidden, NotFound, Refused


class ServerNotFound(NotFound):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"Instance {server_id} could not be found.")


class ServerLocked(Conflict):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"Instance {server_id} is locked")


class WrongState(Conflict):
    """``attribute`` is what is in the way: vm_state, task_state or locked."""

    def __init__(self, action: str, server_id: str, attribute: str, state: str) -> None:
        super().__init__(f"Cannot '{action}' instance {server_id} while it is in {attribute} {state}")


class PinnedElsewhere(Conflict):
    def __init__(self, zone: str) -> None:
        super().__init__(f"The server is pinned to availability zone '{zone}'. Unpin it first, by pinning it to null.")


class NotInZone(Conflict):
    def __init__(self, zone: str, at: str | None) -> None:
        where = f"which is '{at}'" if at else "and it is in none now"
        super().__init__(
            f"A server can only be pinned to the availability zone that it is in, {where}, not to '{zone}'."
        )


class FlavorNotFound(NotFound):
    def __init__(self, flavor_id: str) -> None:
        super().__init__(f"Flavor {flavor_id} could not be found.")


class FlavorExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Flavor with name {name} already exists.")


class FlavorIdExists(Conflict):
    def __init__(self, flavor_id: str) -> None:
        super().__init__(f"Flavor with ID {flavor_id} already exists.")


class ExtraSpecNotFound(NotFound):
    def __init__(self, flavor_id: str, key: str) -> None:
        super().__init__(f"Flavor {flavor_id} has no extra specs with key {key}.")


class FlavorAccessExists(Conflict):
    def __init__(self, flavor_id: str, project_id: str) -> None:
        super().__init__(f"Flavor access already exists for flavor {flavor_id} and project {project_id} combination.")


class FlavorAccessNotFound(NotFound):
    def __init__(self, flavor_id: str, project_id: str) -> None:
        super().__init__(f"Flavor access not found for {flavor_id} / {project_id} combination.")


class KeyPairNotFound(NotFound):
    def __init__(self, name: str, user_id: str | None) -> None:
        super().__init__(f"Keypair {name} not found for user {user_id}")


class KeyPairExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Key pair '{name}' already exists.")


class InvalidKeyPair(BadRequest):
    def __init__(self, reason: str) -> None:
        super().__init__(f"Keypair data is invalid: {reason}")


class ServerGroupNotFound(NotFound):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Instance group {group_id} could not be found.")


class AggregateNotFound(NotFound):
    def __init__(self, aggregate_id: str) -> None:
        super().__init__(f"Aggregate {aggregate_id} could not be found.")


class AggregateExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Aggregate {name} already exists.")


class HostNotFound(NotFound):
    def __init__(self, host: str) -> None:
        super().__init__(f"Compute host {host} could not be found.")


class ServiceNotFound(NotFound):
    def __init__(self, service_id: str) -> None:
        super().__init__(f"Service {service_id} could not be found.")


class MarkerNotFound(BadRequest):
    def __init__(self, marker: str) -> None:
        super().__init__(f"marker [{marker}] not found")


class QuotaExceeded(Forbidden):
    """``overs`` are resources; the other three tell of each, in the same order."""

    def __init__(
        self, overs: Iterable[str], wanted: Iterable[int], used: Iterable[int], allowed: Iterable[int]
    ) -> None:
        names = ", ".join(overs)
        requested, taken, limits = (", ".join(map(str, numbers)) for numbers in (wanted, used, allowed))
        super().__init__(
            f"Quota exceeded for {names}: Requested {requested}, but already used {taken} of {limits} {names}"
        )


class ConsoleUnavailable(Conflict):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"The console of instance {server_id} is not available.")


class NotOffered(Refused):
    """Nova has it; this cloud (yet) has not, and says so instead of failing later."""

    def __init__(self, what: str) -> None:
        super().__init__(501, "Not Implemented", f"This cloud does not offer {what}.")


class RootVolume(BadRequest):
    def __init__(self) -> None:
        super().__init__("Cannot detach a root device volume")


class InvalidMapping(BadRequest):
    def __init__(self, why: str) -> None:
        super().__init__(f"Block Device Mapping is Invalid: {why}")


class BootSequence(InvalidMapping):
    def __init__(self) -> None:
        super().__init__("Boot sequence for the instance and image/block device mapping combination is not valid.")


class VolumeTooSmall(BadRequest):
    def __init__(self, size_bytes: int, needed_bytes: int) -> None:
        super().__init__(
            f"Volume is smaller than the minimum size specified in image metadata. Volume size is {size_bytes} bytes, "
            f"minimum size is {needed_bytes} bytes."
        )
