"""The dataplane of one Linux host: namespaces, bridges, taps, nftables, dnsmasq. It needs root and nothing else.

    guest ─ tap ─┐                                  ┌─ tap ─ guest
                 bridge ── veth ── router ── veth ── bridge         one namespace each: addresses may overlap
              dnsmasq, 169.254.169.254      │
                                          veth
                                            │
                              bridge of the external network ── masquerade ── the host's own interfaces

The kernel is the only memory. Every ``apply`` looks at what there is and does the difference; names follow from ids, so
a new process continues where a killed one stopped. The work is done in threads that step into namespaces; one network
or router is worked on by one thread at a time, different ones in parallel.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from wolke.core.drivers import Failure
from wolke.network.drivers.base import Attachment, Capabilities, Network, Router
from wolke.network.drivers.linux import checks, daemons, links, namespaces, tables
from wolke.network.drivers.linux.host import HostSwitches
from wolke.network.drivers.linux.names import Names, derived_tag
from wolke.network.drivers.linux.namespaces import Namespaces
from wolke.network.drivers.linux.networks import Networks
from wolke.network.drivers.linux.routers import Routers

TOOLS = ("ip", "nft", "dnsmasq")
THREADS = 4
_T = TypeVar("_T")


class LinuxDataplane:
    """``tag`` tells the clouds of one machine apart; it follows from the state directory unless given.

    ``run_dir`` holds what dnsmasq reads and must be reachable for its user, which a state directory need not be.
    """

    def __init__(
        self, state_dir: Path, *, tag: str = "", external_masquerade: bool = True, run_dir: Path | None = None
    ) -> None:
        self._state_dir = state_dir
        self._names = Names(tag or derived_tag(state_dir))
        self._run_dir = run_dir or Path("/run") / f"wolke-{self._names.tag}"
        self._namespaces = Namespaces()
        self._switches = HostSwitches(state_dir / "host-switches.json")
        self._networks = Networks(
            self._names, self._namespaces, self._switches, self._run_dir, masquerade=external_masquerade
        )
        self._routers = Routers(self._names, self._namespaces, self._run_dir)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dataplane")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("linux")

    async def prepare(self) -> None:
        namespaces.require_root()
        missing = namespaces.missing_tools(TOOLS)
        if missing:
            raise Failure(
                f"the linux dataplane needs {', '.join(missing)}: install iproute2, nftables and dnsmasq-base"
            )
        self._state_dir.mkdir(parents=True, exist_ok=True)
        self._run_dir.mkdir(mode=0o755, parents=True, exist_ok=True)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self._namespaces.close()

    async def teardown(self) -> None:
        await self._do("", self._teardown)

    async def differences(self, thing: Network | Router) -> Sequence[str]:
        if isinstance(thing, Network):
            checks.network(thing)
            return await self._do(thing.id, lambda: self._networks.differences(thing))
        checks.router(thing)
        return await self._do(thing.id, lambda: self._routers.differences(thing))

    async def networks(self) -> Sequence[str]:
        return await self._do("", self._networks.ids)

    async def apply_network(self, network: Network) -> None:
        checks.network(network)
        await self._do(network.id, lambda: self._networks.apply(network))

    async def remove_network(self, network_id: str) -> None:
        checks.identifier(network_id)
        await self._do(network_id, lambda: self._networks.remove(network_id))

    async def routers(self) -> Sequence[str]:
        return await self._do("", self._routers.ids)

    async def apply_router(self, router: Router) -> None:
        checks.router(router)
        await self._do(router.id, lambda: self._routers.apply(router))

    async def remove_router(self, router_id: str) -> None:
        checks.identifier(router_id)
        await self._do(router_id, lambda: self._routers.remove(router_id))

    async def attachment(self, network_id: str, port_id: str) -> Attachment:
        checks.identifier(network_id)
        checks.identifier(port_id)
        return self._networks.attachment(network_id, port_id)

    async def metadata_socket(self, network_id: str) -> socket.socket | None:
        checks.identifier(network_id)
        return await self._do(network_id, lambda: self._networks.metadata_socket(network_id))

    async def _do(self, key: str, work: Callable[[], _T]) -> _T:
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _teardown(self) -> None:
        """By what is found under the tag, whether or not anything remembers it."""
        daemons.remove_all(self._run_dir)
        prefix = f"wk-{self._names.tag}-"
        for name in self._namespaces.names():
            if name.startswith(prefix):
                self._namespaces.delete(name)
        with self._namespaces.inside(""):
            ours = [f"{kind}{self._names.tag}" for kind in "tqb"]
            found = [name for name, link in links.look().items() if self._is_ours(name, link, ours)]
            links.delete(sorted(found, key=lambda name: name[0] == "b"))
            tables.drop(self._names.tables)
            self._switches.restore()

    def _is_ours(self, name: str, link: links.Found, prefixes: Sequence[str]) -> bool:
        """A user's own `btag0` is not ours: the length and the kind must be right as well."""
        return len(name) == 15 and link.kind in ("tap", "veth", "bridge") and name.startswith(tuple(prefixes))
