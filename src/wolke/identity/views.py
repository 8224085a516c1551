"""Identity's records as its clients see them. ``base`` is where the API begins, for links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wolke.identity.model import (
    GROUP,
    PROJECT,
    SYSTEM,
    ApplicationCredential,
    Assignment,
    Credential,
    Endpoint,
    Group,
    PolicyBlob,
    Project,
    Region,
    Role,
    Service,
    Token,
    User,
)

Wire = dict[str, Any]

_PLACEHOLDER = re.compile(r"[$%]\(([a-z_]+)\)s")
PLACEHOLDERS = frozenset({"public_url", "project_id", "tenant_id", "user_id"})


def _self(base: str, path: str) -> Wire:
    return {"self": f"{base}/v3/{path}"}


# ------------------------------------------------------------------------------------------------------------- tokens


def token(token: Token) -> Wire:
    user, credential = token.user, token.application_credential
    wire: Wire = {
        "methods": list(token.methods),
        "user": {
            "id": user.id,
            "name": user.name,
            "domain": {"id": token.user_domain.id, "name": token.user_domain.name},
            "password_expires_at": None,
        },
        "audit_ids": list(token.audit_ids),
        "expires_at": token.expires_at,
        "issued_at": token.issued_at,
    }
    if token.project is not None and token.domain is not None:
        home = {"id": token.domain.id, "name": token.domain.name}
        wire["project"] = {"id": token.project.id, "name": token.project.name, "domain": home}
        wire["is_domain"] = False
    elif token.domain is not None:
        wire["domain"] = {"id": token.domain.id, "name": token.domain.name}
    elif token.scope.system:
        wire["system"] = {"all": True}
    if token.roles:
        wire["roles"] = [{"id": role.id, "name": role.name} for role in token.roles]
    if credential is not None:
        restricted = not credential.unrestricted
        wire["application_credential"] = {"id": credential.id, "name": credential.name, "restricted": restricted}
    return wire


def catalog(services: Iterable[tuple[Service, Sequence[Endpoint]]], values: Mapping[str, str]) -> list[Wire]:
    """Endpoints that ask for a value which the token has not (a project, say) are left out."""
    shown = []
    for one, endpoints in services:
        urls = [(e, fill(e.url, values)) for e in endpoints]
        places = [
            {"id": e.id, "interface": e.interface, "region": e.region_id, "region_id": e.region_id, "url": url}
            for e, url in urls
            if url is not None
        ]
        shown.append({"id": one.id, "type": one.type, "name": one.name, "endpoints": places})
    return shown


def fill(url: str, values: Mapping[str, str]) -> str | None:
    """A URL with its placeholders filled in; None if one has no value."""
    if not set(_PLACEHOLDER.findall(url)) <= set(values):
        return None
    return _PLACEHOLDER.sub(lambda match: values[match[1]], url)


def unknown_placeholders(url: str) -> list[str]:
    return sorted(set(re.findall(r"[$%]\(([^)]*)\)?", url)) - PLACEHOLDERS)


# -------------------------------------------------------------------------------------------------- people and places


def project(one: Project, base: str) -> Wire:
    """A project; a domain seen as a project says so."""
    return {
        **one.extra,
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "domain_id": one.domain_id or None,
        "parent_id": one.parent_id,
        "is_domain": one.is_domain,
        "enabled": one.enabled,
        "tags": one.tags,
        "options": one.options,
        "links": _self(base, f"projects/{one.id}"),
    }


def domain(one: Project, base: str) -> Wire:
    return {
        **one.extra,
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "enabled": one.enabled,
        "tags": one.tags,
        "options": one.options,
        "links": _self(base, f"domains/{one.id}"),
    }


def user(one: User, base: str) -> Wire:
    wire: Wire = {
        **one.extra,
        "id": one.id,
        "name": one.name,
        "domain_id": one.domain_id,
        "enabled": one.enabled,
        "password_expires_at": None,
        "options": one.options,
        "links": _self(base, f"users/{one.id}"),
    }
    if one.default_project_id is not None:
        wire["default_project_id"] = one.default_project_id
    return wire


def group(one: Group, base: str) -> Wire:
    return {
        **one.extra,
        "id": one.id,
        "name": one.name,
        "domain_id": one.domain_id,
        "description": one.description,
        "links": _self(base, f"groups/{one.id}"),
    }


# -------------------------------------------------------------------------------------------------------------- roles


def role(one: Role, base: str) -> Wire:
    return {
        **one.extra,
        "id": one.id,
        "name": one.name,
        "domain_id": one.domain_id or None,
        "description": one.description,
        "options": one.options,
        "links": _self(base, f"roles/{one.id}"),
    }


def _role_reference(one: Role, base: str) -> Wire:
    return {"id": one.id, "name": one.name, "links": _self(base, f"roles/{one.id}")}


def inference(prior: Role, implied: Role, base: str) -> Wire:
    return {
        "role_inference": {"prior_role": _role_reference(prior, base), "implies": _role_reference(implied, base)},
        "links": _self(base, f"roles/{prior.id}/implies/{implied.id}"),
    }


def inferences(prior: Role, implied: Iterable[Role], base: str) -> Wire:
    return {"prior_role": _role_reference(prior, base), "implies": [_role_reference(one, base) for one in implied]}


def assignment_path(one: Assignment) -> str:
    """Where a grant is made and taken back."""
    actor = ("groups/" if one.actor_kind == GROUP else "users/") + one.actor_id
    if one.target_kind == SYSTEM:
        return f"system/{actor}/roles/{one.role_id}"
    target = f"{one.target_kind}s/{one.target_id}"
    if one.inherited:
        return f"OS-INHERIT/{target}/{actor}/roles/{one.role_id}/inherited_to_projects"
    return f"{target}/{actor}/roles/{one.role_id}"


def assignment(one: Assignment, base: str, names: Mapping[str, Wire] | None = None) -> Wire:
    """``names``: what ``include_names`` adds, by id."""
    named = names or {}

    def reference(identifier: str) -> Wire:
        return {"id": identifier, **named.get(identifier, {})}

    scope: Wire = {"system": {"all": True}}
    if one.target_kind != SYSTEM:
        scope = {"project" if one.target_kind == PROJECT else "domain": reference(one.target_id)}
    if one.inherited:
        scope["OS-INHERIT:inherited_to"] = "projects"
    return {
        "role": reference(one.role_id),
        one.actor_kind: reference(one.actor_id),
        "scope": scope,
        "links": {"assignment": f"{base}/v3/{assignment_path(one)}"},
    }


# ------------------------------------------------------------------------------------------------------------ catalog


def region(one: Region, base: str) -> Wire:
    return {
        **one.extra,
        "id": one.id,
        "description": one.description,
        "parent_region_id": one.parent_region_id,
        "links": _self(base, f"regions/{one.id}"),
    }


def service(one: Service, base: str) -> Wire:
    return {
        **one.extra,
        "id": one.id,
        "type": one.type,
        "name": one.name,
        "enabled": one.enabled,
        "links": _self(base, f"services/{one.id}"),
    }


def endpoint(one: Endpoint, base: str, public_url: str) -> Wire:
    return {
        **one.extra,
        "id": one.id,
        "service_id": one.service_id,
        "interface": one.interface,
        "region_id": one.region_id,
        "region": one.region_id,
        "url": one.url.replace("$(public_url)s", public_url),
        "enabled": one.enabled,
        "links": _self(base, f"endpoints/{one.id}"),
    }


# -------------------------------------------------------------------------------------------------------- credentials


def application_credential(
    one: ApplicationCredential, roles: Iterable[Role], base: str, secret: str | None = None
) -> Wire:
    wire: Wire = {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "user_id": one.user_id,
        "project_id": one.project_id,
        "system": None,
        "roles": [{"id": r.id, "name": r.name, "domain_id": r.domain_id or None} for r in roles],
        "expires_at": one.expires_at[:26] if one.expires_at else None,
        "unrestricted": one.unrestricted,
        "links": _self(base, f"users/{one.user_id}/application_credentials/{one.id}"),
    }
    if secret is not None:
        wire["secret"] = secret
    return wire


def credential(one: Credential, blob: str, base: str) -> Wire:
    return {
        **one.extra,
        "id": one.id,
        "type": one.type,
        "user_id": one.user_id,
        "project_id": one.project_id,
        "blob": blob,
        "links": _self(base, f"credentials/{one.id}"),
    }


def policy(one: PolicyBlob, base: str) -> Wire:
    return {**one.extra, "id": one.id, "type": one.type, "blob": one.blob, "links": _self(base, f"policies/{one.id}")}


def ec2(one: Credential, access: str, secret: str, base: str) -> Wire:
    return {
        "access": access,
        "secret": secret,
        "user_id": one.user_id,
        "tenant_id": one.project_id,
        "trust_id": None,
        "links": _self(base, f"users/{one.user_id}/credentials/OS-EC2/{access}"),
    }
