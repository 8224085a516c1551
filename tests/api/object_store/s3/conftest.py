"""The S3 door behind a real server, so that Amazon's own client signs the requests and reads the answers."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from wolke.core.clock import HeldClock
from wolke.core.context import Context
from wolke.core.errors import Unauthorized
from wolke.core.http.server import Server, bind
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.doors import build_door
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.s3 import Terms
from wolke.object_store.service import ObjectStore

_PEOPLE = {"alice": ("a" * 32, "member"), "bob": ("b" * 32, "member"), "rita": ("a" * 32, "reader")}


class MovedClock(HeldClock):
    """The time it is, and what tests add to it."""

    def __init__(self) -> None:
        import time

        self._now = time.time
        self.ahead_s = 0.0

    def time(self) -> float:
        return self._now() + self.ahead_s


async def keys(access: str) -> tuple[Context, str] | None:
    if access not in _PEOPLE:
        return None
    project, role = _PEOPLE[access]
    ctx = Context(
        user_id=f"id-of-{access}",
        user_name=access,
        user_domain_id="default",
        project_id=project,
        project_name=f"project-{project[0]}",
        project_domain_id="default",
        roles=frozenset({role}),
    )
    return ctx, f"secret-of-{access}"


async def authenticate(token: str, service_token: str | None = None) -> Context:
    found = await keys(token)
    if found is None:
        raise Unauthorized
    return found[0]


class Cloud:
    """``run`` awaits something where the server runs."""

    def __init__(self) -> None:
        self.clock = MovedClock()
        self.store = ObjectStore({"default": Memory(Path("/nowhere"))}, ObjectStoreConfig(), self.clock)
        self.door = build_door(self.store, authenticate, keys=keys, terms=Terms(domains=("s3.localhost",)))
        self.loop = asyncio.new_event_loop()
        self.socket = bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = Server(self.door, [self.socket])
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.run(self.server.start())

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def close(self) -> None:
        self.run(self.server.stop())
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        self.socket.close()

    def client(self, who: str = "alice", **options: Any) -> Any:
        s3 = options.pop("s3", {"addressing_style": "path"})
        secret = options.pop("secret", f"secret-of-{who}")
        config = Config(s3=s3, retries={"total_max_attempts": 1}, parameter_validation=False, **options)
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="RegionOne",
            aws_access_key_id=who,
            aws_secret_access_key=secret,
            config=config,
        )

    def swift(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """alice at her account, through the other door."""
        sent = {"x-auth-token": "alice", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self._send(method, f"/v1/AUTH_{'a' * 32}{path}", body, sent)

    def swift_headers(self, path: str) -> dict[str, str]:
        """What HEAD says at the other door, names in lower case."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        connection.request("HEAD", f"/v1/AUTH_{'a' * 32}{path}", headers={"x-auth-token": "alice"})
        headers = {name.lower(): value for name, value in connection.getresponse().getheaders()}
        connection.close()
        return headers

    def signed(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """A request of alice's that no client of Amazon's would make."""
        sent = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", **(headers or {})}
        request = AWSRequest(method, self.url + path, headers=sent)
        S3SigV4Auth(Credentials("alice", "secret-of-alice"), "s3", "RegionOne").add_auth(request)
        return self._send(method, path, body, dict(request.headers.items()))

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    one = Cloud()
    yield one
    one.close()


@pytest.fixture(scope="module")
def s3(cloud: Cloud) -> Any:
    return cloud.client()


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    """A new one for each test."""
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "").lower()[:60].rstrip("-.")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def refused() -> Callable[..., tuple[int, str]]:
    """Status and code of the error that a call ends with."""
    from botocore.exceptions import ClientError

    def call(operation: Callable[..., Any], **arguments: Any) -> tuple[int, str]:
        with pytest.raises(ClientError) as caught:
            operation(**arguments)
        answer = caught.value.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]

    return call
