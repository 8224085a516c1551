"""The Identity API: every route of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wolke.core import faults
from wolke.core.http import Api, Route
from wolke.core.policy import Policy
from wolke.identity import schema
from wolke.identity.api import (
    application_credentials,
    assignments,
    catalog,
    credentials,
    discovery,
    groups,
    policies,
    projects,
    roles,
    tokens,
    users,
)
from wolke.identity.policy import RULES
from wolke.identity.service import Identity

_TOKENS = (
    Route("GET", "/", discovery.versions, auth=False, status=300),
    Route("GET", "/v3", discovery.version, auth=False),
    Route("POST", "/v3/auth/tokens", tokens.create, auth=False, status=201, body=schema.LOGIN),
    Route("GET", "/v3/auth/tokens", tokens.show),
    Route("HEAD", "/v3/auth/tokens", tokens.show),
    Route("DELETE", "/v3/auth/tokens", tokens.delete, status=204),
    Route("POST", "/v3/ec2tokens", tokens.ec2, rule="identity:ec2tokens_validate", body=schema.LOGIN),
    Route("POST", "/v3/s3tokens", tokens.s3, rule="identity:s3tokens_validate", body=schema.LOGIN),
    Route("GET", "/v3/auth/catalog", tokens.catalog, rule="identity:get_auth_catalog"),
    Route("GET", "/v3/auth/projects", tokens.projects, rule="identity:get_auth_projects"),
    Route("GET", "/v3/auth/domains", tokens.domains, rule="identity:get_auth_domains"),
    Route("GET", "/v3/auth/system", tokens.system, rule="identity:get_auth_system"),
    Route("GET", "/v3/OS-FEDERATION/projects", tokens.projects, rule="identity:list_projects_for_user"),
    Route("GET", "/v3/OS-FEDERATION/domains", tokens.domains, rule="identity:list_domains_for_user"),
)

_USERS = (
    Route("GET", "/v3/users", users.index),
    Route("POST", "/v3/users", users.create, status=201, body=schema.CREATE_USER),
    Route("GET", "/v3/users/{user_id}", users.show),
    Route("PATCH", "/v3/users/{user_id}", users.update, body=schema.UPDATE_USER),
    Route("DELETE", "/v3/users/{user_id}", users.delete, status=204),
    Route("POST", "/v3/users/{user_id}/password", users.change_password, auth=False, status=204,
          body=schema.CHANGE_PASSWORD),
    Route("GET", "/v3/users/{user_id}/projects", users.projects),
    Route("GET", "/v3/users/{user_id}/groups", users.groups),
    Route("GET", "/v3/groups", groups.index),
    Route("POST", "/v3/groups", groups.create, status=201, body=schema.CREATE_GROUP),
    Route("GET", "/v3/groups/{group_id}", groups.show),
    Route("PATCH", "/v3/groups/{group_id}", groups.update, body=schema.UPDATE_GROUP),
    Route("DELETE", "/v3/groups/{group_id}", groups.delete, status=204),
    Route("GET", "/v3/groups/{group_id}/users", users.in_group),
    Route("GET", "/v3/groups/{group_id}/users/{user_id}", users.check_member, status=204),
    Route("PUT", "/v3/groups/{group_id}/users/{user_id}", users.add_member, status=204),
    Route("DELETE", "/v3/groups/{group_id}/users/{user_id}", users.remove_member, status=204),
)  # fmt: skip

_PROJECTS = (
    Route("GET", "/v3/projects", projects.index),
    Route("POST", "/v3/projects", projects.create, status=201, body=schema.CREATE_PROJECT),
    Route("GET", "/v3/projects/{project_id}", projects.show),
    Route("PATCH", "/v3/projects/{project_id}", projects.update, body=schema.UPDATE_PROJECT),
    Route("DELETE", "/v3/projects/{project_id}", projects.delete, status=204),
    Route("GET", "/v3/projects/{project_id}/tags", projects.tags),
    Route("PUT", "/v3/projects/{project_id}/tags", projects.set_tags, body=schema.TAGS_BODY),
    Route("DELETE", "/v3/projects/{project_id}/tags", projects.remove_tags, status=204),
    Route("GET", "/v3/projects/{project_id}/tags/{tag}", projects.check_tag, status=204),
    Route("PUT", "/v3/projects/{project_id}/tags/{tag}", projects.add_tag, status=201),
    Route("DELETE", "/v3/projects/{project_id}/tags/{tag}", projects.remove_tag, status=204),
    Route("GET", "/v3/domains", projects.domain_index),
    Route("POST", "/v3/domains", projects.domain_create, rule="identity:create_domain", status=201,
          body=schema.CREATE_DOMAIN),
    Route("GET", "/v3/domains/{domain_id}", projects.domain_show),
    Route("PATCH", "/v3/domains/{domain_id}", projects.domain_update, body=schema.UPDATE_DOMAIN),
    Route("DELETE", "/v3/domains/{domain_id}", projects.domain_delete, status=204),
)  # fmt: skip

_IMPLIES = "/v3/roles/{role_id}/implies"
_ROLES = (
    Route("GET", "/v3/roles", roles.index),
    Route("POST", "/v3/roles", roles.create, status=201, body=schema.CREATE_ROLE),
    Route("GET", "/v3/roles/{role_id}", roles.show),
    Route("PATCH", "/v3/roles/{role_id}", roles.update, body=schema.UPDATE_ROLE),
    Route("DELETE", "/v3/roles/{role_id}", roles.delete, status=204),
    Route("GET", "/v3/role_inferences", roles.inferences, rule="identity:list_role_inference_rules"),
    Route("GET", _IMPLIES, roles.implied_index, rule="identity:list_implied_roles"),
    Route("GET", f"{_IMPLIES}/{{implied_role_id}}", roles.implied_show, rule="identity:get_implied_role"),
    Route(
        "HEAD", f"{_IMPLIES}/{{implied_role_id}}", roles.implied_check, rule="identity:check_implied_role", status=204
    ),
    Route("PUT", f"{_IMPLIES}/{{implied_role_id}}", roles.imply, rule="identity:create_implied_role", status=201),
    Route(
        "DELETE",
        f"{_IMPLIES}/{{implied_role_id}}",
        roles.imply_no_more,
        rule="identity:delete_implied_role",
        status=204,
    ),
)


def _grants() -> Iterator[Route]:
    """Roles of users and groups on projects, domains and the system, and those that projects inherit."""
    for actor in ("users/{user_id}", "groups/{group_id}"):
        for target, inherits in (("projects/{project_id}", True), ("domains/{domain_id}", True), ("system", False)):
            places = [(f"/v3/{target}/{actor}/roles", "")]
            if inherits:
                places.append((f"/v3/OS-INHERIT/{target}/{actor}/roles", "/inherited_to_projects"))
            for path, end in places:
                yield Route("GET", f"{path}{end}", assignments.index)
                one = f"{path}/{{role_id}}{end}"
                yield Route("GET", one, assignments.check, status=204)
                yield Route("PUT", one, assignments.create, status=204)
                yield Route("DELETE", one, assignments.revoke, status=204)
    yield Route("GET", "/v3/role_assignments", assignments.role_assignments)


_CATALOG = (
    Route("GET", "/v3/regions", catalog.region_index, rule="identity:list_regions"),
    Route("POST", "/v3/regions", catalog.region_create, rule="identity:create_region", status=201,
          body=schema.CREATE_REGION),
    Route("GET", "/v3/regions/{region_id}", catalog.region_show, rule="identity:get_region"),
    Route("PUT", "/v3/regions/{region_id}", catalog.region_put, rule="identity:create_region", status=201,
          body=schema.CREATE_REGION),
    Route("PATCH", "/v3/regions/{region_id}", catalog.region_update, rule="identity:update_region",
          body=schema.UPDATE_REGION),
    Route("DELETE", "/v3/regions/{region_id}", catalog.region_delete, rule="identity:delete_region", status=204),
    Route("GET", "/v3/services", catalog.service_index, rule="identity:list_services"),
    Route("POST", "/v3/services", catalog.service_create, rule="identity:create_service", status=201,
          body=schema.CREATE_SERVICE),
    Route("GET", "/v3/services/{service_id}", catalog.service_show, rule="identity:get_service"),
    Route("PATCH", "/v3/services/{service_id}", catalog.service_update, rule="identity:update_service",
          body=schema.UPDATE_SERVICE),
    Route("DELETE", "/v3/services/{service_id}", catalog.service_delete, rule="identity:delete_service", status=204),
    Route("GET", "/v3/endpoints", catalog.endpoint_index, rule="identity:list_endpoints"),
    Route("POST", "/v3/endpoints", catalog.endpoint_create, rule="identity:create_endpoint", status=201,
          body=schema.CREATE_ENDPOINT),
    Route("GET", "/v3/endpoints/{endpoint_id}", catalog.endpoint_show, rule="identity:get_endpoint"),
    Route("PATCH", "/v3/endpoints/{endpoint_id}", catalog.endpoint_update, rule="identity:update_endpoint",
          body=schema.UPDATE_ENDPOINT),
    Route("DELETE", "/v3/endpoints/{endpoint_id}", catalog.endpoint_delete, rule="identity:delete_endpoint", status=204),
)  # fmt: skip

_OWN = "/v3/users/{user_id}"
_CREDENTIALS = (
    Route("GET", f"{_OWN}/application_credentials", application_credentials.index),
    Route("POST", f"{_OWN}/application_credentials", application_credentials.create, status=201,
          body=schema.CREATE_APPLICATION_CREDENTIAL),
    Route("GET", f"{_OWN}/application_credentials/{{credential_id}}", application_credentials.show),
    Route("DELETE", f"{_OWN}/application_credentials/{{credential_id}}", application_credentials.delete, status=204),
    Route("GET", f"{_OWN}/access_rules", application_credentials.access_rules),
    Route("GET", f"{_OWN}/access_rules/{{access_rule_id}}", application_credentials.access_rule),
    Route("DELETE", f"{_OWN}/access_rules/{{access_rule_id}}", application_credentials.access_rule, status=204),
    Route("GET", "/v3/credentials", credentials.index),
    Route("POST", "/v3/credentials", credentials.create, status=201, body=schema.CREATE_CREDENTIAL),
    Route("GET", "/v3/credentials/{credential_id}", credentials.show),
    Route("PATCH", "/v3/credentials/{credential_id}", credentials.update, body=schema.UPDATE_CREDENTIAL),
    Route("DELETE", "/v3/credentials/{credential_id}", credentials.delete, status=204),
    Route("GET", "/v3/policies", policies.index, rule="identity:list_policies"),
    Route("POST", "/v3/policies", policies.create, rule="identity:create_policy", status=201, body=schema.CREATE_POLICY),
    Route("GET", "/v3/policies/{policy_id}", policies.show, rule="identity:get_policy"),
    Route("PATCH", "/v3/policies/{policy_id}", policies.update, rule="identity:update_policy",
          body=schema.UPDATE_POLICY),
    Route("DELETE", "/v3/policies/{policy_id}", policies.delete, rule="identity:delete_policy", status=204),
    Route("GET", f"{_OWN}/credentials/OS-EC2", credentials.ec2_index),
    Route("POST", f"{_OWN}/credentials/OS-EC2", credentials.ec2_create, status=201, body=schema.CREATE_EC2),
    Route("GET", f"{_OWN}/credentials/OS-EC2/{{access}}", credentials.ec2_show),
    Route("DELETE", f"{_OWN}/credentials/OS-EC2/{{access}}", credentials.ec2_delete, status=204),
)  # fmt: skip

ROUTES: tuple[Route, ...] = (*_TOKENS, *_USERS, *_PROJECTS, *_ROLES, *_grants(), *_CATALOG, *_CREDENTIALS)


def build_api(service: Identity, overrides: Mapping[str, str] | None = None, *, prefix: str = "/identity") -> Api:
    return Api("identity", prefix, ROUTES, service, Policy(RULES, overrides), faults.keystone)
