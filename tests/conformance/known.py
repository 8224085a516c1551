"""What is known of tempest's tests that do not pass: why, by a part of their name."""

from __future__ import annotations

from collections.abc import Mapping

WHY: Mapping[str, str] = {}


def why(test_id: str) -> str | None:
    return next((said for part, said in WHY.items() if part in test_id), None)
