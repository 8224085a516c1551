"""Which account a bucket's name means to those who have no account of their own, or none with such a bucket.

Swift's containers are named within their account, and so are the buckets of whoever signs. Only where a bucket is opened to
others (by its ACL or its policy) must its name alone lead to it; so that is when it is registered, the first account wins, and
making a container through either door never meets the register. A name whose bucket is gone is free for the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from wolke.object_store import store
from wolke.object_store.drivers.base import Change, Delete, Entry, Put, Tally
from wolke.object_store.service.ground import Ground, commit, spoken

_REGISTER = store.account_partition(".buckets")  # no client's account begins with a dot
_NAMES = b"n"


class Names:
    def __init__(self, ground: Ground, exists: Callable[[str, str], Awaitable[bool]]) -> None:
        self._ground = ground
        self._exists = exists

    async def account(self, bucket: str) -> str | None:
        with spoken():
            entry = await self._ground.accounts.get(_REGISTER, _key(bucket))
        return None if entry is None else entry.meta.decode()

    async def claim(self, bucket: str, account: str) -> bool:
        """Whether the name now leads to that account."""
        holder = await self.account(bucket)
        if holder == account:
            return True
        if holder is not None and await self._exists(holder, bucket):
            return False
        await self._change(bucket, holder, account)
        return await self.account(bucket) == account

    async def release(self, bucket: str, account: str) -> None:
        if await self.account(bucket) == account:
            await self._change(bucket, account, None)

    async def _change(self, bucket: str, old: str | None, new: str | None) -> None:
        """If it is still so."""
        key = _key(bucket)

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            there = None if entries[0] is None else entries[0].meta.decode()
            if there != old:
                return ()
            return (Delete(key),) if new is None else (Put(key, new.encode()),)

        await commit(self._ground.accounts, _REGISTER, (key,), decide)


def _key(bucket: str) -> bytes:
    return _NAMES + bucket.encode()
