"""Lists in the order of names: a part of a partition's keys, with what shares a prefix up to a delimiter shown once.

What is behind a delimiter is skipped, not read: a list of a thousand folders costs the same whatever is in them.
"""

from __future__ import annotations

from wolke.object_store import store
from wolke.object_store.drivers.base import Driver, Entry
from wolke.object_store.model import Prefix, Wish
from wolke.object_store.service.ground import spoken

_FIRST_PAGE = 32  # with a delimiter, when nobody knows how much is skipped


async def walk(engine: Driver, partition: bytes, kind: bytes, wish: Wish) -> list[Entry | Prefix]:
    """At most ``wish.limit`` of the entries whose keys are ``kind`` and a name."""
    if wish.path is not None:
        prefix = wish.path.rstrip("/") + "/" if wish.path else ""
        delimiter = "/"
    else:
        prefix, delimiter = wish.prefix, wish.delimiter
    bounds = _bounds(kind, prefix, wish)
    if wish.path and bounds[0] == kind + prefix.encode():
        bounds = (bounds[0] + b"\0", bounds[1])  # a folder does not list itself
    if not delimiter:
        with spoken():
            return list(await engine.scan(partition, *bounds, wish.limit, reverse=wish.reverse))
    return await _with_delimiter(engine, partition, bounds, (kind + prefix.encode(), delimiter.encode()), wish)


def _bounds(kind: bytes, prefix: str, wish: Wish) -> tuple[bytes, bytes]:
    low = kind + prefix.encode()
    high = store.after(low)
    behind, before = (wish.end_marker, wish.marker) if wish.reverse else (wish.marker, wish.end_marker)
    if behind:
        low = max(low, kind + behind.encode() + b"\0")
    if before:
        high = min(high, kind + before.encode())
    return low, high


async def _with_delimiter(
    engine: Driver, partition: bytes, bounds: tuple[bytes, bytes], shape: tuple[bytes, bytes], wish: Wish
) -> list[Entry | Prefix]:
    low, high = bounds
    prefix, delimiter = shape
    found: list[Entry | Prefix] = []
    page_size = _FIRST_PAGE
    while len(found) < wish.limit and low < high:
        with spoken():
            page = await engine.scan(partition, low, high, page_size, reverse=wish.reverse)
        jump = None
        for entry in page:
            end = entry.key.find(delimiter, len(prefix))
            folder = entry.key[: end + len(delimiter)] if end >= 0 else b""
            if not folder or (wish.path is not None and folder == entry.key):
                found.append(entry)
            else:
                jump = folder
                name = folder[1:].decode()
                if wish.path is None and name != wish.marker:
                    found.append(Prefix(name))
            if jump is not None or len(found) >= wish.limit:
                break
        if jump is not None:
            low, high = (low, jump) if wish.reverse else (store.after(jump), high)
        elif len(page) < page_size:
            break
        elif wish.reverse:
            high = page[-1].key
        else:
            low = page[-1].key + b"\0"
        page_size = _FIRST_PAGE if jump is not None else min(page_size * 4, wish.limit + 1)
    return found
