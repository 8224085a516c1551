"""Identity's rules under their upstream names: the cloud's admin, the system's reader, a domain's manager and reader, oneself.

Targets are flat: ``target.user.domain_id`` is one key. A rule whose target is one resource is asked by the handler, which
has it in hand; one that is not there is asked as a resource of nobody, so that only who may see all learns that it is missing.
"""

from __future__ import annotations

from wolke.core.policy import Rule

_ALL = ("system", "domain", "project")
_ADMIN = "rule:admin_required"
_READER = f"{_ADMIN} or (role:reader and system_scope:all)"


def _domain_reader(key: str) -> str:
    return f"{_READER} or (role:reader and domain_id:%({key})s)"


def _domain_manager(key: str) -> str:
    return f"{_ADMIN} or (role:manager and domain_id:%({key})s)"


def _crud(noun: str, plural: str, read: str, write: str) -> tuple[Rule, ...]:
    """The five rules of a noun that only differ in reading and writing."""
    return (
        Rule(f"identity:get_{noun}", read, f"Show one {noun}.", _ALL),
        Rule(f"identity:list_{plural}", read, f"List {plural}.", _ALL),
        Rule(f"identity:create_{noun}", write, f"Create a {noun}.", _ALL),
        Rule(f"identity:update_{noun}", write, f"Change a {noun}.", _ALL),
        Rule(f"identity:delete_{noun}", write, f"Delete a {noun}.", _ALL),
    )


_BASE = (
    Rule("admin_required", "role:admin"),
    Rule("service_role", "role:service"),
    Rule("owner", "user_id:%(user_id)s"),
    Rule("admin_or_owner", "rule:admin_required or rule:owner"),
    Rule("token_subject", "user_id:%(target.token.user_id)s"),
    Rule("admin_or_token_subject", "rule:admin_required or rule:token_subject"),
    Rule("domain_managed_target_role", "'manager':%(target.role.name)s or 'member':%(target.role.name)s or "
                                       "'reader':%(target.role.name)s"),
)  # fmt: skip

_TOKENS = (
    Rule("identity:validate_token", f"{_READER} or rule:service_role or rule:token_subject", "Validate a token.", _ALL),
    Rule("identity:check_token", f"{_READER} or rule:token_subject", "Check a token.", _ALL),
    Rule("identity:revoke_token", "rule:admin_or_token_subject", "End a token.", _ALL),
    Rule(
        "identity:ec2tokens_validate", f"{_ADMIN} or rule:service_role", "A token for who signed an EC2 request.", _ALL
    ),
    Rule("identity:s3tokens_validate", f"{_ADMIN} or rule:service_role", "A token for who signed an S3 request.", _ALL),
    Rule("identity:get_auth_catalog", "", "The catalog of one's own token."),
    Rule("identity:get_auth_projects", "", "The projects one may have a token for."),
    Rule("identity:get_auth_domains", "", "The domains one may have a token for."),
    Rule("identity:get_auth_system", "", "Whether one may have a token for the system."),
)

_SELF = "user_id:%(target.user.id)s"
_USERS = (
    Rule("identity:get_user", f"{_domain_reader('target.user.domain_id')} or {_SELF}", "Show one user.", _ALL),
    Rule("identity:list_users", _domain_reader("target.domain_id"), "List users.", _ALL),
    Rule("identity:create_user", _domain_manager("target.user.domain_id"), "Create a user.", _ALL),
    Rule("identity:update_user", _domain_manager("target.user.domain_id"), "Change a user.", _ALL),
    Rule("identity:delete_user", _domain_manager("target.user.domain_id"), "Delete a user.", _ALL),
    Rule(
        "identity:list_user_projects",
        f"{_domain_reader('target.user.domain_id')} or {_SELF}",
        "A user's projects.",
        _ALL,
    ),
    Rule("identity:list_projects_for_user", "", "One's own projects."),
    Rule("identity:list_domains_for_user", "", "One's own domains."),
)

_GROUPS = (
    Rule("identity:get_group", _domain_reader("target.group.domain_id"), "Show one group.", _ALL),
    Rule("identity:list_groups", _domain_reader("target.domain_id"), "List groups.", _ALL),
    Rule("identity:list_groups_for_user", f"{_domain_reader('target.user.domain_id')} or {_SELF}", "A user's groups.", _ALL),
    Rule("identity:create_group", _domain_manager("target.group.domain_id"), "Create a group.", _ALL),
    Rule("identity:update_group", _domain_manager("target.group.domain_id"), "Change a group.", _ALL),
    Rule("identity:delete_group", _domain_manager("target.group.domain_id"), "Delete a group.", _ALL),
    Rule("identity:list_users_in_group", _domain_reader("target.group.domain_id"), "The users of a group.", _ALL),
    *(
        Rule(name, f"{base} or (role:{who} and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)",
             words, _ALL)
        for name, base, who, words in (
            ("identity:check_user_in_group", _READER, "reader", "Whether a user is in a group."),
            ("identity:add_user_to_group", _ADMIN, "manager", "Put a user into a group."),
            ("identity:remove_user_from_group", _ADMIN, "manager", "Take a user out of a group."),
        )
    ),
)  # fmt: skip

_OWN_PROJECT = "project_id:%(target.project.id)s"
_PROJECT_READ = f"{_domain_reader('target.project.domain_id')} or {_OWN_PROJECT}"
_PROJECT_WRITE = _domain_manager("target.project.domain_id")
_TAG_WRITE = f"{_PROJECT_WRITE} or (role:admin and {_OWN_PROJECT})"
_PROJECTS = (
    Rule("identity:get_project", _PROJECT_READ, "Show one project.", _ALL),
    Rule("identity:list_projects", _domain_reader("target.domain_id"), "List projects.", _ALL),
    Rule("identity:create_project", _PROJECT_WRITE, "Create a project.", _ALL),
    Rule("identity:update_project", _PROJECT_WRITE, "Change a project.", _ALL),
    Rule("identity:delete_project", _PROJECT_WRITE, "Delete a project.", _ALL),
    Rule("identity:list_project_tags", _PROJECT_READ, "The tags of a project.", _ALL),
    Rule("identity:get_project_tag", _PROJECT_READ, "Whether a project has a tag.", _ALL),
    Rule("identity:update_project_tags", _TAG_WRITE, "Replace a project's tags.", _ALL),
    Rule("identity:create_project_tag", _TAG_WRITE, "Add a tag to a project.", _ALL),
    Rule("identity:delete_project_tags", _TAG_WRITE, "Remove a project's tags.", _ALL),
    Rule("identity:delete_project_tag", _TAG_WRITE, "Remove a tag from a project.", _ALL),
    Rule("identity:get_domain", f"{_READER} or domain_id:%(target.domain.id)s or "
         "project_domain_id:%(target.domain.id)s", "Show one domain.", _ALL),
    Rule("identity:list_domains", f"{_READER} or (role:reader and domain_id:%(target.domain_id)s)", "List domains.", _ALL),
    Rule("identity:create_domain", _ADMIN, "Create a domain.", _ALL),
    Rule("identity:update_domain", _ADMIN, "Change a domain.", _ALL),
    Rule("identity:delete_domain", _ADMIN, "Delete a domain.", _ALL),
)  # fmt: skip

_ROLE_READ = f"{_READER} or (role:manager and domain_id:%(target.domain_id)s)"
_ROLES = (
    *_crud("role", "roles", _ROLE_READ, _ADMIN),
    *_crud("domain_role", "domain_roles", _READER, _ADMIN),
    Rule("identity:get_implied_role", _READER, "Show what a role implies.", _ALL),
    Rule("identity:list_implied_roles", _READER, "List what a role implies.", _ALL),
    Rule("identity:check_implied_role", _READER, "Whether a role implies another.", _ALL),
    Rule("identity:list_role_inference_rules", _READER, "List what all roles imply.", _ALL),
    Rule("identity:create_implied_role", _ADMIN, "Let a role imply another.", _ALL),
    Rule("identity:delete_implied_role", _ADMIN, "Let a role imply another no more.", _ALL),
)

_ACTOR_HERE = "(domain_id:%(target.user.domain_id)s or domain_id:%(target.group.domain_id)s)"
_TARGET_HERE = "(domain_id:%(target.project.domain_id)s or domain_id:%(target.domain.id)s)"
_GRANT_READ = f"{_READER} or (role:reader and {_ACTOR_HERE} and {_TARGET_HERE})"
_GRANT_WRITE = f"{_ADMIN} or (role:manager and {_ACTOR_HERE} and {_TARGET_HERE} and rule:domain_managed_target_role)"
_GRANTS = (
    Rule("identity:check_grant", _GRANT_READ, "Whether there is a grant.", _ALL),
    Rule("identity:list_grants", _GRANT_READ, "The roles of somebody somewhere.", _ALL),
    Rule("identity:create_grant", _GRANT_WRITE, "Grant a role.", _ALL),
    Rule("identity:revoke_grant", _GRANT_WRITE, "Take a grant back.", _ALL),
    *(
        Rule(f"identity:{verb}_for_{who}", check, f"The system roles of a {who}.", _ALL)
        for who in ("user", "group")
        for verb, check in (
            ("list_system_grants", _READER),
            ("check_system_grant", _READER),
            ("create_system_grant", _ADMIN),
            ("revoke_system_grant", _ADMIN),
        )
    ),
    Rule("identity:list_role_assignments", _domain_reader("target.domain_id"), "List role assignments.", _ALL),
    Rule("identity:list_role_assignments_for_tree", f"{_domain_reader('target.project.domain_id')} or "
         "(role:admin and project_id:%(target.project.id)s)", "List role assignments of a project and below.", _ALL),
)  # fmt: skip

_CATALOG = (
    *_crud("region", "regions", "", _ADMIN),
    *_crud("service", "services", _READER, _ADMIN),
    *_crud("policy", "policies", _READER, _ADMIN),
    *_crud("endpoint", "endpoints", _READER, _ADMIN),
)

_MINE = "user_id:%(target.user.id)s"
_CREDENTIAL = "user_id:%(target.credential.user_id)s"
_CREDENTIALS = (
    Rule("identity:get_application_credential", f"{_READER} or {_MINE}", "Show an application credential.", _ALL),
    Rule("identity:list_application_credentials", f"{_READER} or {_MINE}", "List application credentials.", _ALL),
    Rule("identity:create_application_credential", _MINE, "Create an application credential.", _ALL),
    Rule("identity:delete_application_credential", f"{_ADMIN} or {_MINE}", "Delete an application credential.", _ALL),
    Rule("identity:get_access_rule", f"{_READER} or {_MINE}", "Show an access rule.", _ALL),
    Rule("identity:list_access_rules", f"{_READER} or {_MINE}", "List access rules.", _ALL),
    Rule("identity:delete_access_rule", f"{_ADMIN} or {_MINE}", "Delete an access rule.", _ALL),
    *_crud("credential", "credentials", f"{_READER} or {_CREDENTIAL}", f"{_ADMIN} or {_CREDENTIAL}"),
    Rule("identity:ec2_get_credential", f"{_READER} or {_CREDENTIAL}", "Show an EC2 key pair.", _ALL),
    Rule("identity:ec2_list_credentials", f"{_READER} or {_MINE}", "List EC2 key pairs.", _ALL),
    Rule("identity:ec2_create_credential", f"{_ADMIN} or {_MINE}", "Create an EC2 key pair.", _ALL),
    Rule("identity:ec2_delete_credential", f"{_ADMIN} or {_CREDENTIAL}", "Delete an EC2 key pair.", _ALL),
)

RULES: tuple[Rule, ...] = (
    *_BASE, *_TOKENS, *_USERS, *_GROUPS, *_PROJECTS, *_ROLES, *_GRANTS, *_CATALOG, *_CREDENTIALS,
)  # fmt: skip
