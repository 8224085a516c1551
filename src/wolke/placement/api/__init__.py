"""The door of Placement, mounted at /placement."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.core import faults
from wolke.core.http import Api, Route
from wolke.core.policy import Policy
from wolke.placement import schema
from wolke.placement.api import allocations, candidates, inventories, names, providers
from wolke.placement.policy import RULES
from wolke.placement.service import Placement
from wolke.placement.versions import CANDIDATES, PROVIDER, SET, VERSIONS

_PROVIDERS = "/resource_providers"
_ONE = _PROVIDERS + "/{uuid}"
_INVENTORIES = _ONE + "/inventories"
_INVENTORY = _INVENTORIES + "/{resource_class}"
_CLASS = "/resource_classes/{name}"
_TRAIT = "/traits/{name}"
_SET = "/allocations/{consumer}"


def _rule(noun: str, verb: str) -> str:
    return f"placement:{noun}:{verb}"


def _on(noun: str, verb: str) -> str:
    return f"placement:resource_providers:{noun}:{verb}"


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", providers.root, auth=False),
    Route("GET", _PROVIDERS, providers.index, rule=_rule("resource_providers", "list"), view=PROVIDER),
    Route("POST", _PROVIDERS, providers.create, rule=_rule("resource_providers", "create"),
          body=schema.PROVIDER_CREATE, noun=PROVIDER, view=PROVIDER, status=201),
    Route("GET", _ONE, providers.show, rule=_rule("resource_providers", "show"), view=PROVIDER),
    Route("PUT", _ONE, providers.update, rule=_rule("resource_providers", "update"),
          body=schema.PROVIDER_UPDATE, noun=PROVIDER, view=PROVIDER),
    Route("DELETE", _ONE, providers.delete, rule=_rule("resource_providers", "delete"), status=204),
    Route("GET", _INVENTORIES, inventories.index, rule=_on("inventories", "list")),
    Route("POST", _INVENTORIES, inventories.create, rule=_on("inventories", "create"), body=schema.INVENTORY_CREATE, status=201),
    Route("PUT", _INVENTORIES, inventories.replace, rule=_on("inventories", "update"), body=schema.INVENTORIES),
    Route("DELETE", _INVENTORIES, inventories.clear, rule=_on("inventories", "delete"), status=204, since="1.5"),
    Route("GET", _INVENTORY, inventories.show, rule=_on("inventories", "show")),
    Route("PUT", _INVENTORY, inventories.update, rule=_on("inventories", "update"), body=schema.INVENTORY_UPDATE),
    Route("DELETE", _INVENTORY, inventories.delete, rule=_on("inventories", "delete"), status=204),
    Route("GET", _ONE + "/usages", providers.usages, rule="placement:resource_providers:usages"),
    Route("GET", _ONE + "/aggregates", providers.aggregates, rule=_on("aggregates", "list"), since="1.1"),
    Route("PUT", _ONE + "/aggregates", providers.set_aggregate_list, rule=_on("aggregates", "update"),
          body=schema.AGGREGATES_LIST, since="1.1", until="1.18"),
    Route("PUT", _ONE + "/aggregates", providers.set_aggregates, rule=_on("aggregates", "update"),
          body=schema.AGGREGATES, since="1.19"),
    Route("GET", _ONE + "/traits", providers.traits, rule=_on("traits", "list"), since="1.6"),
    Route("PUT", _ONE + "/traits", providers.set_traits, rule=_on("traits", "update"), body=schema.TRAITS, since="1.6"),
    Route("DELETE", _ONE + "/traits", providers.clear_traits, rule=_on("traits", "delete"), status=204, since="1.6"),
    Route("GET", _ONE + "/allocations", allocations.of_provider, rule=_on("allocations", "list")),
    Route("GET", "/resource_classes", names.classes, rule=_rule("resource_classes", "list"), since="1.2"),
    Route("POST", "/resource_classes", names.create_class, rule=_rule("resource_classes", "create"),
          body=schema.RESOURCE_CLASS, status=201, since="1.2"),
    Route("GET", _CLASS, names.show_class, rule=_rule("resource_classes", "show"), since="1.2"),
    Route("PUT", _CLASS, names.rename_class, rule=_rule("resource_classes", "update"),
          body=schema.RESOURCE_CLASS, since="1.2", until="1.6"),
    Route("PUT", _CLASS, names.ensure_class, rule=_rule("resource_classes", "update"), status=201, since="1.7"),
    Route("DELETE", _CLASS, names.delete_class, rule=_rule("resource_classes", "delete"), status=204, since="1.2"),
    Route("GET", "/traits", names.traits, rule=_rule("traits", "list"), since="1.6"),
    Route("GET", _TRAIT, names.show_trait, rule=_rule("traits", "show"), status=204, since="1.6"),
    Route("PUT", _TRAIT, names.ensure_trait, rule=_rule("traits", "update"), status=201, since="1.6"),
    Route("DELETE", _TRAIT, names.delete_trait, rule=_rule("traits", "delete"), status=204, since="1.6"),
    Route("GET", _SET, allocations.show, rule=_rule("allocations", "list"), view=SET),
    *(Route("PUT", _SET, allocations.update, rule=_rule("allocations", "update"), status=204, body=body, since=since, until=until)
      for since, until, body in schema.SET_WINDOWS),
    Route("DELETE", _SET, allocations.delete, rule=_rule("allocations", "delete"), status=204),
    *(Route("POST", "/allocations", allocations.manage, rule=_rule("allocations", "manage"), status=204, body=body, since=since,
            until=until) for since, until, body in schema.MANY_WINDOWS),
    *(Route("POST", "/reshaper", allocations.reshape, rule=_rule("reshaper", "reshape"), status=204, body=body, since=since,
            until=until) for since, until, body in schema.RESHAPE_WINDOWS),
    Route("GET", "/allocation_candidates", candidates.index, rule=_rule("allocation_candidates", "list"), view=CANDIDATES,
          since="1.10"),
    Route("GET", "/usages", allocations.usages, since="1.9"),
)  # fmt: skip


def build_api(service: Placement, overrides: Mapping[str, str] | None = None) -> Api:
    return Api("placement", "/placement", ROUTES, service, Policy(RULES, overrides), faults.placement, VERSIONS)
