"""Where a page may show a mail that was written."""

import pytest

from wolke.business.config import BusinessConfig
from wolke.business.mail import at_home


@pytest.mark.parametrize(
    ("url", "address", "origin", "shown"),
    [
        ("", "127.0.0.1", "http://127.0.0.1:8774", True),
        ("http://127.0.0.1:8774", "127.0.0.1", "http://localhost:8774", True),
        ("http://[::1]:8774", "::1", "http://[::1]:8774", True),
        ("http://127.0.0.1:8774", "192.0.2.7", "http://127.0.0.1:8774", False),
        ("https://cloud.example", "127.0.0.1", "http://localhost", False),
        ("http://127.0.0.1:8774", "127.0.0.1", "https://cloud.example", False),
        ("", "127.0.0.1", "http://localhost.cloud.example", False),
        ("", "", "http://localhost", False),
    ],
)
def test_only_at_ones_own_machine_is_a_mail_shown(url: str, address: str, origin: str, shown: bool) -> None:
    assert at_home(BusinessConfig(url=url), address, origin) is shown
    assert not at_home(BusinessConfig(url=url, smtp_host="smtp.example"), address, origin)
