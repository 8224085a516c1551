"""How much an account and a container may hold: bytes and objects; an account also by storage policy.

A container's quota is looked at within the commit and so is exact. An account's is looked at before the data is taken in, as no
commit spans its containers: uploads that run side by side may pass it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wolke.object_store import store
from wolke.object_store.drivers.base import Driver, Tally
from wolke.object_store.errors import QuotaReached
from wolke.object_store.model import Container, Object
from wolke.object_store.service.accounts import account_of
from wolke.object_store.service.ground import Ground
from wolke.object_store.service.limits import OBJECT_BYTES

BYTES = "x-account-quota-bytes"
COUNT = "x-account-quota-count"
_ACCOUNT = "x-account-quota-"
_CONTAINER_BYTES = "x-container-meta-quota-bytes"
_CONTAINER_COUNT = "x-container-meta-quota-count"


def quota_names(policy: str = "") -> tuple[str, str]:
    """The headers of an account's quotas of bytes and of objects, in one policy or in all."""
    return (f"{BYTES}-policy-{policy.lower()}", f"{COUNT}-policy-{policy.lower()}") if policy else (BYTES, COUNT)


async def room(ground: Ground, container: Container) -> int:
    """How many bytes may still come. Raises ``QuotaReached`` where not one more object may."""
    left = await _account_room(ground, container)
    quota = container.headers.get(_CONTAINER_BYTES, "")
    if not quota.isdecimal():
        return left
    tally = await ground.engine(container.policy).tally(store.container_partition(container))
    return min(left, max(0, int(quota) - tally.octets))


async def _account_room(ground: Ground, container: Container) -> int:
    account = await account_of(ground, container.account)
    if account is None or not any(name.startswith(_ACCOUNT) for name in account.headers):
        return OBJECT_BYTES
    headers = account.headers
    engines = list(ground.engines.values())
    whole = await _left(ground, headers, quota_names(), container.account, engines)
    ours = [ground.engine(container.policy)]
    return min(whole, await _left(ground, headers, quota_names(container.policy), container.account, ours))


async def _left(
    ground: Ground, headers: Mapping[str, str], names: tuple[str, str], account: str, engines: Sequence[Driver]
) -> int:
    octets, objects = (headers.get(name, "") for name in names)
    if not (octets.isdecimal() or objects.isdecimal()):
        return OBJECT_BYTES
    tallies = [await engine.tally(store.account_id(account)) for engine in engines]
    if objects.isdecimal():
        rows = (await ground.accounts.tally(store.account_partition(account))).objects
        counted = sum(tally.objects for tally in tallies) - (rows if ground.accounts in engines else 0)
        if counted >= int(objects):
            raise QuotaReached("Upload exceeds quota.")
    return max(0, int(octets) - sum(tally.octets for tally in tallies)) if octets.isdecimal() else OBJECT_BYTES


def within(container: Container, tally: Tally, value: Object, *, is_new: bool, freed: int = 0) -> None:
    """To the object and the byte, as the tally is that of the commit. ``freed``: bytes that the write gives back."""
    objects = container.headers.get(_CONTAINER_COUNT, "")
    octets = container.headers.get(_CONTAINER_BYTES, "")
    if objects.isdecimal() and is_new and tally.objects + 1 > int(objects):
        raise QuotaReached("Upload exceeds quota.")
    if octets.isdecimal() and tally.octets - freed + value.octets > int(octets):
        raise QuotaReached("Upload exceeds quota.")
