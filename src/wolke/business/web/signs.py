"""How states look and what they are called: a colour never stands without its word."""

from __future__ import annotations

from typing import NamedTuple


class Sign(NamedTuple):
    """``tone``: good, quiet, busy, warn or bad."""

    tone: str
    word: str


#: By kind of thing and its state.
SIGNS: dict[str, dict[str, Sign]] = {
    "server": {
        "ordered": Sign("busy", "Being prepared"), "working": Sign("busy", "Working"), "running": Sign("good", "Running"),
        "stopped": Sign("quiet", "Stopped"), "failed": Sign("bad", "Failed"), "gone": Sign("quiet", "Deleted"),
    },
    "disk": {
        "ordered": Sign("busy", "Being prepared"), "working": Sign("busy", "Working"), "ready": Sign("quiet", "Free"),
        "used": Sign("good", "In use"), "failed": Sign("bad", "Failed"), "gone": Sign("quiet", "Deleted"),
    },
    "address": {
        "ordered": Sign("busy", "Being prepared"), "working": Sign("busy", "Working"), "ready": Sign("quiet", "Free"),
        "used": Sign("good", "In use"), "failed": Sign("bad", "Failed"), "gone": Sign("quiet", "Released"),
    },
    "snapshot": {
        "ordered": Sign("busy", "Being taken"), "working": Sign("busy", "Being taken"), "ready": Sign("good", "Ready"),
        "failed": Sign("bad", "Failed"), "gone": Sign("quiet", "Deleted"),
    },
    "rule": {
        "ordered": Sign("busy", "Taking effect"), "ready": Sign("good", "In effect"), "leaving": Sign("busy", "Ending"),
        "failed": Sign("bad", "Failed"),
    },
    "project": {
        "preparing": Sign("busy", "Being prepared"), "ready": Sign("good", "Ready"), "failed": Sign("bad", "Failed"),
        "closed": Sign("quiet", "Closed"),
    },
    "company": {"open": Sign("good", "Open"), "suspended": Sign("bad", "Suspended"), "closed": Sign("quiet", "Closed")},
    "ticket": {
        "new": Sign("busy", "New"), "open": Sign("busy", "In work"), "waiting": Sign("warn", "Your answer is awaited"),
        "solved": Sign("good", "Solved"), "closed": Sign("quiet", "Closed"),
    },
    "priority": {
        "low": Sign("quiet", "Low"), "normal": Sign("quiet", "Normal"), "high": Sign("warn", "High"), "urgent": Sign("bad", "Urgent"),
    },
    "request": {
        "open": Sign("warn", "Awaits a decision"), "approved": Sign("good", "Approved"), "refused": Sign("bad", "Refused"),
        "failed": Sign("bad", "Failed"),
    },
    "invoice": {
        "draft": Sign("quiet", "Draft"), "open": Sign("busy", "Open"), "overdue": Sign("bad", "Overdue"), "settled": Sign("good", "Paid"),
        "cancelled": Sign("quiet", "Cancelled"),
    },
    "action": {"wished": Sign("busy", "Under way"), "done": Sign("good", "Done"), "failed": Sign("bad", "Failed")},
    "host": {"up": Sign("good", "Up"), "down": Sign("bad", "Down")},
    "mail": {"waiting": Sign("busy", "Waiting"), "sent": Sign("good", "Sent"), "given up": Sign("bad", "Given up")},
    "plan": {"offered": Sign("good", "Offered"), "withdrawn": Sign("quiet", "Withdrawn")},
}  # fmt: skip

#: The ledger's transactions by kind, and its accounts.
KINDS = {
    "invoice": "Invoice", "credit-note": "Credit note", "payment": "Payment", "refund": "Paid back", "prepayment": "Paid in advance",
    "settlement": "Credit used", "surplus": "Became credit", "write-off": "Written off",
}  # fmt: skip
ACCOUNTS = {
    "bank": "Bank", "waiting": "Payments that wait", "revenue": "Revenue", "written-off": "Written off", "vat": "Value added tax",
    "receivable": "Owed by customers", "prepaid": "Customers' credit",
}  # fmt: skip
#: Why a payment may be for an invoice.
WHY = {"number": "its number is in the text", "payer": "the payer paid for them before", "amount": "it is just so much"}
#: What an invoice was paid with.
PAID_WITH = {"payment": "Payment", "credit": "From credit", "write-off": "Written off"}
MODELS = {"per-unit": "per unit", "flat": "flat a month", "graduated": "graduated"}

#: Roles as people say them, and what each is for.
ROLES = {
    "owner": ("Owner", "May do everything, also about people and the company."),
    "buyer": ("Buyer", "Orders servers, disks and addresses within the budget."),
    "approver": ("Approver", "Decides on orders that go beyond a budget."),
    "technician": ("Technician", "Runs what is there: starts, stops, networks, files."),
    "accountant": ("Accountant", "Sees invoices and costs, and pays."),
}
STAFF = {"administrator": "Administrator", "support": "Support"}
STAFF_FOR = {
    "administrator": "May do everything that support may, and sets prices, hosts, staff and money.",
    "support": "Answers tickets, looks after customers and their limits, and sees how the cloud goes.",
}


def sign(kind: str, state: str) -> Sign:
    """A state without a row is shown as it is."""
    return SIGNS.get(kind, {}).get(state) or Sign("quiet", state)
