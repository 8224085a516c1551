"""What Placement says when it refuses. ``code`` is what clients match (``placement.concurrent_update``)."""

from __future__ import annotations

from wolke.core.errors import BadRequest, Conflict, NotFound

_CONCURRENT = {"code": "placement.concurrent_update"}


class ProviderNotFound(NotFound):
    def __init__(self, uuid: str) -> None:
        super().__init__(
            f"No resource provider with uuid {uuid[:64]} found",
            details={"code": "placement.resource_provider.not_found"},
        )


class ProviderExists(Conflict):
    def __init__(self, what: str) -> None:
        super().__init__(
            f"Conflicting resource provider {what} already exists.", details={"code": "placement.duplicate_name"}
        )


class ProviderInUse(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "Unable to delete resource provider: it is in use.", details={"code": "placement.resource_provider.inuse"}
        )


class ProviderHasChildren(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "Unable to delete parent resource provider: it has child resource providers.",
            details={"code": "placement.resource_provider.cannot_delete_parent"},
        )


class BadParent(BadRequest):
    """400 for a parent that is not there, is beneath, or may not be changed in this version."""


class GenerationConflict(Conflict):
    def __init__(self, what: str = "resource provider generation conflict") -> None:
        super().__init__(what, details=_CONCURRENT)


class InventoryInUse(Conflict):
    def __init__(self, resource_class: str, provider: str) -> None:
        super().__init__(
            f"Inventory for '{resource_class}' on resource provider '{provider}' in use.",
            details={"code": "placement.inventory.inuse"},
        )


class InventoryNotFound(NotFound):
    def __init__(self, resource_class: str, provider: str) -> None:
        super().__init__(f"No inventory of class {resource_class[:64]} found for {provider}")


class InventoryExists(Conflict):
    def __init__(self, resource_class: str) -> None:
        super().__init__(f"Update conflict: Inventory of class {resource_class} already exists.", details=_CONCURRENT)


class InvalidInventory(BadRequest):
    def __init__(self, resource_class: str, why: str) -> None:
        super().__init__(f"Invalid inventory for '{resource_class}': {why}")


class NoSuchClass(BadRequest):
    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"Invalid resource class: No such resource class {', '.join(name[:64] for name in names[:10])}."
        )


class ClassNotFound(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"No such resource class {name[:64]}.")


class ClassExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"Conflicting resource class already exists: {name}", details={"code": "placement.undefined_code"}
        )


class ClassInUse(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Error in delete resource class: {name} is in use in inventory.")


class NotCustom(BadRequest):
    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"The {what} {name[:64]!r} is a standard one and cannot be changed; custom names begin with CUSTOM_."
        )


class NoSuchTrait(BadRequest):
    def __init__(self, names: list[str]) -> None:
        super().__init__(f"No such trait(s): {', '.join(name[:64] for name in names[:10])}.")


class TraitNotFound(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"No such trait(s): {name[:64]}.")


class TraitInUse(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"The trait {name} is in use by a resource provider.")


class CapacityExceeded(Conflict):
    """There is not enough left, or nobody may ask for that much at once."""

    def __init__(self, provider: str, resource_class: str, amount: int, why: str) -> None:
        super().__init__(
            f"Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider "
            f"'{provider}'. The requested amount {amount} {why}."
        )


class NoSuchProvider(BadRequest):
    def __init__(self, uuid: str) -> None:
        super().__init__(f"Allocation for resource provider '{uuid}' that does not exist.")


class ConsumerChanged(Conflict):
    def __init__(self, uuid: str) -> None:
        super().__init__(f"consumer generation conflict for consumer {uuid}", details=_CONCURRENT)


class AllocationsNotFound(NotFound):
    def __init__(self, consumer: str) -> None:
        super().__init__(f"No allocations for consumer '{consumer}'")


class BadQuery(BadRequest):
    def __init__(self, why: str, code: str = "placement.query.bad_value") -> None:
        super().__init__(f"Invalid query string parameters: {why}", details={"code": code})
