"""Where a volume goes."""

from __future__ import annotations

from typing import Any

import pytest

from wolke.block_storage.scheduler import NoPool, PoolView, Request, choose


def pool(name: str = "h@b#p", **more: Any) -> PoolView:
    fields: dict[str, Any] = {
        "zone": "nova",
        "up": True,
        "enabled": True,
        "total_gib": 100,
        "free_gib": 100,
        "thin": False,
    }
    return PoolView(name, **{**fields, **more})


def chosen(asked: Request, *pools: PoolView) -> str:
    return choose(pools, asked).address


def test_most_room_wins_then_fewest_volumes_then_the_name() -> None:
    assert chosen(Request(1), pool("a@b#p", free_gib=50), pool("b@b#p")) == "b@b#p"
    assert chosen(Request(1), pool("a@b#p", volumes=3), pool("b@b#p", volumes=2)) == "b@b#p"
    assert chosen(Request(1), pool("b@b#p"), pool("a@b#p")) == "a@b#p"


@pytest.mark.parametrize(
    ("only", "there"),
    [("h@b#p", "h@b#p"), ("h@b", "h@b#p"), ("h", "h@b#p"), ("h@bb", "h@bb#p"), ("x", None)],
)
def test_a_place_may_be_asked_for_in_whole_or_in_part(only: str, there: str | None) -> None:
    pools = (pool("h@b#p"), pool("h@bb#p", free_gib=90), pool("hh@b#p", free_gib=500, total_gib=500))
    if there is None:
        with pytest.raises(NoPool):
            chosen(Request(1, only=only), *pools)
    else:
        assert chosen(Request(1, only=only), *pools) == there


@pytest.mark.parametrize(
    ("specs", "fits"),
    [
        ({"volume_backend_name": "fast"}, True),
        ({"capabilities:volume_backend_name": "slow"}, False),
        ({"multiattach": "<is> True"}, True),  # says how a volume is, and is no capability
        ({"thin": "<is> True"}, True),
        ({"iops": ">= 100"}, True),
        ({"iops": ">= 1000"}, False),
        ({"vendor": "nobody"}, False),
        ({"qos:whatever": "x", "other_scope:x": "y"}, True),
    ],
)
def test_extra_specs_are_capabilities(specs: dict[str, str], fits: bool) -> None:
    able = pool(capabilities={"volume_backend_name": "fast", "thin": True, "iops": 500})
    if fits:
        assert chosen(Request(1, extra_specs=specs), able)
    else:
        with pytest.raises(NoPool, match="without what the type asks for"):
            chosen(Request(1, extra_specs=specs), able)


def test_room_is_what_may_be_promised() -> None:
    assert pool(promised_gib=60, free_gib=100).room_gib == 40
    assert pool(promised_gib=60, free_gib=10).room_gib == 10
    assert pool(reserved_percentage=10).room_gib == 90
    assert pool(thin=True, ratio=2.0, promised_gib=150, free_gib=1).room_gib == 50


def test_all_that_stands_in_the_way_is_said() -> None:
    pools = (pool("a@b#p", up=False), pool("b@b#p", enabled=False), pool("c@b#p", free_gib=1))
    with pytest.raises(NoPool) as why:
        chosen(Request(5), *pools)
    assert str(why.value) == "Of the storage pools 1 is down, 1 is disabled, 1 is without enough room."
    with pytest.raises(NoPool, match="There is no storage backend"):
        choose([], Request(1))


def test_hints_keep_together_and_apart() -> None:
    near, far = pool("a@b#p"), pool("b@b#p")
    assert chosen(Request(1, same=frozenset({"b@b#p"})), near, far) == "b@b#p"
    assert chosen(Request(1, different=frozenset({"a@b#p"})), near, far) == "b@b#p"
