"""What Alembic runs: it is given an open connection."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from wolke.core.records import METADATA
from wolke.migrations import tables

connection = context.config.attributes["connection"]
tables.load()


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Text is text by code point in both databases: the records' own type says so once."""
    return "TEXT" if kind == "type" and isinstance(item, sa.Text) else False


context.configure(
    connection=connection,
    render_item=render_item,
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
