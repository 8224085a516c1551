"""Identity's tables."""

from __future__ import annotations

import sqlalchemy as sa

from wolke.core.db import Query, Table
from wolke.identity.model import (
    ApplicationCredential,
    Assignment,
    Credential,
    Endpoint,
    Epoch,
    Group,
    Implication,
    Membership,
    Password,
    PolicyBlob,
    Project,
    Region,
    Revocation,
    Role,
    Service,
    User,
)

PROJECTS = Table("identity_projects", Project, indexes=(("parent_id",),), unique=(("domain_id", "name"),))
USERS = Table("identity_users", User, indexes=(("default_project_id",),), unique=(("domain_id", "name"),))
PASSWORDS = Table("identity_passwords", Password, key=("user_id",))
GROUPS = Table("identity_groups", Group, unique=(("domain_id", "name"),))
MEMBERSHIPS = Table("identity_memberships", Membership, key=("group_id", "user_id"), indexes=(("user_id",),))
ROLES = Table("identity_roles", Role, unique=(("domain_id", "name"),))
IMPLICATIONS = Table(
    "identity_implications", Implication, key=("prior_role_id", "implied_role_id"), indexes=(("implied_role_id",),)
)
ASSIGNMENTS = Table(
    "identity_assignments",
    Assignment,
    key=("actor_id", "target_id", "role_id", "inherited", "actor_kind", "target_kind"),
    indexes=(("target_id",), ("role_id",)),
)
REGIONS = Table("identity_regions", Region, indexes=(("parent_region_id",),))
SERVICES = Table("identity_services", Service, indexes=(("type",),))
ENDPOINTS = Table("identity_endpoints", Endpoint, indexes=(("service_id",), ("region_id",)))
APPLICATION_CREDENTIALS = Table(
    "identity_application_credentials",
    ApplicationCredential,
    indexes=(("project_id",),),
    unique=(("user_id", "name"),),
)
CREDENTIALS = Table("identity_credentials", Credential, indexes=(("user_id",), ("type",), ("project_id",)))
POLICIES = Table("identity_policies", PolicyBlob, indexes=(("type",),))
REVOCATIONS = Table("identity_revocations", Revocation, key=("audit_id",), indexes=(("expires_at",),))
EPOCHS = Table("identity_epochs", Epoch, key=("name",))

NEXT_EPOCH = Query(
    sa.update(EPOCHS.sql).where(EPOCHS.sql.c.name == sa.bindparam("which")).values(value=EPOCHS.sql.c.value + 1)
)
END_USER_TOKENS = Query(
    sa.update(USERS.sql).where(USERS.sql.c.id == sa.bindparam("which")).values(generation=USERS.sql.c.generation + 1)
)
END_PROJECT_TOKENS = Query(
    sa.update(PROJECTS.sql)
    .where(PROJECTS.sql.c.id == sa.bindparam("which"))
    .values(generation=PROJECTS.sql.c.generation + 1)
)
