"""Key pairs: public keys by name, each of a user. A private key is made at most once, given back, and never kept."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import struct

from wolke.compute import errors
from wolke.compute.model import KeyPair
from wolke.compute.service.needs import Needs
from wolke.compute.service.quotas import Quotas
from wolke.compute.store import KEY_PAIRS
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Where
from wolke.core.errors import Forbidden
from wolke.core.paging import Page, find_page

SSH, X509 = "ssh", "x509"


class KeyPairs:
    def __init__(self, needs: Needs, quotas: Quotas) -> None:
        self._db = needs.db
        self._clock = needs.clock
        self._quotas = quotas

    async def index(self, ctx: Context, user_id: str | None, page: Page) -> list[KeyPair]:
        marker = None
        if page.marker is not None:
            marker = await self._db.get(KEY_PAIRS, user_id=user_id, name=page.marker)
            if marker is None:
                raise errors.MarkerNotFound(page.marker)
        return await find_page(self._db, KEY_PAIRS, page, marker=marker, where=[Where("user_id", "eq", user_id or "")])

    async def show(self, ctx: Context, user_id: str | None, name: str) -> KeyPair:
        found = await self._db.get(KEY_PAIRS, user_id=user_id or "", name=name)
        if found is None:
            raise errors.KeyPairNotFound(name, user_id)
        return found

    async def create(
        self, ctx: Context, user_id: str | None, name: str, kind: str, public_key: str | None
    ) -> tuple[KeyPair, str | None]:
        """The key pair and, if it was made here, its private key."""
        private_key: str | None = None
        if name != name.strip() or not name:
            raise errors.InvalidKeyPair("Keypair name contains unsafe characters or begins or ends with a space.")
        if public_key is None:
            text, private_key = await asyncio.to_thread(_generate, kind, user_id or "")
        else:
            text = public_key
        pair = KeyPair(user_id or "", name, kind, fingerprint(kind, text), text, self._clock.now())
        limits = await self._quotas.limits(ctx.project_id or "", user_id)
        try:
            async with self._db.transaction() as tx:
                await tx.lock(f"quota:compute:key_pairs:{pair.user_id}")
                limit = limits["key_pairs"]
                if 0 <= limit <= await tx.count(KEY_PAIRS, user_id=pair.user_id):
                    raise Forbidden("Quota exceeded, too many key pairs.")
                await tx.insert(KEY_PAIRS, pair)
        except DuplicateRow:
            raise errors.KeyPairExists(name) from None
        return pair, private_key

    async def delete(self, ctx: Context, user_id: str | None, name: str) -> None:
        async with self._db.transaction() as tx:
            if not await tx.delete(KEY_PAIRS, user_id=user_id or "", name=name):
                raise errors.KeyPairNotFound(name, user_id)


def fingerprint(kind: str, public_key: str) -> str:
    """As Nova shows it: MD5 of an SSH key, SHA-1 of a certificate. ``InvalidKeyPair`` if it is neither."""
    digest = _certificate_digest(public_key) if kind == X509 else _ssh_digest(public_key)
    return ":".join(f"{byte:02x}" for byte in digest)


def _ssh_digest(public_key: str) -> bytes:
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
        (length,) = struct.unpack(">I", blob[:4])
        if blob[4 : 4 + length].decode("ascii") != words[0] or len(blob) <= 4 + length:
            raise ValueError
    except (IndexError, ValueError, struct.error, binascii.Error):
        raise errors.InvalidKeyPair("failed to generate fingerprint") from None
    return hashlib.md5(blob, usedforsecurity=False).digest()


def _certificate_digest(pem: str) -> bytes:
    from wolke.compute.service import key_making

    try:
        return key_making.fingerprint(pem)
    except ValueError:
        raise errors.InvalidKeyPair("failed to generate X509 fingerprint") from None


def _generate(kind: str, user_id: str) -> tuple[str, str]:
    from wolke.compute.service import key_making

    return key_making.generate(user_id if kind == X509 else None)
