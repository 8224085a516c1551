"""Lists of what a project has, and one thing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec

from wolke.business.errors import Invalid, NotThere
from wolke.business.resources.views import shown
from wolke.business.sentences import TYPE_ITS_NAME
from wolke.business.verb import Found, Page, find
from wolke.core.db import Reader, Table, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

T = TypeVar("T", bound=msgspec.Struct)
SORTS = {"name": "name", "state": "state", "ordered": "ordered_at"}


class Listed(Page, frozen=True, kw_only=True):
    """``state``: only those; ``gone``: also what is there no more."""

    state: Annotated[str, msgspec.Meta(max_length=20)] = ""
    gone: bool = False


class ListedBeside(Listed, frozen=True, kw_only=True):
    """``server_id``: only what this server has."""

    server_id: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Confirmed(msgspec.Struct, frozen=True):
    """``name``: typed by whoever means it."""

    name: str


async def found(desk: Desk, table: Table[Any], kind: type[T], asked: Listed, project_id: str) -> Found:
    where = [] if asked.gone else [Where("gone_at", "isnull", True)]
    for name in ("state", "server_id"):
        if value := getattr(asked, name, ""):
            where.append(Where(name, "eq", value))
    return await find(
        desk.needs.db, table, asked, sorts=SORTS, default="name", words="words", where=where, shown=lambda row: shown(kind, row),
        project_id=project_id,
    )  # fmt: skip


async def own(reader: Reader, table: Table[Any], project_id: str, object_id: str, *, gone: bool = False) -> Any:
    """``NotThere`` if the project has none such. ``gone``: also if it was there once."""
    row = await reader.get(table, id=object_id, project_id=project_id)
    if row is None or (getattr(row, "gone_at", None) is not None and not gone):
        raise NotThere("It is not there any more.")
    return row


def confirm(asked: Confirmed, name: str) -> None:
    if asked.name != name:
        raise Invalid("Please check what is marked below.", fields={"name": TYPE_ITS_NAME.format(name=name)})
