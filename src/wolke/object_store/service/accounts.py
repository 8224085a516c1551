"""Accounts: their metadata, their figures, and the containers in them. An account is there once somebody writes to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wolke.object_store import store
from wolke.object_store.drivers.base import Change, Delete, Entry, Put, Tally
from wolke.object_store.errors import AccountNotEmpty, AccountNotFound
from wolke.object_store.model import Account, ContainerListed, Prefix, Stat, Wish
from wolke.object_store.service.ground import Ground, commit
from wolke.object_store.service.limits import check_metadata
from wolke.object_store.service.listing import walk

META = "x-account-meta-"


class Accounts:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def get(self, account: str) -> Account:
        """Raises ``AccountNotFound``."""
        found = await account_of(self._ground, account)
        if found is None:
            raise AccountNotFound
        return found

    async def header(self, account: str, name: str) -> str:
        """One header, empty if there is none."""
        found = await account_of(self._ground, account)
        return "" if found is None else found.headers.get(name, "")

    async def stats(self, account: str) -> dict[str, Stat]:
        """By policy, those with containers only. Exact."""
        ground, found = self._ground, {}
        partition = store.account_partition(account)
        per_policy: dict[str, int] = {}
        rows = await ground.accounts.tally(partition)
        if len(ground.engines) > 1:
            per_policy = await self._containers_by_policy(partition)
        for policy, engine in ground.engines.items():
            whole = await engine.tally(store.account_id(account))
            first = policy == ground.default_policy
            containers = per_policy.get(policy, 0) if len(ground.engines) > 1 else rows.objects
            stat = Stat(containers, whole.objects - (rows.objects if first else 0), whole.octets)
            if stat.containers:
                found[policy] = stat
        return found

    async def stat(self, account: str) -> Stat:
        return total((await self.stats(account)).values())

    async def _containers_by_policy(self, partition: bytes) -> dict[str, int]:
        found: dict[str, int] = {}
        start = store.ROWS
        while page := await self._ground.accounts.scan(partition, start, store.after(store.ROWS), 10_000):
            for entry in page:
                policy = store.row_of(entry.meta).policy
                found[policy] = found.get(policy, 0) + 1
            start = page[-1].key + b"\0"
        return found

    async def update(
        self, account: str, headers: Mapping[str, str | None], system: Mapping[str, str | None] | None = None
    ) -> None:
        """Makes the account if need be. None takes a header away."""
        stamp = self._ground.stamp()

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            there = entries[0]
            old = store.account_of(there.meta) if there is not None else Account(account, stamp, stamp)
            new = Account(account, old.created, stamp, merged(old.headers, headers), merged(old.system, system or {}))
            check_metadata("Account", {n[len(META) :]: v for n, v in new.headers.items() if n.startswith(META)})
            return (Put(store.ACCOUNT, store.encode(new)),)

        await commit(self._ground.accounts, store.account_partition(account), (store.ACCOUNT,), decide)
        self._ground.known_accounts.forget(account)

    async def delete(self, account: str) -> None:
        """The account itself; its containers must be gone."""
        partition = store.account_partition(account)

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            if entries[0] is None:
                raise AccountNotFound
            if tally.objects:
                raise AccountNotEmpty
            return (Delete(store.ACCOUNT),)

        await commit(self._ground.accounts, partition, (store.ACCOUNT,), decide)
        self._ground.known_accounts.forget(account)

    async def ensure(self, account: str) -> None:
        if await account_of(self._ground, account) is None:
            await self.update(account, {})

    async def containers(self, account: str, wish: Wish) -> list[ContainerListed | Prefix]:
        partition = store.account_partition(account)
        found: list[ContainerListed | Prefix] = []
        for item in await walk(self._ground.accounts, partition, store.ROWS, wish):
            if isinstance(item, Prefix):
                found.append(item)
                continue
            row, name = store.row_of(item.meta), item.key[1:].decode()
            tally = await self._ground.engine(row.policy).tally(partition[:8] + row.id)
            if tally.entries:  # else somebody died while it was made or deleted, and it is not there
                found.append(ContainerListed(name, tally.objects, tally.octets, row.created, row.policy))
        return found


async def account_of(ground: Ground, account: str) -> Account | None:
    """None where nobody has written to it yet."""
    if (known := ground.known_accounts.here(account)) is not None:
        return known

    async def read() -> Account | None:
        entry = await ground.accounts.get(store.account_partition(account), store.ACCOUNT)
        return None if entry is None else store.account_of(entry.meta)

    return await ground.known_accounts.get(account, read)


def total(stats: Iterable[Stat]) -> Stat:
    """Of all policies together."""
    found = list(stats)
    return Stat(*(sum(column) for column in zip(*found, strict=True))) if found else Stat()


def merged(old: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """None takes away, what is not named stays."""
    new = {**old, **changes}
    return {name: value for name, value in new.items() if value is not None}
