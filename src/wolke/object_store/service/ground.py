"""What all the verbs stand on: the places by policy, the stamps, and how a driver's trouble is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from wolke.core.clock import Clock
from wolke.core.errors import CloudError
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.drivers.base import Broken, Damaged, Decide, Driver, Entry, Lost, NoSpace, Piece, Stream
from wolke.object_store.errors import Changed, DataDamaged, StoreBroken, StoreFull, UnknownPolicy
from wolke.object_store.model import TICKS_PER_S, Account, Container
from wolke.object_store.service.remembered import Remembered


class Ground:
    """``engines``: a driver for each storage policy; the first is the default, and keeps the accounts."""

    def __init__(self, engines: Mapping[str, Driver], config: ObjectStoreConfig, clock: Clock) -> None:
        self.engines = dict(engines)
        self.config = config
        self.clock = clock
        self.default_policy = next(iter(self.engines))
        self._last_stamp = 0
        exclusive = all(engine.capabilities.exclusive for engine in self.engines.values())
        self.known_accounts: Remembered[str, Account | None] = Remembered(exclusive)
        self.known_containers: Remembered[tuple[str, str], Container] = Remembered(exclusive)

    @property
    def accounts(self) -> Driver:
        return self.engines[self.default_policy]

    def engine(self, policy: str) -> Driver:
        try:
            return self.engines[policy]
        except KeyError:
            raise UnknownPolicy(policy) from None

    def stamp(self) -> int:
        """Later than every one before, even where the clock was set back."""
        self._last_stamp = max(int(self.clock.time() * TICKS_PER_S), self._last_stamp + 1)
        return self._last_stamp

    def now_s(self) -> int:
        return int(self.clock.time())


class _Spoken:
    """Every request comes through here several times, so it is no generator."""

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None and (said := _SAID.get(kind)) is not None:
            raise said() from None


_SAID: Mapping[type[BaseException], Callable[[], CloudError]] = {
    NoSpace: StoreFull,
    Broken: StoreBroken,
    Damaged: DataDamaged,
    Lost: Changed,
}
_SPOKEN = _Spoken()


def spoken() -> _Spoken:
    """A driver's trouble in words for the client."""
    return _SPOKEN


async def commit(engine: Driver, partition: bytes, reads: Sequence[bytes], decide: Decide) -> None:
    with spoken():
        await engine.commit(partition, reads, decide)


class Body:
    """An object's data: the pieces of one entry."""

    __slots__ = ("_engine", "_pieces", "size")

    def __init__(self, engine: Driver, pieces: Sequence[Piece], size: int) -> None:
        self._engine = engine
        self._pieces = pieces
        self.size = size

    @classmethod
    def of(cls, bodies: Sequence[Body]) -> Body | None:
        """All of them as one. None: they do not lie in one place."""
        engine = bodies[0]._engine
        if any(body._engine is not engine for body in bodies):
            return None
        return cls(engine, [piece for body in bodies for piece in body._pieces], sum(body.size for body in bodies))

    async def read(self, start: int, length: int) -> bytes | Stream:
        """``length`` bytes from ``start``; both within ``size``."""
        with spoken():
            return await self._engine.read(self._pieces, start, length)

    async def chunks(self, start: int, length: int) -> AsyncIterator[bytes]:
        found = await self.read(start, length)
        if isinstance(found, bytes):
            yield found
            return
        with spoken():
            async for chunk in found.chunks:
                yield chunk


async def share(engine: Driver, entry: Entry) -> tuple[Piece, ...]:
    with spoken():
        return await engine.again(entry.pieces)
