"""What stands inside a token: as few bytes as will do, since every request carries them.

A list in MessagePack; identifiers of 32 hexadecimal digits travel as 16 bytes. The roles are not in it: they are looked up
when the token is verified, so a role that was taken away is gone from the tokens that are out.
"""

from __future__ import annotations

import re

import msgspec

from wolke.identity.model import Scope

METHODS = ("password", "token", "application_credential", "ec2credential")
_HEX = re.compile(r"[0-9a-f]{32}")
_PROJECT, _DOMAIN, _SYSTEM = 1, 2, 3


class Payload(msgspec.Struct, frozen=True):
    user_id: str
    methods: tuple[str, ...]
    scope: Scope
    generation: int
    issued_at_us: int
    expires_at_us: int
    audit_ids: tuple[str, ...]
    application_credential_id: str | None = None


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    user: bytes
    methods: int
    scope: int
    target: bytes
    generation: int
    issued_at_us: int
    expires_at_us: int
    audit_ids: list[str]
    credential: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack(payload: Payload) -> bytes:
    scope = payload.scope
    kind = _PROJECT if scope.project_id else _DOMAIN if scope.domain_id else _SYSTEM if scope.system else 0
    return _encode(
        _Packed(
            _short(payload.user_id),
            sum(1 << METHODS.index(method) for method in payload.methods),
            kind,
            _short(scope.project_id or scope.domain_id or ""),
            payload.generation,
            payload.issued_at_us,
            payload.expires_at_us,
            list(payload.audit_ids),
            _short(payload.application_credential_id or ""),
        )
    )


def unpack(raw: bytes) -> Payload | None:
    """None for anything that ``pack`` did not make, such as a token of another cloud with the same key."""
    try:
        packed = _decode(raw)
        target = _long(packed.target)
        return Payload(
            _long(packed.user),
            tuple(name for bit, name in enumerate(METHODS) if packed.methods >> bit & 1),
            Scope(
                target if packed.scope == _PROJECT else None,
                target if packed.scope == _DOMAIN else None,
                packed.scope == _SYSTEM,
            ),
            packed.generation,
            packed.issued_at_us,
            packed.expires_at_us,
            tuple(packed.audit_ids),
            _long(packed.credential) or None,
        )
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _short(identifier: str) -> bytes:
    return b"#" + bytes.fromhex(identifier) if _HEX.fullmatch(identifier) else b"=" + identifier.encode()


def _long(packed: bytes) -> str:
    return packed[1:].hex() if packed.startswith(b"#") else packed[1:].decode()
