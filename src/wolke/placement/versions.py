"""The history of the Placement API, 1.0 to 1.39: the only place that says what came when."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wolke.core.microversion import Change, Item, Version, Versions


def _without_link(*rels: str) -> Callable[[Item], None]:
    def down(provider: Item) -> None:
        provider["links"] = [link for link in provider["links"] if link["rel"] not in rels]

    return down


def _allocations_as_list(payload: Item) -> None:
    for one in payload["allocation_requests"]:
        one["allocations"] = [
            {"resource_provider": {"uuid": uuid}, "resources": given["resources"]}
            for uuid, given in one["allocations"].items()
        ]


def _from_requests(name: str) -> Callable[[Item], None]:
    def down(payload: Item) -> None:
        for one in payload["allocation_requests"]:
            one.pop(name, None)

    return down


def _from_summaries(*names: str) -> Callable[[Item], None]:
    def down(payload: Item) -> None:
        for summary in payload["provider_summaries"].values():
            for name in names:
                summary.pop(name, None)

    return down


PROVIDER, SET, CANDIDATES = "resource_provider", "allocation_set", "candidates"
_TREE = ("parent_provider_uuid", "root_provider_uuid")

CHANGES = (
    Change((1, 1), "Aggregates", down={PROVIDER: _without_link("aggregates")}),
    Change((1, 6), "Traits", down={PROVIDER: _without_link("traits")}),
    Change((1, 11), "A link to allocations", down={PROVIDER: _without_link("allocations")}),
    Change(
        (1, 12),
        "Allocations by provider, and whose they are",
        adds_view={SET: ("project_id", "user_id")},
        down={CANDIDATES: _allocations_as_list},
    ),
    Change((1, 14), "Nested providers", adds_view={PROVIDER: _TREE}, adds_body={PROVIDER: _TREE[:1]}),
    Change((1, 17), "Traits in summaries", down={CANDIDATES: _from_summaries("traits")}),
    Change((1, 28), "Consumer generations", adds_view={SET: ("consumer_generation",)}),
    Change((1, 29), "Nested candidates", down={CANDIDATES: _from_summaries(*_TREE)}),
    Change((1, 34), "Mappings", down={CANDIDATES: _from_requests("mappings")}),
    Change((1, 38), "Consumer types", adds_view={SET: ("consumer_type",)}),
)
VERSIONS = Versions("placement", CHANGES, minimum=(1, 0), maximum=(1, 39))

# What changed in behaviour rather than in shape.
SINCE: Mapping[str, Version] = {
    "dates": (1, 15),
    "aggregate generations": (1, 19),
    "a body on create": (1, 20),
    "forbidden traits": (1, 22),
    "member_of again": (1, 24),
    "all reserved": (1, 26),
    "all classes in summaries": (1, 27),
    "consumer generations": (1, 28),
    "nested candidates": (1, 29),
    "forbidden aggregates": (1, 32),
    "suffixes of words": (1, 33),
    "groups without resources": (1, 36),
    "moving providers": (1, 37),
    "consumer types": (1, 38),
    "any of several traits": (1, 39),
}
PROVIDER_PARAMETERS: Mapping[str, Version] = {
    "name": (1, 0), "uuid": (1, 0), "member_of": (1, 3), "resources": (1, 4), "in_tree": (1, 14), "required": (1, 18),
}  # fmt: skip
CANDIDATE_PARAMETERS: Mapping[str, Version] = {
    "resources": (1, 10), "limit": (1, 16), "required": (1, 17), "member_of": (1, 21), "group_policy": (1, 25),
    "in_tree": (1, 31), "root_required": (1, 35), "same_subtree": (1, 36),
}  # fmt: skip
SUFFIXED_PARAMETERS: Mapping[str, Version] = {
    "resources": (1, 25), "required": (1, 25), "member_of": (1, 25), "in_tree": (1, 31),
}  # fmt: skip


def knows(version: Version, what: str) -> bool:
    return version >= SINCE[what]


def served(version: Version, parameters: Mapping[str, Version]) -> set[str]:
    return {name for name, since in parameters.items() if version >= since}
