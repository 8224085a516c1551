"""Fixtures for every kind of test: databases of both kinds, an in-process HTTP client, and people to be."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wolke.core.context import Context
from wolke.core.db import METADATA, Database, open_database
from wolke.core.errors import Unauthorized
from wolke.core.http import PARTS, WHOLE
from wolke.core.http.files import checked_runs
from wolke.core.policy import Policy, Rule

# ---------------------------------------------------------------------------------------------------- in-process HTTP


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    header_list: list[tuple[str, str]] = field(default_factory=list)
    cut: Exception | None = None  # why the rest of the body is missing; with status 500, why all of it is

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class AsgiClient:
    """Speaks to an ASGI application without a socket. ``token`` is what ``X-Auth-Token`` will say."""

    address = "127.0.0.1"  # where it sits

    def __init__(self, app: Any, prefix: str = "", token: str | None = None, headers: dict[str, str] | None = None):
        self.app, self.prefix, self.token, self.headers = app, prefix, token, headers or {}

    def using(self, token: str | None = None, prefix: str | None = None, **headers: str) -> AsgiClient:
        """The same application as somebody else, or elsewhere; ``openstack_api_version="compute 2.96"`` is a header."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return AsgiClient(
            self.app, self.prefix if prefix is None else prefix, token or self.token, {**self.headers, **more}
        )

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: bytes | list[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        path, _, query = (self.prefix + path).partition("?")
        sent = {"host": "cloud.test", **self.headers, **(headers or {})}
        if self.token:
            sent.setdefault("x-auth-token", self.token)
        chunks = [content] if isinstance(content, bytes) else list(content or [])
        if body is not None:
            chunks = [json.dumps(body).encode()]
            sent.setdefault("content-type", "application/json")
        if chunks and "content-length" not in sent and not isinstance(content, list):
            sent["content-length"] = str(sum(map(len, chunks)))
        messages = [
            {"type": "http.request", "body": chunk, "more_body": i + 1 < len(chunks)} for i, chunk in enumerate(chunks)
        ] or [{"type": "http.request", "body": b"", "more_body": False}]
        waiting = iter(messages)
        answer = Answer(0, {}, b"")
        parts: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return next(waiting, {"type": "http.disconnect"})

        async def send_parts(message: dict[str, Any]) -> None:
            """As the server does it, checks and all."""
            runs = checked_runs(message["parts"] if method != "HEAD" else ())
            try:
                first = await anext(runs, None)
            except Exception as error:
                answer.status, answer.cut = 500, error
                return
            await send({**message, "type": "http.response.start"})
            try:
                while first is not None:
                    parts.append(os.pread(first[0], first[2], first[1]))
                    first = await anext(runs, None)
            except Exception as error:
                answer.cut = error

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.header_list = [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in message["headers"]]
                answer.headers = dict(answer.header_list)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
            elif message["type"] == PARTS:
                await send_parts(message)
            elif message["type"] == WHOLE:
                await send({**message, "type": "http.response.start"})
                parts.append(message["body"])

        from urllib.parse import unquote

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(n.lower().encode("latin-1"), str(v).encode("latin-1")) for n, v in sent.items()],
            "server": ("cloud.test", 80),
            "client": (self.address, 50000),
            "extensions": {PARTS: {}, WHOLE: {}},
        }
        await self.app(scope, receive, send)
        answer.body = b"".join(parts)
        return answer

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.request("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("POST", path, body, **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("PUT", path, body, **more)

    async def patch(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("PATCH", path, body, **more)

    async def delete(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("DELETE", path, body, **more)


@pytest.fixture(scope="session")
def asgi_client() -> type[AsgiClient]:
    return AsgiClient


# ------------------------------------------------------------------------------------------------------------- people

ADMIN_PROJECT, MEMBER_PROJECT, OTHER_PROJECT = (f"{n}0000000000040008000000000000000" for n in "abc")
_IMPLIED = {"admin": {"admin", "manager", "member", "reader"}, "member": {"member", "reader"}, "reader": {"reader"}}


async def stand_in_authenticate(token: str, service_token: str | None = None) -> Context:
    """Tokens that say what they are, for tests of one service alone: ``admin``, ``member``, ``reader``, ``other``
    (a member of another project), ``agent``, ``system`` (admin on system scope), ``nobody`` (no roles)."""
    role, project = {
        "admin": ("admin", ADMIN_PROJECT),
        "member": ("member", MEMBER_PROJECT),
        "reader": ("reader", MEMBER_PROJECT),
        "other": ("member", OTHER_PROJECT),
        "agent": ("agent", ADMIN_PROJECT),
        "system": ("admin", None),
        "nobody": ("", MEMBER_PROJECT),
    }.get(token, (None, None))
    if role is None:
        raise Unauthorized("The request you have made requires authentication.")
    return Context(
        user_id=f"{token:0<32}".encode().hex()[:32],
        user_name=token,
        user_domain_id="default",
        project_id=project,
        project_name=token,
        project_domain_id="default" if project else None,
        system_scope=None if project else "all",
        roles=frozenset(_IMPLIED.get(role, {role})),
    )


@pytest.fixture(scope="session")
def stand_in() -> Any:
    return stand_in_authenticate


@pytest.fixture
def open_policy() -> Policy:
    return Policy([Rule("open", "@")])


# ---------------------------------------------------------------------------------------------------------- databases


class PostgresServer:
    """A private PostgreSQL: a scratch directory, a free port on loopback, its own system user."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
        if not versions:
            pytest.skip("PostgreSQL is not installed")
        self.bin = versions[-1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._numbers = itertools.count()
        self._templates: dict[tuple[int, bool], str] = {}

    def _run(self, *command: str) -> None:
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
            user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        subprocess.run(command, check=True, cwd=self.directory, stdout=subprocess.DEVNULL, **user)

    def start(self) -> None:
        data = str(self.directory / "data")
        self._run(str(self.bin / "initdb"), "-D", data, "-U", "wolke", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {self.port} -k {self.directory} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
        log = str(self.directory / "log")
        self._run(str(self.bin / "pg_ctl"), "-D", data, "-w", "-s", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run(str(self.bin / "pg_ctl"), "-D", str(self.directory / "data"), "-w", "-s", "-m", "immediate", "stop")

    async def new_database(self, *, empty: bool = False, annex: bool = False) -> str:
        """A copy of one with every table of its half that is known in this process by now, unless it shall be empty."""
        template = "template0" if empty else await self._template(annex)
        name = f"t{next(self._numbers)}"
        await self._create(name, template)
        return self.url(name)

    async def _template(self, annex: bool) -> str:
        known = len(METADATA.tables), annex
        if known not in self._templates:
            name = f"tables{known[0]}{'a' if annex else ''}"
            await self._create(name, "template0")
            await create_tables(self.url(name), annex=annex)
            self._templates[known] = name
        return self._templates[known]

    async def _create(self, name: str, template: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(self.url("postgres"))
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8' STRATEGY FILE_COPY")
        await connection.close()

    def url(self, name: str) -> str:
        return f"postgresql://wolke@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    directory = Path(tempfile.mkdtemp(prefix="wolke-pg-"))
    server = PostgresServer(directory)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(directory)


def _tables(annex: bool) -> list[Any]:
    """The annex has a database of its own; what both have is core's."""
    return [
        one
        for one in METADATA.sorted_tables
        if one.name.startswith("core_") or one.name.startswith("business_") == annex
    ]


async def create_tables(url: str, *, annex: bool = False) -> None:
    """Every table of the cloud, or of its annex, that is known in this process, also those that tests declare. A start migrates
    instead."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateIndex, CreateTable

    if url.startswith("sqlite"):
        engine = sa.create_engine(url)
        METADATA.create_all(engine, _tables(annex))
        engine.dispose()
        return
    import asyncpg

    dialect = postgresql.dialect()
    statements = [str(CreateTable(table).compile(dialect=dialect)) for table in _tables(annex)]
    statements += [str(CreateIndex(i).compile(dialect=dialect)) for table in _tables(annex) for i in table.indexes]
    connection = await asyncpg.connect(url)
    await connection.execute(";".join(statements))
    await connection.close()


_sqlite_templates: dict[tuple[int, bool], bytes] = {}


async def _sqlite_with_tables(folder: Path, annex: bool) -> str:
    """A copy of a file that is made once for each number of known tables."""
    known = len(METADATA.tables), annex
    path = folder / "tables.db"
    if known not in _sqlite_templates:
        await create_tables(f"sqlite:///{path}", annex=annex)
        _sqlite_templates[known] = path.read_bytes()
    path.write_bytes(_sqlite_templates[known])
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database of its own with every table of the cloud, or of its annex in that one's tests, once SQLite and once PostgreSQL."""
    annex = bool({"business", "story", "browser"} & set(request.path.parts))
    if request.param == "sqlite":
        return await _sqlite_with_tables(tmp_path, annex)
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return await server.new_database(annex=annex)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    db = await open_database(database_url)
    yield db
    await db.close()
    await asyncio.sleep(0)
