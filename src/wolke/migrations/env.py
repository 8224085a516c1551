"""What Alembic runs: it is given an open connection."""

from alembic import context

from wolke.core.records import METADATA
from wolke.migrations import tables

connection = context.config.attributes["connection"]
tables.load()
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
