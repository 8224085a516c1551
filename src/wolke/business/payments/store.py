"""Payments' tables."""

from __future__ import annotations

from wolke.business.payments.model import Payment, Put, Reminder
from wolke.core.db import Table

PAYMENTS = Table(
    "business_payments",
    Payment,
    unique=(("driver", "reference"),),
    indexes=(
        ("company_id", "paid_on", "id"), ("paid_on", "id"), ("created_at", "id"), ("waiting_minor", "paid_on"), ("account", "paid_on")
    ),
)  # fmt: skip
PUTS = Table(
    "business_payment_puts",
    Put,
    indexes=(("payment_id", "at", "id"), ("invoice_id", "at", "id"), ("company_id", "at", "id")),
)
REMINDERS = Table("business_reminders", Reminder)
