"""One set of credentials' way to a cloud. It blocks, for a thread, and speaks of failure in sentences.

openstacksdk finds the services, their versions and the token; what is asked and answered stays plain JSON, so that a cloud's age or maker
matters as little as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wolke.business.errors import CloudUnreachable, Invalid, NotNow, NotThere

if TYPE_CHECKING:
    from openstack.connection import Connection

    from wolke.business.errors import BusinessError

_PAGE = 500
_MOST_PAGES = 10_000
_TO_BE_TRIED_AGAIN = frozenset({401, 408, 429, 500, 502, 503, 504})
_PROXIES = {
    "compute": "compute",
    "volume": "block_storage",
    "network": "network",
    "image": "image",
    "identity": "identity",
    "objects": "object_store",
}


class Line:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        self._connection.close()

    @property
    def token(self) -> str:
        """A new one, if the time of the last is nearly over."""
        return str(_guarded(self._connection.session.get_token))

    def has(self, service: str) -> bool:
        """Whether the cloud has it at all."""
        kind = {"objects": "object-store", "volume": "block-storage"}.get(service, service)
        return bool(_guarded(lambda: self._connection.config.get_session_endpoint(kind)))

    def address(self, service: str) -> str:
        return str(_guarded(lambda: getattr(self._connection, _PROXIES[service]).get_endpoint()))

    def ask(
        self, method: str, service: str, path: str, body: Any = None, *, query: Mapping[str, Any] | None = None,
        version: str | None = None, headers: Mapping[str, str] | None = None, data: Any = None, stream: bool = False,
    ) -> Any:  # fmt: skip
        """The raw answer. ``NotThere``, ``NotNow`` and ``Invalid`` where the cloud refuses, ``CloudUnreachable`` where it is to be asked again."""
        more: dict[str, Any] = {"json": body} if body is not None else {}
        answer = _guarded(
            lambda: getattr(self._connection, _PROXIES[service]).request(
                path, method, params=dict(query or {}), microversion=version, headers=dict(headers or {}), data=data,
                raise_exc=False, stream=stream, **more,
            )
        )  # fmt: skip
        if answer.status_code >= 400:
            raise _refusal(answer.status_code, _reason(answer))
        return answer

    def json(self, method: str, service: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.ask(method, service, path, body, **more)
        try:
            return answer.json() if answer.content else {}
        except ValueError as error:
            raise CloudUnreachable("The cloud answered something that makes no sense. We keep trying.") from error

    def list(
        self, service: str, path: str, key: str, query: Mapping[str, Any] | None = None, version: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """All of them, page by page."""
        asked = {"limit": _PAGE, **(query or {})}
        for _ in range(_MOST_PAGES):
            items = self.json("GET", service, path, query=asked, version=version).get(key, [])
            yield from items
            if len(items) < int(asked["limit"]):
                return
            asked["marker"] = items[-1]["id"]


def _guarded(ask: Callable[[], Any]) -> Any:
    """Whatever can go wrong on the way is the same to whoever asks."""
    import requests
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    try:
        return ask()
    except (ClientException, SDKException, requests.RequestException, OSError) as error:
        raise CloudUnreachable("The cloud does not answer just now. We keep trying.") from error


def _reason(answer: Any) -> str:
    """What the cloud said, wherever its services put it."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    for inner in (said, *said.values()):
        if isinstance(inner, dict):
            for name in ("message", "detail", "title"):
                if isinstance(inner.get(name), str):
                    return str(inner[name])
    return ""


def _refusal(status: int, reason: str) -> BusinessError:
    if status in _TO_BE_TRIED_AGAIN:
        return CloudUnreachable("The cloud cannot do that just now. We keep trying.")
    if status == 404:
        return NotThere("It is not there any more.")
    if status in (403, 413) and "quota" in reason.lower():
        return NotNow("The provider's limit for this project has been reached. Ask support to raise it.")
    if status == 409:
        return NotNow("Its state does not allow that now. Wait a moment and try again.")
    return Invalid("The cloud refused this. If it happens again, open a ticket.")
