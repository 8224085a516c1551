"""What keeps a project from being closed: whatever is still in it, and would cost on."""

from __future__ import annotations

from typing import Any

from wolke.business.resources.store import ADDRESSES, DISKS, INTERVALS, SERVERS, SNAPSHOTS
from wolke.business.sentences import LEFT, OBJECTS_LEFT
from wolke.core.db import Reader, Table, Where

_KINDS: tuple[tuple[Table[Any], str], ...] = (
    (SERVERS, "server"),
    (DISKS, "disk"),
    (ADDRESSES, "address"),
    (SNAPSHOTS, "snapshot"),
)


async def left_in(reader: Reader, project_id: str) -> str:
    """``2 servers; 1 disk``; empty if there is nothing."""
    counts = [(await reader.count(table, project_id=project_id, gone_at=None), LEFT[kind]) for table, kind in _KINDS]
    parts = [(one if count == 1 else more).format(count=count) for count, (one, more) in counts if count]
    stored = (Where("amount", "ne", "0"),)
    if await reader.count(INTERVALS, resource_id=f"objects-{project_id}", ends_at=None, where=stored):
        parts.append(OBJECTS_LEFT)
    return "; ".join(parts)
