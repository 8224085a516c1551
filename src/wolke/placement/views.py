"""Records as Placement shows them, in the newest version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wolke.placement.model import UNKNOWN_TYPE, Allocation, Consumer, Inventory, Provider
from wolke.placement.scheduler.candidates import Choice, Node

_LINKS = ("self", "inventories", "usages", "aggregates", "traits", "allocations")


def provider(record: Provider, prefix: str) -> dict[str, Any]:
    href = f"{prefix}/resource_providers/{record.uuid}"
    return {
        "uuid": record.uuid,
        "name": record.name,
        "generation": record.generation,
        "parent_provider_uuid": record.parent,
        "root_provider_uuid": record.root,
        "links": [{"rel": rel, "href": href if rel == "self" else f"{href}/{rel}"} for rel in _LINKS],
    }


def inventory(record: Inventory) -> dict[str, Any]:
    return {
        "total": record.total,
        "reserved": record.reserved,
        "min_unit": record.min_unit,
        "max_unit": record.max_unit,
        "step_size": record.step_size,
        "allocation_ratio": record.allocation_ratio,
    }


def inventories(records: Iterable[Inventory], generation: int) -> dict[str, Any]:
    shown = {one.resource_class: inventory(one) for one in records}
    return {"resource_provider_generation": generation, "inventories": shown}


def allocation_set(
    consumer: Consumer | None, records: Iterable[Allocation], generations: Mapping[str, int]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for one in records:
        at = shown.setdefault(one.provider, {"generation": generations.get(one.provider, 0), "resources": {}})
        at["resources"][one.resource_class] = one.amount
    if consumer is None or not shown:
        return {"allocations": shown}
    return {
        "allocations": shown,
        "project_id": consumer.project_id,
        "user_id": consumer.user_id,
        "consumer_generation": consumer.generation,
        "consumer_type": consumer.type or UNKNOWN_TYPE,
    }


def candidates(nodes: Mapping[str, Node], choices: Iterable[Choice], classes: set[str] | None) -> dict[str, Any]:
    """``classes``: only these in the summaries; None: all."""
    requests, roots = [], set()
    for choice in choices:
        allocations = {uuid: {"resources": dict(amounts)} for uuid, amounts in choice.allocations.items()}
        mappings = {suffix: list(uuids) for suffix, uuids in choice.mappings.items()}
        requests.append({"allocations": allocations, "mappings": mappings})
        roots |= {nodes[uuid].root for uuid in choice.allocations}
    shown = {node.uuid: _summary(node, classes) for node in nodes.values() if node.root in roots}
    return {"allocation_requests": requests, "provider_summaries": shown}


def _summary(node: Node, classes: set[str] | None) -> dict[str, Any]:
    resources = {
        name: {"capacity": int(one.capacity), "used": one.used}
        for name, one in sorted(node.inventories.items())
        if classes is None or name in classes
    }
    return {
        "resources": resources,
        "traits": sorted(node.traits),
        "parent_provider_uuid": node.provider.parent,
        "root_provider_uuid": node.provider.root,
    }
