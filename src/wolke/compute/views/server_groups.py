"""Server groups as the wire shows them."""

from __future__ import annotations

from typing import Any

from wolke.compute.model import ServerGroup


def server_group(one: ServerGroup, members: list[str]) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "policy": one.policy,
        "rules": one.rules,
        "members": members,
        "project_id": one.project_id,
        "user_id": one.user_id,
    }
