from __future__ import annotations

from tests.api.checking.street import Street
from tests.checked_cloud import check, wrongs
from wolke.inspection import TABLE


async def test_a_cloud_in_which_all_is_well_is_clean(street: Street) -> None:
    assert await wrongs(street.cloud) == []
    assert (await check(street.cloud)).silent == []
    assert (await check(street.cloud)).checks == sum(len(checks) for checks in TABLE.values())
