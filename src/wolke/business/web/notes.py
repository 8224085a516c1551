"""What is said once on the next page: in a cookie that is signed, so that nobody else puts words into our mouth."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

COOKIE = "wolke_note"
DONE, REFUSED = "done", "refused"
_LONGEST = 3000


class Note(msgspec.Struct, frozen=True):
    """``text`` is a sentence's key, ``values`` fill its names."""

    kind: str
    text: str
    values: dict[str, str]


def cookie(secret: bytes, note: Note) -> str:
    packed = base64.urlsafe_b64encode(msgspec.json.encode(note))[:_LONGEST].decode()
    return f"{COOKIE}={packed}.{_sign(secret, packed)}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"


def gone() -> str:
    return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"


def read(secret: bytes, value: str) -> Note | None:
    packed, _, signed = value.partition(".")
    if not packed or not hmac.compare_digest(signed.encode(), _sign(secret, packed).encode()):
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(packed), type=Note)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        return None


def _sign(secret: bytes, packed: str) -> str:
    return hmac.digest(secret, b"note\0" + packed.encode(), hashlib.sha256).hex()
