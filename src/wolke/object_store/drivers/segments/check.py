"""Does everything agree with everything else? A second index is made from the log alone and laid beside the one in use."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wolke.object_store.drivers.base import Finding
from wolke.object_store.drivers.segments.index import SPLIT_BYTES, Index, State, View
from wolke.object_store.drivers.segments.ledger import DOOMED
from wolke.object_store.drivers.segments.records import Unreadable, unpack
from wolke.object_store.drivers.segments.recovery import Replay

if TYPE_CHECKING:
    from wolke.object_store.drivers.segments.engine import Segments

_MOST = 1000  # findings of a kind
_ZERO = msgspec.msgpack.encode(0)
_END = b"\xff" * 32


class Check:
    """A ``repair`` wants the store for itself: nothing may read or write, and ``run`` may not be running."""

    def __init__(self, store: Segments) -> None:
        self._store = store

    async def run(self, *, repair: bool) -> list[Finding]:
        store, loop = self._store, asyncio.get_running_loop()
        async with store.compactor.gate:
            await store.flusher.flush()
            with store.index.snapshot() as view:
                findings = await loop.run_in_executor(None, self._compare, view)
        wrong = bool(findings)
        for number, finding in await loop.run_in_executor(None, self._files):
            if finding.what == _STRAY and not self._is_stray(number):
                continue
            if repair and finding.what == _STRAY:
                finding = Finding(finding.what, finding.where, repaired=store.files.remove(number) > 0)
            findings.append(finding)
        findings += [
            Finding(f"{len(span)} bytes of the log are unreadable", f"segment {segment} at {span.start}")
            for segment, span in self._gaps
        ]
        findings += [Finding("damaged data", _where(one)) for one in store.quarantine.found]
        if repair and wrong:
            await store.make_index_again()
            findings = [Finding(f.what, f.where, repaired=f.repaired or f.where.startswith(_INDEX)) for f in findings]
        return findings

    # ----------------------------------------------------------------------------------------------------------- index

    def _compare(self, view: View) -> list[Finding]:
        store, state = self._store, view.state()
        assert state is not None
        folder = store.directory / "check"
        shutil.rmtree(folder, ignore_errors=True)
        other = Index(folder, store.options.map_bytes)
        try:
            begin = State(store.store, segment=min(store.log.present))
            replay = Replay(store.log, other, begin, store.quarantine, store.options.flush_changes, rebuilt=True)
            self._gaps = replay.run(state.sequence).gaps
            replay.flush()
            other.renew()
            return list(self._differences(view, other))
        finally:
            other.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _differences(self, view: View, other: View) -> Iterator[Finding]:
        for table in ("rows", "deep", "tallies", "marks", "files"):
            count = 0
            for name, ours, theirs in _beside(_plain(view, table), _plain(other, table)):
                if ours != theirs and count < _MOST:
                    count += 1
                    what = (
                        "is missing" if ours is None else "should not be" if theirs is None else "differs from the log"
                    )
                    yield Finding(f"{table}: a row {what}", f"{_INDEX} {name.hex()}")
        ours_used, theirs_used = view.usages(), other.usages()
        for segment in sorted(ours_used | theirs_used):
            ours_live, theirs_live = (u[segment].live if segment in u else 0 for u in (ours_used, theirs_used))
            if ours_live != theirs_live:
                yield Finding(f"live bytes: {ours_live}, by the log {theirs_live}", f"{_INDEX} segment {segment}")

    # ----------------------------------------------------------------------------------------------------------- files

    def _files(self) -> list[tuple[int, Finding]]:
        store, found = self._store, []
        there: dict[int, Path] = {int(path.name, 16): path for path in store.files.directory.glob("*/*")}
        after = -1
        while some := store.ledger.files(after, _MOST):
            for number in some:
                if number not in there:
                    found.append((number, Finding("a file is missing", f"file {number}")))
                elif store.reader.described(number) is None:
                    found.append((number, Finding("a file is damaged", str(there[number]))))
                there.pop(number, None)
            after = some[-1]
        found += [(number, Finding(_STRAY, str(path))) for number, path in there.items()]
        return found

    def _is_stray(self, number: int) -> bool:
        files = self._store.files
        busy = number in files.writing or number in files.unclaimed or number >= files.next
        return not busy and self._store.ledger.references(number) is None


_INDEX = "index"
_STRAY = "a file that nothing refers to"


def _plain(view: View, table: str) -> Iterator[tuple[bytes, object]]:
    """Rows without what may rightly differ: how far back older records of a key may lie; files that are gone already."""
    for name, value in view.raw(table):
        if table in ("rows", "deep") and len(name) <= SPLIT_BYTES:
            try:
                row = unpack(value)
            except Unreadable:
                yield name, "unreadable"
            else:
                yield name, (row.uid, row.segment, row.objects, row.octets, row.due_s, row.meta, row.pieces)
        elif not (table == "marks" and name.startswith(DOOMED)) and not (table == "files" and value == _ZERO):
            yield name, value


def _beside(
    ours: Iterator[tuple[bytes, object]], theirs: Iterator[tuple[bytes, object]]
) -> Iterator[tuple[bytes, object, object]]:
    """Both in order of their names, each name once."""
    nothing = (_END * 64, None)
    one, two = next(ours, nothing), next(theirs, nothing)
    while one is not nothing or two is not nothing:
        if one[0] == two[0]:
            yield one[0], one[1], two[1]
            one, two = next(ours, nothing), next(theirs, nothing)
        elif one[0] < two[0]:
            yield one[0], one[1], None
            one = next(ours, nothing)
        else:
            yield two[0], None, two[1]
            two = next(theirs, nothing)


def _where(one: dict[str, int]) -> str:
    return (
        f"file {one['file']}" if "file" in one else f"segment {one['segment']} at {one['offset']}, {one['size']} bytes"
    )
