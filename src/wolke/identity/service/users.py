"""Users, their passwords, and the groups they are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Transaction, Where
from wolke.identity.errors import Invalid, Missing, NotAllowed, PasswordWrong
from wolke.identity.model import Group, Membership, Password, Project, User
from wolke.identity.service.ground import Ground
from wolke.identity.service.listing import Found, Wanted, listed
from wolke.identity.service.passwords import Passwords
from wolke.identity.service.projects import forget_users, home_domain
from wolke.identity.service.standing import Standing
from wolke.identity.service.values import Values, check_same_id, options, split
from wolke.identity.store import END_USER_TOKENS, GROUPS, MEMBERSHIPS, PASSWORDS, PROJECTS, USERS

_KNOWN = frozenset({"name", "domain_id", "enabled", "default_project_id", "options"})


class Users:
    def __init__(self, ground: Ground, standing: Standing, passwords: Passwords) -> None:
        self._ground = ground
        self._db = ground.db
        self._standing = standing
        self._passwords = passwords

    async def show(self, user_id: str) -> User:
        found = await self._db.get(USERS, id=user_id)
        if found is None:
            raise Missing("user", user_id)
        return found

    async def page(self, wanted: Wanted) -> Found[User]:
        return await listed(self._ground, USERS, wanted)

    async def create(self, ctx: Context, values: Values, *, user_id: str | None = None) -> User:
        fields, extra = split(values, _KNOWN)
        password = await self._hashed(values.get("password"))
        user = User(
            id=user_id or ids.hex_id(),
            name=fields["name"].strip(),
            domain_id=fields.get("domain_id") or home_domain(ctx),
            enabled=fields.get("enabled", True),
            default_project_id=fields.get("default_project_id"),
            generation=0,
            created_at=self._ground.clock.now(),
            options=options({}, fields.get("options")),
            extra=extra,
        )
        async with self._ground.writing("user") as tx:
            await check_domain(tx, user.domain_id)
            await _check_default_project(tx, user.default_project_id)
            await tx.insert(USERS, user)
            if password is not None:
                await tx.insert(PASSWORDS, Password(user.id, password, user.created_at))
        return user

    async def update(self, ctx: Context, user_id: str, values: Values) -> User:
        """A new password or a disabling ends the tokens."""
        password = await self._hashed(values.get("password"))
        async with self._ground.writing("user", tokens=True) as tx:
            old = await tx.get(USERS, id=user_id)
            if old is None:
                raise Missing("user", user_id)
            changes = _changes(old, values)
            if "default_project_id" in changes:
                await _check_default_project(tx, changes["default_project_id"])
            if changes:
                await tx.update(USERS, changes, id=user_id)
            if password is not None:
                await self._store(tx, user_id, password)
            elif old.enabled and not changes.get("enabled", True):
                await tx.run(END_USER_TOKENS, which=user_id)
        return msgspec.structs.replace(old, **changes)

    async def delete(self, ctx: Context, user_id: str) -> None:
        async with self._ground.writing("user", tokens=True) as tx:
            if await tx.get(USERS, id=user_id) is None:
                raise Missing("user", user_id)
            await forget_users(tx, [user_id])

    # -- passwords

    async def change_password(self, user_id: str, original: str, new: str) -> None:
        """By whoever knows the original one; 401 otherwise."""
        user = await self._db.get(USERS, id=user_id)
        stored = await self._db.get(PASSWORDS, user_id=user_id)
        if not await self._passwords.verify(stored.hash if stored else None, original) or user is None:
            raise PasswordWrong
        if not user.enabled:
            raise PasswordWrong
        if user.options.get("lock_password"):
            raise NotAllowed("The password of this user is locked.")
        if new == original:
            raise Invalid("The new password cannot be the same as the original one.")
        password = await self._hashed(new)
        async with self._ground.writing("user", tokens=True) as tx:
            await self._store(tx, user_id, password or "")

    async def _hashed(self, password: str | None) -> str | None:
        if password is None:
            return None
        self._passwords.check_rules(password)
        return await self._passwords.hash(password)

    async def _store(self, tx: Transaction, user_id: str, hashed: str) -> None:
        now = self._ground.clock.now()
        if not await tx.update(PASSWORDS, {"hash": hashed, "created_at": now}, user_id=user_id):
            await tx.insert(PASSWORDS, Password(user_id, hashed, now))
        await tx.run(END_USER_TOKENS, which=user_id)

    # -- where they are

    async def groups(self, user_id: str, wanted: Wanted) -> Found[Group]:
        mine = await self._standing.group_ids(user_id)
        return await listed(self._ground, GROUPS, wanted, where=[Where("id", "in", mine)])

    async def projects(self, user_id: str, wanted: Wanted | None = None) -> Found[Project]:
        """Those on which the user has a role; disabled ones are not shown by ``auth/projects``, which asks for enabled."""
        mine = await self._standing.project_ids(user_id)
        return await self._places(mine, wanted, is_domain=False)

    async def domains(self, user_id: str, wanted: Wanted | None = None) -> Found[Project]:
        return await self._places(await self._standing.domain_ids(user_id), wanted, is_domain=True)

    async def _places(self, place_ids: set[str], wanted: Wanted | None, *, is_domain: bool) -> Found[Project]:
        wanted = wanted or Wanted()
        wanted.equal["is_domain"] = is_domain
        if not place_ids:
            return Found([])
        return await listed(self._ground, PROJECTS, wanted, where=[Where("id", "in", sorted(place_ids))])

    async def of_group(self, group_id: str, wanted: Wanted) -> Found[User]:
        members = [m.user_id for m in await self._db.find(MEMBERSHIPS, group_id=group_id)]
        return await listed(self._ground, USERS, wanted, where=[Where("id", "in", members)])

    async def find(self, user_ids: Sequence[str]) -> list[User]:
        return await self._db.find(USERS, where=[Where("id", "in", user_ids)]) if user_ids else []

    async def is_member(self, user_id: str, group_id: str) -> bool:
        return await self._db.get(MEMBERSHIPS, group_id=group_id, user_id=user_id) is not None

    async def add_to_group(self, ctx: Context, user_id: str, group_id: str) -> None:
        async with self._ground.writing("membership", tokens=True, idempotent=True) as tx:
            if await tx.get(MEMBERSHIPS, group_id=group_id, user_id=user_id) is None:
                await tx.insert(MEMBERSHIPS, Membership(group_id, user_id))

    async def remove_from_group(self, ctx: Context, user_id: str, group_id: str) -> None:
        async with self._ground.writing("membership", tokens=True) as tx:
            if not await tx.delete(MEMBERSHIPS, group_id=group_id, user_id=user_id):
                raise Missing("user", user_id)


async def check_domain(tx: Transaction, domain_id: str) -> None:
    """404 unless it is a domain."""
    domain = await tx.get(PROJECTS, id=domain_id)
    if domain is None or not domain.is_domain:
        raise Missing("domain", domain_id)


async def _check_default_project(tx: Transaction, project_id: str | None) -> None:
    project = await tx.get(PROJECTS, id=project_id) if project_id is not None else None
    if project is not None and project.is_domain:
        raise Invalid("Cannot use a domain as the default project of a user.")


def _changes(old: User, values: Values) -> dict[str, Any]:
    check_same_id(values, old.id, "user")
    fields, extra = split(values, _KNOWN, old.extra)
    if fields.pop("domain_id", old.domain_id) != old.domain_id:
        raise Invalid("Cannot change Domain ID")
    if "name" in fields:
        fields["name"] = fields["name"].strip()
    if "options" in fields:
        fields["options"] = options(old.options, fields["options"])
    if extra != old.extra:
        fields["extra"] = extra
    return fields
