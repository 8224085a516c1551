"""Key pairs as the wire shows them."""

from __future__ import annotations

from typing import Any

from wolke.compute.model import KeyPair
from wolke.core.clock import micros


def brief(pair: KeyPair) -> dict[str, Any]:
    return {
        "name": pair.name,
        "public_key": pair.public_key,
        "fingerprint": pair.fingerprint,
        "type": pair.type,
    }


def created(pair: KeyPair, private_key: str | None) -> dict[str, Any]:
    shown = {**brief(pair), "user_id": pair.user_id}
    return shown if private_key is None else {**shown, "private_key": private_key}


def keypair(pair: KeyPair) -> dict[str, Any]:
    return {
        **brief(pair),
        "user_id": pair.user_id,
        "id": _number(pair),
        "created_at": micros(pair.created_at),
        "deleted": False,
        "deleted_at": None,
        "updated_at": None,
    }


def _number(pair: KeyPair) -> int:
    """Clients expect a whole number here and use it for nothing."""
    return int(pair.fingerprint.replace(":", "")[:7] or "0", 16)
