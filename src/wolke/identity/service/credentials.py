"""Credentials: blobs that Keystone keeps sealed for other programs, among them the key pairs of the EC2 and S3 APIs."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Transaction
from wolke.identity.errors import Duplicate, Invalid, Missing, NotAllowed
from wolke.identity.model import Credential
from wolke.identity.service.application_credentials import check_unrestricted
from wolke.identity.service.ground import Ground
from wolke.identity.service.listing import Found, Wanted, listed
from wolke.identity.service.values import Values, split
from wolke.identity.store import CREDENTIALS, PROJECTS, USERS
from wolke.identity.store.keys import KeyRing

EC2 = "ec2"
_KNOWN = frozenset({"type", "user_id", "project_id", "blob"})


class Credentials:
    def __init__(self, ground: Ground, keys: KeyRing) -> None:
        self._ground = ground
        self._db = ground.db
        self._keys = keys

    async def show(self, credential_id: str) -> Credential:
        found = await self._db.get(CREDENTIALS, id=credential_id)
        if found is None:
            raise Missing("credential", credential_id)
        return found

    async def page(self, wanted: Wanted) -> Found[Credential]:
        return await listed(self._ground, CREDENTIALS, wanted, by_name=False)

    def blob(self, credential: Credential) -> str:
        """What was sealed; empty if its key is gone."""
        return (self._keys.open(credential.sealed) or b"").decode()

    async def create(self, ctx: Context, values: Values) -> Credential:
        check_unrestricted(ctx.token)
        _check_ec2_maker(ctx, values)
        fields, extra = split(values, _KNOWN)
        fields.setdefault("user_id", ctx.user_id)
        credential_id = ids.hex_id()
        if fields["type"] == EC2:
            if not fields.get("project_id"):
                raise Invalid("A credential of type ec2 needs a project_id.")
            credential_id = access_id(_access(fields["blob"]))
        credential = Credential(
            credential_id,
            fields["type"],
            fields["user_id"],
            fields.get("project_id"),
            self._seal(fields["blob"]),
            extra,
        )
        async with self._ground.writing("credential") as tx:
            await self._check_owner(tx, credential)
            if await tx.get(CREDENTIALS, id=credential_id) is not None:
                raise Duplicate("credential", f"Duplicate ID, {credential_id}")
            await tx.insert(CREDENTIALS, credential)
        return credential

    async def update(self, ctx: Context, credential_id: str, values: Values) -> Credential:
        check_unrestricted(ctx.token)
        _check_ec2_maker(ctx, values)
        async with self._ground.writing("credential", tokens=True) as tx:
            old = await tx.get(CREDENTIALS, id=credential_id)
            if old is None:
                raise Missing("credential", credential_id)
            fields, extra = split(values, _KNOWN, old.extra)
            if fields.get("type", old.type) == EC2 and not fields.get("project_id", old.project_id):
                raise Invalid("A credential of type ec2 needs a project_id.")
            if "blob" in fields:
                fields["sealed"] = self._seal(fields.pop("blob"))
            new: Credential = msgspec.structs.replace(old, **fields, extra=extra)
            await self._check_owner(tx, new)
            await tx.update(CREDENTIALS, fields | {"extra": extra}, id=credential_id)
        return new

    async def delete(self, ctx: Context, credential_id: str) -> None:
        check_unrestricted(ctx.token)
        async with self._ground.writing("credential", tokens=True) as tx:
            if not await tx.delete(CREDENTIALS, id=credential_id):
                raise Missing("credential", credential_id)

    async def create_ec2(self, ctx: Context, user_id: str, project_id: str) -> Credential:
        """A new access key and its secret."""
        pair = {"access": ids.hex_id(), "secret": ids.hex_id() + ids.hex_id()}
        blob = msgspec.json.encode(pair).decode()
        return await self.create(ctx, {"type": EC2, "user_id": user_id, "project_id": project_id, "blob": blob})

    async def ec2(self, user_id: str, access: str) -> Credential:
        found = await self._db.get(CREDENTIALS, id=access_id(access))
        if found is None or found.user_id != user_id or found.type != EC2:
            raise Missing("credential", access)
        return found

    async def ec2_pair(self, access: str) -> tuple[Credential, str] | None:
        """An access key's credential and secret, for services that check signatures."""
        found = await self._db.get(CREDENTIALS, id=access_id(access))
        if found is None or found.type != EC2:
            return None
        return found, str(self.pair(found).get("secret", ""))

    def pair(self, credential: Credential) -> dict[str, Any]:
        return _json_object(self.blob(credential))

    def _seal(self, blob: str) -> str:
        return self._keys.seal(blob.encode())

    async def _check_owner(self, tx: Transaction, credential: Credential) -> None:
        if await tx.get(USERS, id=credential.user_id) is None:
            raise Missing("user", credential.user_id)
        if credential.project_id is not None and await tx.get(PROJECTS, id=credential.project_id) is None:
            raise Missing("project", credential.project_id)


def _check_ec2_maker(ctx: Context, values: Values) -> None:
    """An EC2 key pair speaks with all of its user's roles, so who has but a part of them makes none."""
    token = ctx.token
    if values.get("type") == EC2 and token is not None and token.application_credential is not None:
        raise NotAllowed("A credential of type ec2 cannot be made with an application credential.")


def access_id(access: str) -> str:
    """An EC2 credential is found by the digest of its access key."""
    return hashlib.sha256(access.encode()).hexdigest()


def _access(blob: str) -> str:
    access = _json_object(blob).get("access")
    if not isinstance(access, str) or not access:
        raise Invalid("The blob of a credential of type ec2 is a JSON object with access and secret.")
    return access


def _json_object(blob: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(blob)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
