"""Who may: Placement is for administrators and for services; a project may read its own usage."""

from __future__ import annotations

from wolke.core.policy import Rule

_ADMIN = "role:admin or role:service"
_NOUNS = {
    "resource_providers": ("list", "create", "show", "update", "delete"),
    "resource_providers:inventories": ("list", "create", "show", "update", "delete"),
    "resource_providers:aggregates": ("list", "update"),
    "resource_providers:traits": ("list", "update", "delete"),
    "resource_providers:allocations": ("list",),
    "resource_classes": ("list", "create", "show", "update", "delete"),
    "traits": ("list", "show", "update", "delete"),
    "allocations": ("list", "manage", "update", "delete"),
    "allocation_candidates": ("list",),
    "reshaper": ("reshape",),
}

RULES: tuple[Rule, ...] = (
    *(
        Rule(
            f"placement:{noun}:{verb}",
            _ADMIN,
            f"{verb.capitalize()} {noun.replace(':', ' ').replace('_', ' ')}",
            ("project",),
        )
        for noun, verbs in _NOUNS.items()
        for verb in verbs
    ),
    Rule("placement:resource_providers:usages", _ADMIN, "Show the usages of a resource provider", ("project",)),
    Rule(
        "placement:usages",
        f"{_ADMIN} or (role:reader and project_id:%(project_id)s)",
        "Show the usages of a project",
        ("project",),
    ),
)
