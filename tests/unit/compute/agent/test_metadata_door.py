from dataclasses import dataclass, field
from typing import Any

import pytest

from wolke.compute.agent.metadata import MetadataDoor
from wolke.core.errors import Conflict, NotFound

NETWORK, ADDRESS = "6f3c5a0e-0000-4000-8000-000000000001", "10.0.0.5"


@dataclass
class Reply:
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


class Controllers:
    """What the other end would say, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.error: Exception | None = None

    async def request(self, method: str, path: str, value: Any = None) -> Reply:
        self.asked.append((method, path, value))
        if self.error is not None:
            raise self.error
        return Reply(b"{}")


@pytest.fixture
def controllers() -> Controllers:
    return Controllers()


async def ask(controllers: Controllers, *calls: tuple[str, str, bytes]) -> list[int]:
    door = MetadataDoor(controllers, "host/1")
    return [(await door(NETWORK, ADDRESS, method, path, {}, body))[0] for method, path, body in calls]


async def test_a_question_is_carried_with_where_it_came_from_and_remembered(controllers: Controllers) -> None:
    call = ("GET", "/openstack/latest/meta_data.json?x=1", b"")
    assert await ask(controllers, call, call) == [200, 200]
    path = f"/agent/compute/v1/hosts/host%2F1/metadata/{NETWORK}/{ADDRESS}/openstack/latest/meta_data.json"
    assert controllers.asked == [("GET", path, None)]


async def test_a_password_is_given_and_what_was_remembered_of_it_is_forgotten(controllers: Controllers) -> None:
    path = "/openstack/latest/password"
    assert await ask(controllers, ("GET", path, b""), ("POST", path, b"sealed"), ("GET", path, b"")) == [200] * 3
    assert [(method, value) for method, _, value in controllers.asked] == [
        ("GET", None), ("POST", {"content": "sealed"}), ("GET", None),
    ]  # fmt: skip


@pytest.mark.parametrize(("error", "status"), [(NotFound(), 404), (Conflict(), 409), (OSError(), 503)])
async def test_a_refusal_keeps_its_number_and_trouble_is_tried_again(controllers, error, status) -> None:
    controllers.error = error
    assert await ask(controllers, ("GET", "/x", b""), ("GET", "/x", b"")) == [status, status]
    assert len(controllers.asked) == (2 if status == 503 else 1)


async def test_a_guest_cannot_walk_out_of_its_own_metadata(controllers: Controllers) -> None:
    await ask(controllers, ("GET", "/a b\r\nX: y", b""), ("DELETE", "/x", b""))
    assert [path.rpartition("/")[2] for _, path, _ in controllers.asked] == ["a%20b%0D%0AX%3A%20y"]
