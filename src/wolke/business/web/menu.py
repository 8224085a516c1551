"""What stands in the side navigation, in its order. A row is there for whoever may use the verb behind its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wolke.business.web.page import Ask


class Item(NamedTuple):
    path: str
    word: str
    icon: str
    verb: str


class Group(NamedTuple):
    word: str
    items: tuple[Item, ...]


CUSTOMER: tuple[Group, ...] = (
    Group("", (Item("/", "Overview", "home", "sessions.mine"),)),
    Group("Cloud", (
        Item("/servers", "Servers", "server", "servers.list"),
        Item("/disks", "Disks", "database", "disks.list"),
        Item("/addresses", "Addresses", "map-pin", "addresses.list"),
        Item("/firewall", "Network and firewall", "network", "firewall.list"),
        Item("/storage", "Files", "folder", "containers.list"),
        Item("/keys", "Keys", "key", "key_pairs.list"),
    )),
    Group("Money", (
        Item("/costs", "Costs", "chart-area-line", "costs.show"),
        Item("/requests", "Approvals", "list-check", "requests.list"),
        Item("/invoices", "Invoices", "file-invoice", "invoices.list"),
        Item("/statement", "Account", "building-bank", "statement.list"),
    )),
    Group("Company", (
        Item("/projects", "Projects and budgets", "wallet", "projects.list"),
        Item("/people", "People", "users", "members.list"),
        Item("/company", "Company", "building", "company.show"),
        Item("/api-keys", "Programs", "plug", "keys.list"),
        Item("/history", "History", "history", "audit.list"),
    )),
    Group("Help", (Item("/tickets", "Tickets", "lifebuoy", "tickets.list"),)),
)  # fmt: skip
PROVIDER: tuple[Group, ...] = (
    Group("", (Item("/provider", "Overview", "home", "sessions.mine"),)),
    Group("Customers", (
        Item("/provider/customers", "Customers", "users", "customers.list"),
        Item("/provider/tickets", "Tickets", "lifebuoy", "provider.tickets.list"),
    )),
    Group("Money", (
        Item("/provider/plans", "Catalogue and prices", "tag", "provider.plans.list"),
        Item("/provider/invoices", "Invoices", "file-invoice", "provider.invoices.list"),
        Item("/provider/payments", "Payments", "building-bank", "provider.payments.list"),
        Item("/provider/ledger", "Ledger", "report-money", "provider.ledger.list"),
    )),
    Group("Cloud", (Item("/provider/hosts", "Hosts", "server-cog", "fleet.show"),)),
    Group("House", (
        Item("/provider/staff", "Staff", "shield-lock", "staff.list"),
        Item("/provider/audit", "Audit log", "books", "audit.search"),
        Item("/provider/mails", "Mail", "mail", "mails.list"),
    )),
)  # fmt: skip


def groups(ask: Ask) -> list[Group]:
    """Of the place where this person is at work now."""
    table = PROVIDER if ask.who.company_id is None and ask.who.staff else CUSTOMER
    found = (Group(group.word, tuple(item for item in group.items if ask.may(item.verb))) for group in table)
    return [group for group in found if group.items]


def here(ask: Ask, path: str) -> bool:
    """Whether the page that is shown belongs to the item at ``path``."""
    shown = ask.request.path
    return shown == path or (path not in ("/", "/provider") and shown.startswith(f"{path}/"))
