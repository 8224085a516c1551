"""Metering's tables. Hours are inserted only; the sums of days are kept up in the same transaction, so that a bill over millions of hours
reads thousands of rows, and a page tens."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from wolke.business.metering.model import ProjectDay, Recorded, ResourceDay, UsageMonth
from wolke.core.db import Query, Table
from wolke.core.db.many import Many

USAGE = Table(
    "business_usage",
    Recorded,
    key=("resource_id", "window", "plan_id", "meter"),
    indexes=(("project_id", "plan_id", "window"),),
)
RESOURCE_DAYS = Table("business_usage_days", ResourceDay, key=("project_id", "plan_id", "day", "resource_id"))
PROJECT_DAYS = Table(
    "business_project_days",
    ProjectDay,
    key=("project_id", "day", "plan_id"),
    indexes=(("company_id", "day"), ("plan_id", "day")),
)
MONTHS = Table("business_usage_months", UsageMonth, key=("project_id", "month"), indexes=(("company_id", "month"),))

#: Gives back the keys of those that were not there yet.
RECORD = Many(USAGE, lambda rows: rows.on_conflict_do_nothing().returning(*(USAGE.sql.c[name] for name in USAGE.key)))


def _added(table: Table[Any], column: str, *others: str) -> Many:
    """Where a row is there already, ``column`` grows by what comes, and ``others`` are what came last."""

    def finish(rows: Any) -> Any:
        sums = {column: table.sql.c[column] + rows.excluded[column]} | {name: rows.excluded[name] for name in others}
        return rows.on_conflict_do_update(index_elements=list(table.key), set_=sums)

    return Many(table, finish)


ADD_RESOURCE_DAYS = _added(RESOURCE_DAYS, "nano", "resource_name")
ADD_PROJECT_DAYS = _added(PROJECT_DAYS, "nano")
ADD_MONTHS = _added(MONTHS, "count")

_u, _d, _p = USAGE.sql.c, RESOURCE_DAYS.sql.c, PROJECT_DAYS.sql.c


def _total(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(column), sa.BigInteger)


_whole = (
    _d.project_id == sa.bindparam("project"),
    _d.plan_id == sa.bindparam("plan"),
    _d.day >= sa.bindparam("first"),
    _d.day < sa.bindparam("last"),
)
_edge = (
    _u.project_id == sa.bindparam("project"),
    _u.plan_id == sa.bindparam("plan"),
    _u.window >= sa.bindparam("begins"),
    _u.window < sa.bindparam("ends"),
)
DAYS_BY_RESOURCE = Query(
    sa.select(_d.resource_id, sa.func.max(_d.resource_name), _total(_d.nano)).where(*_whole).group_by(_d.resource_id)
)
HOURS_BY_RESOURCE = Query(sa.select(_u.resource_id, _total(_u.nano)).where(*_edge).group_by(_u.resource_id))
SUM_OF_HOURS = Query(sa.select(sa.func.coalesce(_total(_u.nano), 0)).where(*_edge))
LAST_HOUR = Query(
    sa.select(sa.func.max(_u.window)).where(
        _u.project_id == sa.bindparam("project"), _u.plan_id == sa.bindparam("plan")
    )
)
NAMES = Query(
    sa.select(_d.resource_id, sa.func.max(_d.resource_name))
    .where(_d.project_id == sa.bindparam("project"), _d.plan_id == sa.bindparam("plan"))
    .where(_d.day >= sa.bindparam("first"), _d.day <= sa.bindparam("last"))
    .group_by(_d.resource_id)
)
PLAN_BY_PROJECT = Query(
    sa.select(_p.company_id, _p.project_id, _p.plan_id, _p.day, _p.nano)
    .where(_p.plan_id == sa.bindparam("plan"), _p.day >= sa.bindparam("first"), _p.day <= sa.bindparam("last"))
    .order_by(_p.company_id, _p.project_id, _p.day)
)
