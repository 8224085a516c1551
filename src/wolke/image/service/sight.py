"""Which images somebody sees."""

from __future__ import annotations

from wolke.core.context import Context
from wolke.core.db import Related, Where
from wolke.image.model import Image
from wolke.image.store import MEMBERS

_FOR_ALL = ("public", "community")


def sees_all(ctx: Context) -> bool:
    return ctx.is_admin or "agent" in ctx.roles


def seen_by(ctx: Context, image: Image) -> bool:
    """Without what membership adds."""
    if sees_all(ctx) or image.visibility in _FOR_ALL:
        return True
    return image.owner is not None and image.owner == ctx.project_id


def in_default_list(ctx: Context, visibility: str | None, owner: str | None, member_status: str) -> list[Where]:
    """The conditions of a list: what is seen, less the community images of others unless they are asked for."""
    mine = [Where("owner", "eq", ctx.project_id)]
    shared = [Where("visibility", "eq", "shared"), Where("id", "within", _membership(ctx, member_status))]
    where: list[Where] = []
    if visibility not in (None, "all"):
        where.append(Where("visibility", "eq", visibility))
    if owner is not None:
        where.append(Where("owner", "eq", owner))
    if not sees_all(ctx):
        where.append(Where("", "any", [mine, shared, [Where("visibility", "in", list(_FOR_ALL))]]))
    if visibility is None and owner is None:
        where.append(Where("", "any", [mine, [Where("visibility", "ne", "community")]]))
    if visibility == "shared" and sees_all(ctx) and member_status != "accepted":
        where.append(Where("", "any", [mine, shared]))
    return where


def _membership(ctx: Context, status: str) -> Related:
    where = [Where("member_id", "eq", ctx.project_id or "")]
    if status != "all":
        where.append(Where("status", "eq", status))
    return Related(MEMBERS, "image_id", where)
