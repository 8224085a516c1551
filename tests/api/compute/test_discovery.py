"""Where a client begins."""

from __future__ import annotations

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud


async def test_the_versions_are_listed_oldest_first_and_each_leads_somewhere(cloud: LifeCloud) -> None:
    client: AsgiClient = cloud.http.using("member", "/compute")
    versions = (await client.get("/")).json["versions"]
    assert [(one["id"], one["status"]) for one in versions] == [("v2.0", "SUPPORTED"), ("v2.1", "CURRENT")]
    assert (versions[0]["version"], versions[1]["min_version"]) == ("", "2.1")
    for one in versions:
        path = one["links"][0]["href"].partition("/compute")[2]
        assert (await client.get(path)).json["version"]["id"] == one["id"]
