"""Who sees what: another project's row is not there at all, but for administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from wolke.block_storage import errors
from wolke.core.context import Context
from wolke.core.db import Reader, Table, Where
from wolke.core.paging import Page, find_page

R = TypeVar("R", bound=msgspec.Struct)
MOST_OFFSET = 2**31 - 1


def mine(ctx: Context, row: R | None, missing: Exception) -> R:
    if row is None or not (ctx.is_admin or row.project_id == ctx.project_id):  # type: ignore[attr-defined]
        raise missing
    return row


async def find(
    reader: Reader, ctx: Context, table: Table[R], page: Page, where: Sequence[Where], *, offset: int = 0, **equal: Any
) -> list[R]:
    """A page of rows. ``offset`` is for old clients: it costs what it skips."""
    marker = None
    if page.marker is not None:
        marker = await reader.get(table, id=page.marker)
        marker = mine(ctx, marker, errors.MarkerNotFound(page.marker))
    if offset and page.limit is not None:
        page = Page(page.order, page.limit + offset, page.marker, page.backwards)
    return (await find_page(reader, table, page, where=where, marker=marker, **equal))[offset:]


async def find_by_ids(reader: Reader, table: Table[R], ids: Sequence[str]) -> Mapping[str, R]:
    if not ids:
        return {}
    return {row.id: row for row in await reader.find(table, where=[Where("id", "in", list(ids))])}  # type: ignore[attr-defined]
