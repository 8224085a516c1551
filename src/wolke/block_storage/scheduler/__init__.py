"""Which pool a volume goes to. Pure: a picture of the pools in, an address or the reasons against each of them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wolke.block_storage.model import Address, Backend, Pool
from wolke.core.extra_specs import matches

#: Extra specs that say how a volume is, not where it can go.
_NOT_FOR_SCHEDULING = ("multiattach", "replication_enabled", "provisioning:", "qos:", "volume:", "minIOPS", "maxIOPS")


@dataclass(frozen=True, slots=True)
class PoolView:
    """``promised_gib`` is the sum of the volumes there, ``free_gib`` what the backend says is empty."""

    address: str  # host@backend#pool
    zone: str
    up: bool
    enabled: bool
    total_gib: float
    free_gib: float
    promised_gib: int = 0
    volumes: int = 0
    reserved_percentage: int = 0
    thin: bool = True
    ratio: float = 20.0
    capabilities: Mapping[str, Any] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.address.partition("@")[0]

    @property
    def room_gib(self) -> float:
        """What may still be promised."""
        usable = self.total_gib * (1 - self.reserved_percentage / 100)
        if self.thin:
            return usable * self.ratio - self.promised_gib
        return min(self.free_gib - self.total_gib * self.reserved_percentage / 100, usable - self.promised_gib)


@dataclass(frozen=True, slots=True)
class PoolReport:
    """A pool with what its backend says of itself."""

    address: Address
    backend: Backend
    pool: Pool
    view: PoolView
    reported_at: str


@dataclass(frozen=True, slots=True)
class Request:
    """``only``: where it must go, because its source is there or somebody said so; an address, or the beginning of one that ends
    before ``@`` or ``#``. ``near``: a host that is better than others. ``same``, ``different``: addresses where hinted volumes are."""

    size_gib: int
    zone: str | None = None
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    only: str | None = None
    near: str | None = None
    same: frozenset[str] = frozenset()
    different: frozenset[str] = frozenset()
    encrypted: bool = False
    multiattach: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    passes: Callable[[PoolView, Request], bool]
    says: str


def _requested(pool: PoolView, asked: Request) -> bool:
    only = asked.only
    return only is None or pool.address == only or (pool.address.startswith(only) and pool.address[len(only)] in "@#")


def capable(pool: PoolView, asked: Request) -> bool:
    for key, wanted in asked.extra_specs.items():
        scope, colon, name = key.partition(":")
        if colon and scope != "capabilities":
            continue
        if key.startswith(_NOT_FOR_SCHEDULING):
            continue
        have = pool.capabilities.get(name if colon else key)
        if have is None or not matches(str(have), wanted):
            return False
    return True


def _able(pool: PoolView, asked: Request) -> bool:
    """To encrypt, and to be used by several at once."""
    if asked.encrypted and not pool.capabilities.get("encryption", True):
        return False
    return not asked.multiattach or bool(pool.capabilities.get("multiattach", True))


FILTERS: tuple[Filter, ...] = (
    Filter("requested", _requested, "not where the volume must be"),
    Filter("zone", lambda p, r: r.zone is None or p.zone == r.zone, "not in the availability zone"),
    Filter("up", lambda p, r: p.up, "down"),
    Filter("enabled", lambda p, r: p.enabled, "disabled"),
    Filter("capabilities", capable, "without what the type asks for"),
    Filter("abilities", _able, "not able to encrypt or to be attached several times"),
    Filter("same", lambda p, r: not r.same or p.address in r.same, "not with the volumes that it shall be near to"),
    Filter("different", lambda p, r: p.address not in r.different, "with volumes that it shall be apart from"),
    Filter("room", lambda p, r: p.room_gib >= r.size_gib, "without enough room"),
)


class NoPool(Exception):
    """Nothing will do; the text says why of each filter that turned pools away."""


def choose(pools: Iterable[PoolView], asked: Request) -> PoolView:
    """The pool with most room among those that will do, nearby ones first; of equals the one with fewest volumes, then the first by
    name."""
    left: Sequence[PoolView] = list(pools)
    if not left:
        raise NoPool("There is no storage backend.")
    reasons: list[str] = []
    for one in FILTERS:
        passed = [pool for pool in left if one.passes(pool, asked)]
        if len(passed) < len(left):
            gone = len(left) - len(passed)
            reasons.append(f"{gone} {'is' if gone == 1 else 'are'} {one.says}")
        left = passed
        if not left:
            raise NoPool(f"Of the storage pools {', '.join(reasons)}.")
    return min(left, key=lambda pool: (pool.host != asked.near, -pool.room_gib, pool.volumes, pool.address))
