"""Which providers, together, could fulfil a request: pure, on a snapshot.

A request is a set of groups. A group with a suffix is fulfilled by one provider. The group without one may take each
resource class from another provider of the same tree, or from a provider that shares with the tree through an aggregate.
For each tree every combination of the groups' options is tried, lazily, up to a bound, so that no request runs for ever.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wolke.placement.model import Amounts, Inventory, Provider
from wolke.placement.model.traits import SHARES

_COMBINATIONS_MAX = 20_000


@dataclass(slots=True)
class Node:
    """A provider with all that is known of it."""

    provider: Provider
    inventories: dict[str, Inventory] = field(default_factory=dict)
    traits: set[str] = field(default_factory=set)
    aggregates: set[str] = field(default_factory=set)

    @property
    def uuid(self) -> str:
        return self.provider.uuid

    @property
    def root(self) -> str:
        return self.provider.root


@dataclass(frozen=True, slots=True)
class Wants:
    """Sets of names: one of each set in ``any_of`` must be there, none of ``none_of`` may."""

    any_of: tuple[frozenset[str], ...] = ()
    none_of: frozenset[str] = frozenset()

    def met_by(self, names: Iterable[str]) -> bool:
        there = set(names)
        return not (there & self.none_of) and all(there & group for group in self.any_of)


@dataclass(frozen=True, slots=True)
class Group:
    suffix: str = ""
    resources: Amounts = field(default_factory=dict)
    traits: Wants = Wants()
    aggregates: Wants = Wants()
    in_tree: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    groups: tuple[Group, ...]
    isolate: bool = False
    same_subtree: tuple[frozenset[str], ...] = ()
    root_traits: Wants = Wants()
    nested: bool = True  # False: only roots and what shares with them, as before 1.29
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """``allocations``: provider → class → amount; ``mappings``: suffix → the providers that fulfil the group."""

    allocations: Mapping[str, Amounts]
    mappings: Mapping[str, tuple[str, ...]]


Option = tuple[str, tuple[tuple[str, str, int], ...], tuple[str, ...]]  # suffix, (provider, class, amount)…, providers


def choose(nodes: Mapping[str, Node], wish: Wish) -> list[Choice]:
    trees: dict[str, list[Node]] = {}
    for node in nodes.values():
        trees.setdefault(node.root, []).append(node)
    sharing = [node for node in nodes.values() if SHARES in node.traits]
    found: list[Choice] = []
    seen: set[frozenset[tuple[str, str, int]]] = set()
    for root, tree in trees.items():
        for choice in _of_tree(nodes, root, tree, sharing, wish):
            key = frozenset((p, name, n) for p, amounts in choice.allocations.items() for name, n in amounts.items())
            marked = key | {(suffix, uuid, -1) for suffix, uuids in choice.mappings.items() for uuid in uuids}
            if marked not in seen:
                seen.add(marked)
                found.append(choice)
                if wish.limit is not None and len(found) >= wish.limit:
                    return found
    return found


def _of_tree(
    nodes: Mapping[str, Node], root: str, tree: list[Node], sharing: list[Node], wish: Wish
) -> Iterator[Choice]:
    if not wish.root_traits.met_by(nodes[root].traits):
        return
    own = tree if wish.nested else [nodes[root]]
    together = set().union(*(node.aggregates for node in tree))
    guests = [node for node in sharing if node.root != root and node.aggregates & together]
    options = [list(_options(nodes, group, own, guests)) for group in wish.groups]
    if not all(options):
        return
    for combination in itertools.islice(itertools.product(*options), _COMBINATIONS_MAX):
        if _allowed(nodes, root, combination, wish):
            choice = _merge(nodes, combination)
            if choice is not None:
                yield choice


def _options(nodes: Mapping[str, Node], group: Group, own: list[Node], guests: list[Node]) -> Iterator[Option]:
    if group.suffix:
        for node in (*own, *guests):
            if _serves(nodes, node, group) and group.traits.met_by(node.traits) and _fits(node, group.resources):
                yield group.suffix, tuple((node.uuid, name, n) for name, n in group.resources.items()), (node.uuid,)
        return
    able = [node for node in (*own, *guests) if _serves(nodes, node, group) and not node.traits & group.traits.none_of]
    places = [[node for node in able if _fits(node, {name: n})] for name, n in group.resources.items()]
    for chosen in itertools.islice(itertools.product(*places), _COMBINATIONS_MAX):
        traits = set().union(*(node.traits for node in chosen))
        if group.traits.met_by(traits):
            taken = tuple((node.uuid, name, n) for node, (name, n) in zip(chosen, group.resources.items(), strict=True))
            yield "", taken, tuple(dict.fromkeys(node.uuid for node in chosen))


def _serves(nodes: Mapping[str, Node], node: Node, group: Group) -> bool:
    """In the right tree and in the right aggregates; a whole tree is in the aggregates of its root for the group that may spread."""
    if group.in_tree is not None and (group.in_tree not in nodes or nodes[group.in_tree].root != node.root):
        return False
    aggregates = node.aggregates if group.suffix else node.aggregates | nodes[node.root].aggregates
    return group.aggregates.met_by(aggregates)


def _fits(node: Node, resources: Amounts) -> bool:
    return all(name in node.inventories and node.inventories[name].fits(n) for name, n in resources.items())


def _allowed(nodes: Mapping[str, Node], root: str, combination: Sequence[Option], wish: Wish) -> bool:
    providers = [uuid for _, _, uuids in combination for uuid in uuids]
    if providers and all(nodes[uuid].root != root for uuid in providers):
        return False  # it belongs to another tree, and is found there
    if wish.isolate:
        single = [uuids[0] for suffix, taken, uuids in combination if suffix and taken]
        if len(set(single)) != len(single):
            return False
    for suffixes in wish.same_subtree:
        members = {uuid for suffix, _, uuids in combination if suffix in suffixes for uuid in uuids}
        if not any(all(top in _path(nodes, uuid) for uuid in members) for top in members):
            return False
    return True


def _path(nodes: Mapping[str, Node], uuid: str) -> list[str]:
    path: list[str] = []
    at: str | None = uuid
    while at is not None and at in nodes and at not in path:
        path.append(at)
        at = nodes[at].provider.parent
    return path


def _merge(nodes: Mapping[str, Node], combination: Sequence[Option]) -> Choice | None:
    """The sums per provider and class; None if they do not fit together."""
    allocations: dict[str, dict[str, int]] = {}
    for _, taken, _ in combination:
        for uuid, name, amount in taken:
            amounts = allocations.setdefault(uuid, {})
            amounts[name] = amounts.get(name, 0) + amount
    if not allocations or not all(_fits(nodes[uuid], amounts) for uuid, amounts in allocations.items()):
        return None
    return Choice(allocations, {suffix: uuids for suffix, _, uuids in combination})
