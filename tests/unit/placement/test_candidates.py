"""The choice of providers, on snapshots."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from wolke.placement.model import Inventory, Provider
from wolke.placement.scheduler.candidates import Group, Node, Wants, Wish, choose

CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")


def node(
    uuid: str, parent: str | None = None, root: str | None = None, traits: set[str] | None = None, **amounts: int
) -> Node:
    inventories = {name: Inventory(uuid, name, total) for name, total in amounts.items()}
    return Node(Provider(uuid, uuid, parent, root or uuid, 0, "", ""), inventories, traits or set())


def cloud(*nodes: Node) -> dict[str, Node]:
    return {one.uuid: one for one in nodes}


trees = st.lists(
    st.tuples(
        st.integers(0, 3), st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 8), max_size=3), st.booleans()
    ),
    min_size=1,
    max_size=6,
)
groups = st.lists(
    st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 6), min_size=1, max_size=3), min_size=1, max_size=3
)


@settings(max_examples=100, deadline=None)
@given(trees, groups, st.booleans(), st.booleans())
def test_every_choice_fits_and_gives_what_was_asked(tree, wanted, isolate, plain) -> None:
    nodes: dict[str, Node] = {}
    for n, (above, amounts, gold) in enumerate(tree):
        parent = str(min(above, n - 1)) if n else None
        nodes[str(n)] = node(str(n), parent, "0", {"CUSTOM_GOLD"} if gold else set(), **amounts)
    asked = [Group("" if plain and not n else f"_{n}", resources) for n, resources in enumerate(wanted)]
    asked[-1] = Group(asked[-1].suffix, asked[-1].resources, Wants((frozenset({"CUSTOM_GOLD"}),)))
    for choice in choose(nodes, Wish(tuple(asked), isolate)):
        total: dict[str, int] = {}
        for uuid, amounts in choice.allocations.items():
            for name, amount in amounts.items():
                assert nodes[uuid].inventories[name].fits(amount)
                total[name] = total.get(name, 0) + amount
        expected: dict[str, int] = {}
        for resources in wanted:
            for name, amount in resources.items():
                expected[name] = expected.get(name, 0) + amount
        assert total == expected
        single = [choice.mappings[group.suffix][0] for group in asked if group.suffix]
        assert all(len(choice.mappings[group.suffix]) == 1 for group in asked if group.suffix)
        assert not isolate or len(set(single)) == len(single)
        assert any("CUSTOM_GOLD" in nodes[uuid].traits for uuid in choice.mappings[asked[-1].suffix])


def test_a_request_that_could_be_fulfilled_in_countless_ways_ends() -> None:
    nodes = cloud(node("0", VCPU=1), *(node(str(n), "0", "0", VCPU=8) for n in range(1, 60)))
    asked = tuple(Group(f"_{n}", {"VCPU": 8}) for n in range(12))
    started = time.perf_counter()
    choose(nodes, Wish(asked, isolate=True))
    assert time.perf_counter() - started < 20


def test_a_limit_stops_the_search() -> None:
    nodes = cloud(*(node(str(n), VCPU=4) for n in range(50)))
    assert len(choose(nodes, Wish((Group("", {"VCPU": 1}),), limit=3))) == 3


def test_groups_on_one_provider_must_fit_together() -> None:
    nodes = cloud(node("a", VCPU=3))
    two = (Group("_1", {"VCPU": 2}), Group("_2", {"VCPU": 2}))
    assert choose(nodes, Wish(two)) == []
    assert len(choose(cloud(node("a", VCPU=4)), Wish(two))) == 1
