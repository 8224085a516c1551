"""Secrets that must be read again (a TOTP seed, a cloud password): sealed under a key that is derived from the installation's secret, one for each
purpose, so that what is sealed for one cannot be put in the place of another."""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Broken(Exception):
    """It was not sealed here for this purpose, or was changed since."""


class Seal:
    """``secret``: ``Needs.secret``."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hmac.digest(secret, b"wolke business seal: " + purpose.encode(), hashlib.sha256)

    def close(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """``Broken`` if it cannot be."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Broken("sealed elsewhere, or changed") from None

    @cached_property
    def _fernet(self) -> Fernet:
        """The import takes long enough to wait for the first secret."""
        from cryptography.fernet import Fernet

        return Fernet(base64.urlsafe_b64encode(self._key))
