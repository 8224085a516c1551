"""The second step of signing in: time-based codes (RFC 6238) from a seed that is sealed, and recovery codes for the day the phone is gone."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from wolke.business.customers.links import hashed
from wolke.business.customers.model import Person, RecoveryCode
from wolke.business.customers.store import PEOPLE, RECOVERY_CODES
from wolke.business.sealed import Seal
from wolke.core.db import Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Needs

_STEP_S, _EITHER_SIDE = 30, 1
_RECOVERY_CODES, _LETTERS = 10, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class SecondStep:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._seal = Seal(needs.secret, "totp")

    async def offer(self, tx: Transaction, person: Person) -> tuple[str, str]:
        """A seed that counts from its first code on; the ``otpauth:`` address for the picture, and the seed to be typed."""
        import pyotp

        seed = pyotp.random_base32()
        await tx.update(PEOPLE, {"totp_offered": self._seal.close(seed)}, id=person.id)
        uri = pyotp.TOTP(seed).provisioning_uri(name=person.email, issuer_name=self._needs.config.name)
        return uri, seed

    async def switch_on(self, tx: Transaction, person: Person, code: str) -> bool:
        """False if ``code`` is not of the seed that was offered."""
        counter = self._counter(person.totp_offered, code)
        if counter is None:
            return False
        changes = {"totp": person.totp_offered, "totp_offered": None, "totp_last": counter}
        return bool(await tx.update(PEOPLE, changes, id=person.id, totp_offered=person.totp_offered))

    async def switch_off(self, tx: Transaction, person: Person) -> None:
        await tx.update(PEOPLE, {"totp": None, "totp_offered": None}, id=person.id)
        await tx.delete(RECOVERY_CODES, person_id=person.id)

    async def passes(self, tx: Transaction, person: Person, code: str) -> bool:
        """A code of now or of the step before or after, or a recovery code; each of them once."""
        counter = self._counter(person.totp, code)
        if counter is not None:
            later = (Where("totp_last", "lt", counter),)
            return bool(await tx.update(PEOPLE, {"totp_last": counter}, id=person.id, where=later))
        used = {"used_at": self._needs.clock.now()}
        return bool(
            await tx.update(RECOVERY_CODES, used, person_id=person.id, digest=_digest(person.id, code), used_at=None)
        )

    async def new_recovery_codes(self, tx: Transaction, person_id: str) -> list[str]:
        """In the place of the old ones; they are shown once."""
        await tx.delete(RECOVERY_CODES, person_id=person_id)
        codes = ["-".join(_word() for _ in range(4)) for _ in range(_RECOVERY_CODES)]
        for code in codes:
            await tx.insert(RECOVERY_CODES, RecoveryCode(person_id, _digest(person_id, code), None))
        return codes

    def _counter(self, sealed: str | None, code: str) -> int | None:
        """Of which step ``code`` is."""
        import pyotp

        digits = code.replace(" ", "")
        if sealed is None or len(digits) != 6 or not digits.isdecimal() or not digits.isascii():
            return None
        totp = pyotp.TOTP(self._seal.open(sealed))
        now = int(self._needs.clock.time()) // _STEP_S
        for counter in range(now - _EITHER_SIDE, now + _EITHER_SIDE + 1):
            if hmac.compare_digest(totp.generate_otp(counter), digits):
                return counter
        return None


def _word() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))


def _digest(person_id: str, code: str) -> str:
    """A code has 80 random bits, so that a fast hash tells nothing."""
    return hashed(person_id + "".join(c for c in code.upper() if c in _LETTERS))
