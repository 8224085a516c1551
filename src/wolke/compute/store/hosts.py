"""Questions about hosts that span tables."""

from __future__ import annotations

import sqlalchemy as sa

from wolke.compute.store import SERVERS
from wolke.core.db import Query

_c = SERVERS.sql.c

#: (host, flavor as JSON, task, image, None if the root disk is a volume) of each server that is on a host.
FLAVORS_BY_HOST = Query(
    sa.select(_c.host, _c.flavor, _c.task, _c.image_id).where(_c.host.is_not(None), _c.deleted_at.is_(None))
)
