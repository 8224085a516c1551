"""Links to resources, as Cinder builds them."""

from __future__ import annotations

from wolke.core.context import Context

Links = list[dict[str, str]]


def links(base: str, ctx: Context, noun: str, one_id: str) -> Links:
    """``base``: where this API begins, without the version."""
    project = ctx.project_id or ""
    return [
        {"rel": "self", "href": f"{base}/v3/{project}/{noun}/{one_id}"},
        {"rel": "bookmark", "href": f"{base}/{project}/{noun}/{one_id}"},
    ]
