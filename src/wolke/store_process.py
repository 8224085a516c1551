"""The object store's process: engines, the store, its two doors, and what it looks after by itself.

It is a child of ``wolke up`` (``wolke.child``), so that heavy traffic of objects slows nothing else, and asks Identity who speaks by
reading the cloud's database itself: no request goes from one process to the other.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prometheus_client import Gauge

from wolke.child import Told, listen_to_parent
from wolke.core import drivers, metrics
from wolke.core.clock import Clock
from wolke.core.config import ConfigError
from wolke.core.context import Context
from wolke.core.db import open_database
from wolke.core.http import Api, Application, Request, Response, Route
from wolke.core.log import configure, get_logger
from wolke.core.policy import Policy
from wolke.identity.service import Identity
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.drivers import DRIVERS
from wolke.object_store.drivers.base import Broken
from wolke.settings import Settings
from wolke.state import StateDirectory

_OLDEST_REGION = "us-east-1"
_OWN_NAMES = frozenset({"/healthz", "/metrics"})
_GC_THRESHOLDS = (50_000, 20, 100)

_ROOM = Gauge(
    "wolke_object_room_bytes",
    "The disk of each storage policy: used by all of it, of that live, and free.",
    ("policy", "kind"),
    registry=metrics.REGISTRY,
)

log = get_logger(__name__)
Serve = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def engines(config: ObjectStoreConfig, state: Path) -> dict[str, Any]:
    """A driver, not yet open, for each storage policy; the first is the default. ``ConfigError`` for what is no policy."""
    found: dict[str, Any] = {}
    for one in filter(None, map(str.strip, config.policies.split(","))):
        name, equals, what = (word.strip() for word in one.partition("="))
        driver, _, place = what.partition(":")
        if not equals or not name or not driver or name in found:
            raise ConfigError(
                f"[object_store] policies: {one!r} is not name=driver or name=driver:/directory, or it is there twice"
            )
        try:
            kind = drivers.load("object_store", DRIVERS, driver)
        except LookupError as error:
            raise ConfigError(f"[object_store] policies: {error}") from None
        directory = Path(place) if place else state / "objects" / name
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found[name] = kind(directory)
    if not found:
        raise ConfigError("[object_store] policies: there must be at least one")
    return found


class Store:
    """``open`` before requests are taken; ``close`` when none comes any more."""

    def __init__(self, settings: Settings, state: StateDirectory) -> None:
        self.settings = settings
        self.state = state
        self.clock = Clock()
        self.engines = engines(settings.object_store, state.path)
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """The cloud's database is there by now."""
        await asyncio.gather(*(engine.open() for engine in self.engines.values()))
        from wolke.object_store.service import ObjectStore

        settings = self.settings
        url = settings.cloud.database or f"sqlite:///{self.state / 'wolke.db'}"
        self.db = await open_database(url, alone=False)
        config = replace(settings.identity, keys_dir=settings.identity.keys_dir or str(self.state / "keys"))
        self.identity = Identity(self.db, config, self.clock, public_url=settings.public_url)
        await self.identity.start()
        self.store = ObjectStore(self.engines, settings.object_store, self.clock)
        self._serve = serve(self)

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        return self._serve(scope, receive, send)

    def begin(self) -> None:
        """What the engines do for themselves, and the store for its objects."""
        from wolke.object_store.reconcile.expirer import Expirer
        from wolke.object_store.reconcile.lifecycle import Lifecycle

        for name, engine in self.engines.items():
            self._run(f"engine {name}", engine.run())
        for work in (Expirer(self.store), Lifecycle(self.store)):
            self._run(work.loop.name, work.loop.run())

    def _run(self, name: str, work: Any) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._died)
        self._tasks.append(task)

    def _died(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("a part of the object store has stopped", part=task.get_name(), error=repr(error), exc_info=error)
        if isinstance(error, Broken) and not self.broken.done():
            self.broken.set_exception(error)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for engine in self.engines.values():
            await engine.close()
        if hasattr(self, "db"):
            await self.identity.stop()
            await self.db.close()


def serve(store: Store) -> Serve:
    """The doors, and beside them what monitors ask; a bucket may have such a name, so only who shows no key is taken for a monitor."""
    from wolke.object_store.doors import build_door

    own = Application([operations(store)], store.identity.authenticate)
    identity = store.identity
    login = identity.authentication.login
    door = build_door(
        store.store, identity.authenticate, keys=identity.ec2_secret, login=login, terms=_terms(store.settings)
    )

    def choose(scope: dict[str, Any], receive: Any, send: Any) -> Awaitable[None]:
        if scope["type"] == "http" and (scope["path"] not in _OWN_NAMES or scope["query_string"] or _is_signed(scope)):
            return door(scope, receive, send)
        return own(scope, receive, send)

    return choose


def _terms(settings: Settings) -> Any:
    """S3's. Many clients sign with its oldest region unless they are told another."""
    from wolke.object_store.s3 import Terms

    config = settings.object_store
    domains = tuple(filter(None, (one.strip().lower() for one in config.bucket_domains.split(","))))
    operators = frozenset(filter(None, map(str.strip, config.operator_roles.split(","))))
    return Terms(tuple(dict.fromkeys((settings.cloud.region, _OLDEST_REGION))), domains, operators)


def _is_signed(scope: Mapping[str, Any]) -> bool:
    return any(name == b"authorization" for name, _ in scope["headers"])


def operations(store: Store) -> Api:
    """What monitors ask."""

    async def healthz(service: Store, ctx: Context, request: Request) -> Any:
        return {"status": "ok", "parts": {task.get_name(): _is_well(task) for task in service._tasks}}

    async def figures(service: Store, ctx: Context, request: Request) -> Response:
        for name, engine in service.engines.items():
            room = await engine.room()
            for kind, octets in (("used", room.used), ("live", room.live), ("free", room.free)):
                if octets is not None:
                    _ROOM.labels(name, kind).set(octets)
        return Response(200, metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")

    routes = (
        Route("GET", "/healthz", healthz, auth=False),
        Route("GET", "/metrics", figures, auth=False),
    )
    return Api("operations", "", routes, store, Policy(()), quiet=True)


def _is_well(task: asyncio.Task[None]) -> bool:
    """Some engines have nothing to look after, and end at once."""
    return not task.done() or (not task.cancelled() and task.exception() is None)


async def _run(told: Told) -> None:
    from wolke.core.http.server import Server

    said: Mapping[str, Any] = told.said
    configure(level=said["log_level"], as_json=said["log_json"])
    state = StateDirectory(Path(said["state"]))
    settings = Settings.read(
        state,
        path=Path(said["config"]) if said["config"] else None,
        environment=os.environ,
        public_url=said["public_url"],
        said={("cloud", "database"): said["database"]},
    )
    os.nice(settings.object_store.nice)
    store = Store(settings, state)
    server = Server(store, [told.socket], tls=_tls(said))
    try:
        await store.open()
        await server.start()
        store.begin()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        ended = asyncio.create_task(told.must_end())
        await asyncio.wait((ended, store.broken), return_when=asyncio.FIRST_COMPLETED)
        await server.stop()
        if store.broken.done():
            store.broken.result()  # our parent starts us again, and the engines are opened anew
    finally:
        await store.close()


def _tls(said: Mapping[str, Any]) -> Any:
    if not said["certificate"]:
        return None
    from wolke import tls

    return tls.context(Path(said["certificate"]), Path(said["key"]))


async def _main() -> int:
    told = await listen_to_parent()
    try:
        await _run(told)
    except (Broken, ConfigError, LookupError, OSError, RuntimeError) as error:
        print(f"wolke: the object store: {error}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main())


if __name__ == "__main__":
    sys.exit(main())
