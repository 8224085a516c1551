"""Who may do what to images. The agent of a host reads what it starts servers from and writes what it makes of them."""

from __future__ import annotations

from wolke.core.policy import Rule

_OWNER = "role:admin or (role:member and project_id:%(project_id)s)"
_SEEN = (
    "role:admin or role:agent or ({role} and (project_id:%(project_id)s or project_id:%(member_id)s "
    "or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s))"
)
_MEMBERSHIP = "role:admin or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))"
_P = ("project",)

RULES: tuple[Rule, ...] = (
    Rule("add_image", "role:admin or role:agent or (role:member and project_id:%(project_id)s)", "Create an image", _P),
    Rule("delete_image", _OWNER, "Delete an image", _P),
    Rule("get_image", _SEEN.format(role="role:reader"), "Show an image", _P),
    Rule("get_images", "role:admin or role:agent or (role:reader and project_id:%(project_id)s)", "List images", _P),
    Rule("modify_image", _OWNER, "Change an image", _P),
    Rule("publicize_image", "role:admin", "Make an image public", _P),
    Rule("communitize_image", _OWNER, "Make an image a community image", _P),
    Rule("download_image", _SEEN.format(role="role:member"), "Download the data of an image", _P),
    Rule("upload_image", _OWNER + " or role:agent", "Upload the data of an image", _P),
    Rule("get_member", _MEMBERSHIP, "Show a member of a shared image", _P),
    Rule("get_members", _MEMBERSHIP, "List the members of a shared image", _P),
    Rule("add_member", _OWNER, "Share an image with a project", _P),
    Rule("modify_member", "role:admin or (role:member and project_id:%(member_id)s)", "Accept or reject an image", _P),
    Rule("delete_member", _OWNER, "Stop sharing an image with a project", _P),
    Rule("deactivate", _OWNER, "Deactivate an image", _P),
    Rule("reactivate", _OWNER, "Reactivate an image", _P),
    Rule("schemas", "@", "Read the schemas and what the service can do"),
)
