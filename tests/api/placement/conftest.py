"""Placement, and an administrator who speaks its newest version."""

from __future__ import annotations

from typing import Any

import pytest

from wolke.core import ids
from wolke.core.clock import Clock
from wolke.core.db import Database
from wolke.core.http import Application
from wolke.placement.api import build_api
from wolke.placement.service import Placement


class Talk:
    """``talk.get(…)`` is the administrator at 1.39; ``talk.at("1.10")`` an older client."""

    def __init__(self, service: Placement, client: Any) -> None:
        self.service = service
        self.client = client
        self.admin = client.using("admin", openstack_api_version="placement 1.39")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.admin, name)

    def at(self, version: str, who: str = "admin") -> Any:
        return self.client.using(who, openstack_api_version=f"placement {version}")

    async def provider(self, name: str, inventories: dict[str, Any] | None = None, **more: Any) -> str:
        """A provider's UUID. ``inventories``: class → total or fields; ``traits``, ``aggregates``, ``parent``."""
        body = {"name": name, "uuid": ids.uuid()}
        if "parent" in more:
            body["parent_provider_uuid"] = more["parent"]
        uuid = (await self.post("/resource_providers", body)).json["uuid"]
        path = f"/resource_providers/{uuid}"
        generation = 0
        wanted = {k: v if isinstance(v, dict) else {"total": v} for k, v in (inventories or {}).items()}
        for noun, value in (
            ("inventories", wanted),
            ("traits", more.get("traits")),
            ("aggregates", more.get("aggregates")),
        ):
            if value:
                answer = await self.put(f"{path}/{noun}", {"resource_provider_generation": generation, noun: value})
                assert answer.status == 200, answer.body
                generation = answer.json["resource_provider_generation"]
        return uuid

    async def allocate(self, consumer: str, *, generation: int | None = None, **wanted: Any) -> Any:
        """``wanted``: ``allocations={provider: {class: amount}}``."""
        allocations = {uuid: {"resources": amounts} for uuid, amounts in wanted["allocations"].items()}
        body = {
            "allocations": allocations, "project_id": "p", "user_id": "u", "consumer_generation": generation,
            "consumer_type": "INSTANCE",
        }  # fmt: skip
        return await self.put(f"/allocations/{consumer}", body)

    async def used(self, provider: str) -> dict[str, int]:
        return (await self.get(f"/resource_providers/{provider}/usages")).json["usages"]


@pytest.fixture
def talk(database: Database, asgi_client: Any, stand_in: Any) -> Talk:
    service = Placement(database, Clock())
    return Talk(service, asgi_client(Application([build_api(service)], stand_in), "/placement"))
