"""What temporary URLs and upload forms share: the keys of an account and a container, and HMACs made with them."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from typing import NamedTuple

from wolke.object_store.errors import AccountNotFound, ContainerNotFound
from wolke.object_store.service import ObjectStore

DIGESTS = ("sha1", "sha256", "sha512")
DEPRECATED = ("sha1",)
_BY_LENGTH = {40: "sha1", 64: "sha256", 128: "sha512"}
_NAMES = ("temp-url-key", "temp-url-key-2")
_LONGEST = 256


class Key(NamedTuple):
    """``whole_account``: what it signs may reach every container of the account, else its own container alone."""

    secret: str
    whole_account: bool

    def __repr__(self) -> str:
        return f"Key(whole_account={self.whole_account})"


class Signature(NamedTuple):
    digest: str
    hexadecimal: str


class BadSignature(Exception):
    """It is not in one of the two forms, or of a digest that nobody may use."""


async def keys_of(store: ObjectStore, account: str, container: str) -> list[Key]:
    """At most four. None where there is no such account or container."""
    found: list[Key] = []
    try:
        headers = (await store.accounts.get(account)).headers
        found += [Key(value, True) for name in _NAMES if (value := headers.get(f"x-account-meta-{name}"))]
        headers = (await store.containers.get(account, container)).headers
        found += [Key(value, False) for name in _NAMES if (value := headers.get(f"x-container-meta-{name}"))]
    except (AccountNotFound, ContainerNotFound):
        pass
    return found


def read_signature(text: str) -> Signature:
    """Hexadecimal, whose length says which digest it is, or ``sha256:`` and base64 of either alphabet. Raises ``BadSignature``."""
    if len(text) > _LONGEST:
        raise BadSignature
    digest, colon, encoded = text.partition(":")
    try:
        if colon:
            plain = encoded.replace("-", "+").replace("_", "/").rstrip("=")
            hexadecimal = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).hex()
        else:
            digest, hexadecimal = _BY_LENGTH[len(text)], bytes.fromhex(text).hex()
    except (ValueError, KeyError, binascii.Error):
        raise BadSignature from None
    if digest not in DIGESTS:
        raise BadSignature
    return Signature(digest, hexadecimal)


def match(signature: Signature, keys: Iterable[Key], messages: Iterable[bytes]) -> Key | None:
    """The key that made this signature of one of the messages. What differs does not show in the time taken."""
    made = list(messages)
    for key in keys:
        for message in made:
            right = hmac.new(key.secret.encode("utf-8", "surrogateescape"), message, signature.digest).hexdigest()
            if hmac.compare_digest(right, signature.hexadecimal):
                return key
    return None
