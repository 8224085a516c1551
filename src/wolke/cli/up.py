"""``wolke up``: the whole cloud in this process, and its object store in one beside it, until a signal.

SIGINT and SIGTERM stop it with its guests, SIGHUP leaves the guests running; a second signal while it stops changes nothing.
kill -9 needs no farewell: the next start finds everything as it was.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wolke.state import StateDirectory, StateError, default_directory

if TYPE_CHECKING:
    from wolke.child import Child
    from wolke.settings import Settings

Chain = tuple[Path, Path]  # a certificate and its key
_GC_THRESHOLDS = (10_000, 20, 20)


@dataclass(frozen=True)
class UpOptions:
    state: Path | None = None
    listen: str = "127.0.0.1:8765"
    config: Path | None = None
    database: str | None = None
    tls: bool = False
    certificate: Path | None = None
    key: Path | None = None
    object_store: str | None = None
    hypervisor: str | None = None
    dataplane: str | None = None
    log_json: bool = False
    log_level: str = "info"


def run(options: UpOptions) -> int:
    from wolke.core import log
    from wolke.core.config import ConfigError
    from wolke.core.drivers import Failure

    try:
        log.configure(level=options.log_level, as_json=options.log_json)
    except KeyError:
        return _refuse(f"--log-level {options.log_level!r} is none of debug, info, warning, error")
    state = StateDirectory(options.state or default_directory())
    try:
        host, port = parse_listen(options.listen)
        state.make()
        state.acquire(public_url(options, host, port))
        return _serve(options, state, host, port)
    except (StateError, ConfigError, LookupError, ValueError, Failure) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"cannot listen on {options.listen}: {error.strerror or error}")
    finally:
        state.release()


def _serve(options: UpOptions, state: StateDirectory, host: str, port: int) -> int:
    gc.disable()  # until all is there: nothing that a start makes is garbage
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(options, state, host, port))
    return 0


async def _run(options: UpOptions, state: StateDirectory, host: str, port: int) -> None:
    from wolke.app import Cloud
    from wolke.core.http.server import Server, bind

    stopping: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    _on_signals(stopping)
    certificate, chain = _tls(options, state, host)
    url = public_url(options, host, port)
    sock = bind(host, port)
    settings = _settings(options, state, url, certificate)
    store = _object_store(options, settings, state, (host, port), chain)
    cloud = Cloud(settings, state, store=store)
    server = Server(cloud.serve, [sock], tls=_context(chain))
    try:
        await cloud.open()
        state.write_clouds(url, certificate)
        await server.start()
        await cloud.begin()
        _collect_from_now_on()
        state.say(url, ready=True, object_store=cloud.store_url)
        where = f"{url}, objects at {cloud.store_url}" if store is not None else url
        print(f"wolke: the cloud is up at {where} (clouds.yaml: {state / 'clouds.yaml'})", file=sys.stderr, flush=True)
        if cloud.storefront is not None:
            print(
                f"wolke: the portal is there too (first administrator: {cloud.storefront.credentials})",
                file=sys.stderr,
                flush=True,
            )
        keep_guests = await stopping
        print(
            "wolke: stopping" + (", guests run on" if keep_guests else " with all guests"), file=sys.stderr, flush=True
        )
        await cloud.end(keep_guests=keep_guests)
    finally:
        await server.stop()
        await cloud.close()
        sock.close()


def _settings(options: UpOptions, state: StateDirectory, url: str, certificate: Path | None) -> Settings:
    from wolke.settings import Settings

    return Settings.read(
        state,
        path=options.config,
        environment=os.environ,
        public_url=url,
        certificate=certificate,
        said={
            ("cloud", "database"): options.database,
            ("host", "hypervisor"): options.hypervisor,
            ("host", "dataplane"): options.dataplane,
            ("object_store", "listen"): options.object_store,
        },
    )


def _object_store(
    options: UpOptions, settings: Settings, state: StateDirectory, cloud: tuple[str, int], chain: Chain | None
) -> Child | None:
    """Its process, not yet started."""
    from wolke.child import Child
    from wolke.core.http.server import bind

    if not settings.object_store.enabled:
        return None
    host, port = (
        parse_listen(settings.object_store.listen) if settings.object_store.listen else (cloud[0], cloud[1] + 1)
    )
    try:
        sock = bind(host, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StateError(
            f"cannot listen on {host}:{port} for the object store: {reason}. Choose with --object-store ADDR:PORT"
        ) from None
    said = {
        "state": str(state.path),
        "config": str(options.config) if options.config else "",
        "database": options.database,
        "public_url": settings.public_url,
        "certificate": str(chain[0]) if chain else "",
        "key": str(chain[1]) if chain else "",
        "log_level": options.log_level,
        "log_json": options.log_json,
    }
    url = public_url(options, host, sock.getsockname()[1])
    return Child("object store", "wolke.store_process", said, sock, url)


def _collect_from_now_on() -> None:
    """What is here by now stays, so the collector need not look at it; and it looks less often than Python's default, which is
    meant for smaller programs."""
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.enable()


def _on_signals(stopping: asyncio.Future[bool]) -> None:
    def ask(keep_guests: bool) -> None:
        if not stopping.done():
            stopping.set_result(keep_guests)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, ask, False)
    loop.add_signal_handler(signal.SIGTERM, ask, False)
    loop.add_signal_handler(signal.SIGHUP, ask, True)


def _tls(options: UpOptions, state: StateDirectory, host: str) -> tuple[Path | None, Chain | None]:
    """What clients must be told to trust, if anything, and the certificate to serve with."""
    if not options.tls:
        return None, None
    from wolke import tls

    if (options.certificate is None) != (options.key is None):
        raise StateError("--certificate and --key belong together")
    if options.certificate is not None and options.key is not None:
        own = options.certificate if tls.is_self_signed(options.certificate) else None
        return own, (options.certificate.absolute(), options.key.absolute())
    certificate, key = tls.generate(state / "tls", host)
    return certificate, (certificate, key)


def _context(chain: Chain | None) -> ssl.SSLContext | None:
    if chain is None:
        return None
    from wolke import tls

    return tls.context(*chain)


def parse_listen(text: str) -> tuple[str, int]:
    """``127.0.0.1:8765`` or ``[::1]:8765``."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--listen {text!r} is not ADDR:PORT")
    return host, int(port)


def public_url(options: UpOptions, host: str, port: int) -> str:
    """Where clients find the cloud. Listening everywhere is no address to be found at: then this machine's name stands."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - said by the operator
        import socket

        host = socket.getfqdn()
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if options.tls else 'http'}://{shown}:{port}"


def _refuse(reason: str) -> int:
    print(f"wolke: {reason}", file=sys.stderr)
    return 1
