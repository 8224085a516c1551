"""A payment that was put to an invoice is a payment in the ledger, too: as a settlement it was missing from the customer's statement."""

from alembic import op

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.execute(
        "UPDATE business_entries SET kind = 'payment' WHERE kind = 'settlement' AND transaction_id IN "
        "(SELECT id FROM business_transactions WHERE key LIKE 'put:%' AND kind = 'settlement')"
    )
    op.execute("UPDATE business_transactions SET kind = 'payment' WHERE key LIKE 'put:%' AND kind = 'settlement'")
