"""What a database offers, whichever it is; the two kinds differ only in how rows are fetched and commits are made."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import msgspec

from wolke.core.records import Order, Query, Statement, Table, Where, equalities

R = TypeVar("R", bound=msgspec.Struct)
Row = Sequence[Any]


class DuplicateRow(Exception):
    """A unique index refused a write. ``constraint`` is its name, where the database tells."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class Reader(ABC):
    """Reads. A column by keyword must be equal (None: be NULL); ``where`` holds everything else."""

    dialect: Any

    @abstractmethod
    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Row]: ...

    async def rows(self, query: Query, /, **values: Any) -> Sequence[Row]:
        """Plain tuples of a ``Query``; its values are given by the names of its ``bindparam``s."""
        return await self.fetch(query.compiled(self.dialect), values)

    async def get(self, table: Table[R], /, **equal: Any) -> R | None:
        if None in equal.values():
            where = equalities(equal)
            found = await self.fetch(table.select(self.dialect, where, (), limited=False), table.bind_where(where))
        else:
            found = await self.fetch(*table.select_equal(self.dialect, equal))
        return table.decode(found[0]) if found else None

    async def find(
        self,
        table: Table[R],
        /,
        *,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        limit: int | None = None,
        **equal: Any,
    ) -> list[R]:
        conditions = [*equalities(equal), *where]
        statement = table.select(self.dialect, conditions, order, limited=limit is not None)
        values = table.bind_where(conditions)
        if limit is not None:
            values["limit_"] = limit
        decode = table.decode
        return [decode(row) for row in await self.fetch(statement, values)]

    async def count(self, table: Table[R], /, *, where: Sequence[Where] = (), **equal: Any) -> int:
        return (await self.sums(table, where=where, **equal))[0]

    async def count_to(self, most: int, table: Table[R], /, *, where: Sequence[Where] = (), **equal: Any) -> int:
        """As ``count``, but ``most`` stands for that many or more: as much work as that, however many there are."""
        conditions = [*equalities(equal), *where]
        values = table.bind_where(conditions) | {"limit_": most}
        return int((await self.fetch(table.count_to(self.dialect, conditions), values))[0][0])

    async def sums(
        self, table: Table[R], /, *columns: str, where: Sequence[Where] = (), **equal: Any
    ) -> tuple[int, ...]:
        """The number of rows and then the sum of each column."""
        conditions = [*equalities(equal), *where]
        statement = table.aggregate(self.dialect, conditions, columns)
        return tuple((await self.fetch(statement, table.bind_where(conditions)))[0])


class Transaction(Reader):
    """Reads that see what was written, and writes."""

    def __init__(self) -> None:
        self.wakes: set[str] = set()
        self.written: set[str] = set()

    @abstractmethod
    async def execute(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Returns the number of rows it touched; raises ``DuplicateRow``."""

    @abstractmethod
    async def lock(self, name: str) -> None:
        """Nobody else holds ``name`` until this transaction ends: for sums that must not be outrun, such as quota."""

    def wake(self, name: str) -> None:
        """Tell the loops called ``name`` to look, once this has committed."""
        self.wakes.add(name)

    async def run(self, query: Query, /, **values: Any) -> int:
        return await self.execute(query.compiled(self.dialect), values)

    async def insert(self, table: Table[R], record: R) -> None:
        await self.execute(table.insert(self.dialect), table.row(record))

    async def update(
        self, table: Table[R], changes: Mapping[str, Any], /, *, where: Sequence[Where] = (), **equal: Any
    ) -> int:
        conditions = [*equalities(equal), *where]
        statement = table.update(self.dialect, conditions, tuple(changes))
        values = {"set_" + name: value for name, value in table.encode(changes).items()}
        return await self.execute(statement, values | table.bind_where(conditions))

    async def delete(self, table: Table[R], /, *, where: Sequence[Where] = (), **equal: Any) -> int:
        conditions = [*equalities(equal), *where]
        return await self.execute(table.delete(self.dialect, conditions), table.bind_where(conditions))


class Database(Reader):
    """A reader of what is committed, and a giver of transactions. ``shared``: several processes may write to it."""

    shared = True

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self._commits: dict[str, int] = {}

    @abstractmethod
    async def open(self) -> None: ...

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...

    def commits(self, *tables: Table[Any]) -> tuple[int, ...] | None:
        """How often each table has been written to. Ask before reading, and what was worked out from the rows holds as long as
        the answer is the same. None: others write as well, or a commit is just being made, and nobody here can tell."""
        return None

    def writes_elsewhere(self) -> int:
        """Changes with each commit of another process, where no wake tells of it; else it stands still."""
        return 0

    def on_wake(self, name: str, listener: Callable[[], None]) -> None:
        """``listener`` is called, in the event loop, after each commit that said ``wake(name)``."""
        self._listeners.setdefault(name, []).append(listener)

    def wake(self, *names: str) -> None:
        """Tell the listeners in this process, now."""
        for name in names:
            for listener in self._listeners.get(name, ()):
                listener()

    def wake_soon(self, names: set[str]) -> None:
        if names:
            asyncio.get_running_loop().call_soon(lambda: self.wake(*sorted(names)))
