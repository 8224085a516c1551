"""Application credentials: a part of a user's roles on one project, for a program."""

from __future__ import annotations

from typing import Any

from wolke.core import ids
from wolke.core.clock import instant, moment
from wolke.core.context import Context
from wolke.identity.errors import Invalid, Missing, NotAllowed
from wolke.identity.model import ApplicationCredential, Role, Token
from wolke.identity.service.ground import Ground
from wolke.identity.service.listing import Found, Wanted, listed
from wolke.identity.service.passwords import Passwords, new_secret, sha256
from wolke.identity.service.standing import Standing
from wolke.identity.service.values import Values
from wolke.identity.store import APPLICATION_CREDENTIALS


class ApplicationCredentials:
    def __init__(self, ground: Ground, standing: Standing, passwords: Passwords) -> None:
        self._ground = ground
        self._db = ground.db
        self._standing = standing
        self._passwords = passwords

    async def show(self, user_id: str, credential_id: str) -> ApplicationCredential:
        found = await self._db.get(APPLICATION_CREDENTIALS, id=credential_id)
        if found is None or found.user_id != user_id:
            raise Missing("application credential", credential_id)
        return found

    async def page(self, user_id: str, wanted: Wanted) -> Found[ApplicationCredential]:
        wanted.equal["user_id"] = user_id
        return await listed(self._ground, APPLICATION_CREDENTIALS, wanted)

    async def roles(self, credential: ApplicationCredential) -> list[Role]:
        roles = (await self._standing.snapshot()).roles
        return [roles[role_id] for role_id in credential.role_ids if role_id in roles]

    async def create(self, ctx: Context, user_id: str, values: Values) -> tuple[ApplicationCredential, str]:
        """For the caller's project, with roles that the caller has there. The secret is told this once."""
        token: Token = ctx.token
        if ctx.project_id is None:
            raise Invalid("An application credential is for a project: ask with a token that has one.")
        check_unrestricted(token)
        if values.get("access_rules"):
            raise Invalid("Access rules are not available in this cloud: it would not enforce them.")
        role_ids = _chosen(values.get("roles"), token.roles)
        secret = values.get("secret") or new_secret()
        hashed = await self._passwords.hash(secret) if values.get("secret") else sha256(secret)
        credential = ApplicationCredential(
            id=ids.hex_id(),
            name=values["name"].strip(),
            user_id=user_id,
            project_id=ctx.project_id,
            description=values.get("description"),
            secret_hash=hashed,
            unrestricted=bool(values.get("unrestricted")),
            expires_at=self._expiry(values.get("expires_at")),
            created_at=self._ground.clock.now(),
            role_ids=role_ids,
        )
        most = self._ground.config.max_application_credentials
        async with self._ground.writing("application_credential") as tx:
            await tx.lock(f"identity:application_credentials:{user_id}")
            if 0 <= most <= await tx.count(APPLICATION_CREDENTIALS, user_id=user_id):
                raise NotAllowed(f"Unable to create additional application credentials, maximum of {most} reached.")
            await tx.insert(APPLICATION_CREDENTIALS, credential)
        return credential, secret

    def _expiry(self, given: str | None) -> str | None:
        if given is None:
            return None
        try:
            at = instant(moment(given))
        except (ValueError, OverflowError):
            raise Invalid("expires_at is not a time in ISO 8601.") from None
        if at <= self._ground.clock.now():
            raise Invalid("Invalid application credential: expires_at is in the past.")
        return at

    async def delete(self, ctx: Context, user_id: str, credential_id: str) -> None:
        check_unrestricted(ctx.token)
        async with self._ground.writing("application_credential", tokens=True) as tx:
            if not await tx.delete(APPLICATION_CREDENTIALS, id=credential_id, user_id=user_id):
                raise Missing("application credential", credential_id)


def check_unrestricted(token: Token | None) -> None:
    """A restricted application credential makes and removes no others."""
    credential = token.application_credential if token is not None else None
    if credential is not None and not credential.unrestricted:
        raise NotAllowed("Using method 'application_credential' is not allowed for managing additional credentials.")


def _chosen(given: Any, own: tuple[Role, ...]) -> list[str]:
    """The roles that were named by id or name, all of which must be one's own; all of one's own if none were named."""
    if not given:
        return [role.id for role in own]
    by_id, by_name = {role.id: role for role in own}, {role.name: role for role in own}
    chosen = []
    for one in given:
        role = by_id.get(one["id"]) if "id" in one else by_name.get(one.get("name", ""))
        if role is None:
            raise Invalid(
                "Invalid application credential: Could not find role assignment with the role on the project."
            )
        chosen.append(role.id)
    return list(dict.fromkeys(chosen))
