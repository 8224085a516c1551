"""``wolke portal``: the point of purchase alone, for a cloud that stands in ``clouds.yaml``, until a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from wolke.state import StateDirectory, StateError


@dataclass(frozen=True)
class PortalOptions:
    cloud: str
    state: Path | None = None
    listen: str = "127.0.0.1:8770"
    config: Path | None = None
    log_json: bool = False
    log_level: str = "info"


def default_folder() -> Path:
    """The system's place for root, else the user's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/wolke-portal")
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(home) / "wolke-portal"


def run(options: PortalOptions) -> int:
    from wolke.cli.up import parse_listen
    from wolke.core import log
    from wolke.core.config import ConfigError

    try:
        log.configure(level=options.log_level, as_json=options.log_json)
        host, port = parse_listen(options.listen)
        state = StateDirectory(options.state or default_folder())
        state.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        shown = f"[{host}]" if ":" in host else host
        state.acquire(f"http://{shown}:{port}")
    except KeyError:
        return _refuse(f"--log-level {options.log_level!r} is none of debug, info, warning, error")
    except (StateError, ValueError, OSError) as error:
        return _refuse(str(error))
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(options, state, host, port, f"http://{shown}:{port}"))
    except (StateError, ConfigError, ValueError, OSError) as error:
        return _refuse(str(error))
    finally:
        state.release()
    return 0


async def _run(options: PortalOptions, state: StateDirectory, host: str, port: int, url: str) -> None:
    from wolke.business.config import BusinessConfig
    from wolke.core import config as configuration
    from wolke.core.clock import Clock
    from wolke.core.http.server import Server, bind
    from wolke.storefront import Storefront

    if options.config is not None and not options.config.exists():
        raise StateError(f"there is no file {options.config}")
    sections = configuration.read(options.config or state / "wolke.toml", os.environ)
    business = configuration.section(sections, "business", BusinessConfig)
    named = os.environ.get("OS_CLIENT_CONFIG_FILE")
    storefront = Storefront(business, state, Clock(), url, options.cloud, Path(named) if named else None)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    sock = bind(host, port)
    server = Server(storefront.serve, [sock])
    try:
        await storefront.opened()
        await server.start()
        state.say(url, ready=True)
        print(
            f"wolke: the portal of {options.cloud} is at {url} (first administrator: {storefront.credentials})",
            file=sys.stderr,
            flush=True,
        )
        await stopping.wait()
        print("wolke: stopping", file=sys.stderr, flush=True)
        await storefront.end()
    finally:
        await server.stop()
        await storefront.close()
        sock.close()


def _refuse(reason: str) -> int:
    print(f"wolke: {reason}", file=sys.stderr)
    return 1
