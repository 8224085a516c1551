"""Parts of the cloud that act as users of its project ``service``."""

from __future__ import annotations

from typing import Any


async def test_a_part_of_the_cloud_gets_tokens_and_nobody_else_can_be_it(cloud: Any) -> None:
    token, project_id = await cloud.identity.service_token("image")
    ctx = await cloud.identity.authenticate(token)
    assert (ctx.user_name, ctx.project_name, ctx.project_id) == ("image", "service", project_id)
    assert ctx.roles == {"member", "reader"}
    for password in ("", "image", "None"):
        assert (await cloud.login("image", password or " ", cloud.on("service"))).status == 401
    again, _ = await cloud.identity.service_token("image")
    assert (await cloud.identity.authenticate(again)).user_id == ctx.user_id
