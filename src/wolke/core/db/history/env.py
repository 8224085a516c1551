"""What Alembic runs: it is given an open connection and the history to run."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from wolke.core.records import METADATA

connection = context.config.attributes["connection"]
history = context.config.attributes["history"]
history.load()


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "table" or name is None or history.holds(name)


def include_object(one: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    return include_name(name, kind, None)


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Text is text by code point in both databases: the records' own type says so once."""
    return "TEXT" if kind == "type" and isinstance(item, sa.Text) else False


context.configure(
    connection=connection,
    render_item=render_item,
    target_metadata=METADATA,
    include_name=include_name,
    include_object=include_object,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
