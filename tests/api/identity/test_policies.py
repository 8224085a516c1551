"""Policy documents of other programs."""

from __future__ import annotations

from typing import Any


async def test_a_policy_document_is_kept_changed_and_deleted(cloud: Any) -> None:
    admin = await cloud.as_admin()
    made = (await admin.post("/v3/policies", {"policy": {"blob": "{}", "type": "application/json", "note": "x"}})).json[
        "policy"
    ]
    assert made["blob"] == "{}" and made["note"] == "x"
    path = f"/v3/policies/{made['id']}"
    assert (await admin.get(path)).json["policy"] == made
    changed = (await admin.patch(path, {"policy": {"type": "text/plain"}})).json["policy"]
    assert changed == made | {"type": "text/plain"}
    assert (await admin.get("/v3/policies?type=text/plain")).json["policies"] == [changed]
    assert (await admin.get("/v3/policies?type=other")).json["policies"] == []
    assert (await admin.delete(path)).status == 204
    assert [(await admin.get(path)).status, (await admin.delete(path)).status] == [404, 404]
    assert (await admin.patch(path, {"policy": {"type": "x"}})).status == 404


async def test_policy_documents_are_for_administrators(cloud: Any) -> None:
    member = await cloud.as_demo()
    assert (await member.get("/v3/policies")).status == 403
    assert (await member.post("/v3/policies", {"policy": {"blob": "{}", "type": "x"}})).status == 403
    admin = await cloud.as_admin()
    assert (await admin.post("/v3/policies", {"policy": {"blob": "{}"}})).status == 400
