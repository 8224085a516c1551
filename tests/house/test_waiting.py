"""How our code waits: so that whoever ends it, ends it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_cancellation_is_lost_to_wait_for() -> None:
    """In Python 3.11 ``asyncio.wait_for`` swallows a cancellation that meets the end of what it waits for; ``timeout`` does not."""
    users = [path for path in (ROOT / "src/wolke").rglob("*.py") if "asyncio.wait_for(" in path.read_text()]
    assert users == []
