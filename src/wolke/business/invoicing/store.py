"""Invoicing's tables."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from wolke.business.invoicing import model
from wolke.business.metering.store import MONTHS
from wolke.core.db import Query, Table
from wolke.core.db.many import Many


class Series(msgspec.Struct, frozen=True):
    """The last number given in a year, of invoices or credit notes."""

    name: str
    year: int
    last: int


INVOICES = Table(
    "business_invoices",
    model.Invoice,
    unique=(("number",),),
    indexes=(
        ("company_id", "created_at", "id"),
        ("company_id", "state"),
        ("created_at", "id", "words"),
        ("state", "created_at", "id"),
        ("state", "unpaid_due_on", "created_at", "id"),
        ("month", "created_at", "id"),
        ("due_on", "id"),
        ("open_minor", "id"),
        ("total_minor", "id"),
        ("company_name", "id"),
        ("run_id", "id"),
    ),
    sparse=(("unpaid_due_on", "id"),),
)
LINES = Table(
    "business_lines",
    model.Line,
    indexes=(("invoice_id", "position", "id"), ("project_id", "month"), ("company_id", "month")),
)
LINE_USES = Table(
    "business_line_uses",
    model.LineUse,
    indexes=(("line_id", "nano", "id"), ("line_id", "resource_name", "id")),
)
ADD_USES = Many(LINE_USES)
CREDIT_NOTES = Table(
    "business_credit_notes",
    model.CreditNote,
    unique=(("number",),),
    indexes=(("company_id", "issued_at", "id"), ("issued_at", "id"), ("invoice_id", "issued_at")),
)
CREDIT_LINES = Table(
    "business_credit_lines",
    model.CreditLine,
    indexes=(("credit_note_id", "position", "id"), ("line_id",)),
)
SETTLED = Table("business_settled_months", model.SettledMonth, key=("project_id", "month"))
SERIES = Table("business_series", Series, key=("name", "year"))
RUNS = Table("business_runs", model.Run, indexes=(("created_at", "id"), ("month", "created_at"), ("ended_at",)))

_i, _l, _u, _m, _s = INVOICES.sql.c, LINES.sql.c, LINE_USES.sql.c, MONTHS.sql.c, SETTLED.sql.c
_lines_issued = LINES.sql.join(INVOICES.sql, _i.id == _l.invoice_id)
_issued = _i.state == model.ISSUED

#: What issued invoices, but for cancelled ones, say of a project's month.
BILLED = Query(
    sa.select(_l.plan_id, _l.price_id, _l.quantity, _l.net_minor)
    .select_from(_lines_issued)
    .where(_l.project_id == sa.bindparam("project"), _l.month == sa.bindparam("month"), _issued)
)
#: How a company's month has been billed so far: what is found later in it is billed alike.
TERMS = Query(
    sa.select(_l.discount_percent, _l.tax_category, _l.tax_country, _l.tax_percent)
    .select_from(_lines_issued)
    .where(_l.company_id == sa.bindparam("company"), _l.month == sa.bindparam("month"), _issued)
    .limit(1)
)
BILLED_USES = Query(
    sa.select(_u.resource_id, sa.cast(sa.func.sum(_u.nano), sa.BigInteger))
    .select_from(_lines_issued.join(LINE_USES.sql, _u.line_id == _l.id))
    .where(_l.project_id == sa.bindparam("project"), _l.month == sa.bindparam("month"), _issued)
    .where(_l.plan_id == sa.bindparam("plan"), _l.price_id == sa.bindparam("price"))
    .group_by(_u.resource_id)
)
_unsettled = MONTHS.sql.outerjoin(SETTLED.sql, sa.and_(_s.project_id == _m.project_id, _s.month == _m.month))
_more = sa.or_(_s.count.is_(None), _s.count != _m.count)
#: Months of a company's projects in which there is usage that nobody has looked at yet.
UNSETTLED = Query(
    sa.select(_m.project_id, _m.month, _m.count)
    .select_from(_unsettled)
    .where(_m.company_id == sa.bindparam("company"), _m.month <= sa.bindparam("month"), _more)
    .order_by(_m.month, _m.project_id)
)
COMPANIES_WITH_MORE = Query(
    sa.select(_m.company_id)
    .select_from(_unsettled)
    .where(_m.month <= sa.bindparam("month"), _m.company_id > sa.bindparam("after"), _more)
    .group_by(_m.company_id)
    .order_by(_m.company_id)
    .limit(sa.bindparam("most"))
)
DELETE_USES = Query(
    sa.delete(LINE_USES.sql).where(_u.line_id.in_(sa.select(_l.id).where(_l.invoice_id == sa.bindparam("invoice"))))
)
CREDITED = Query(
    sa.select(CREDIT_LINES.sql.c.line_id, sa.cast(sa.func.sum(CREDIT_LINES.sql.c.net_minor), sa.BigInteger))
    .select_from(CREDIT_LINES.sql.join(LINES.sql, _l.id == CREDIT_LINES.sql.c.line_id))
    .where(_l.invoice_id == sa.bindparam("invoice"))
    .group_by(CREDIT_LINES.sql.c.line_id)
)
