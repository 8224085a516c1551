"""The network agent of a host: it asks the controllers what to carry, tells the dataplane, and reports what came of it.

It has no memory that matters. What was applied is remembered only so as not to be applied again; after a restart
everything is applied once more, which changes nothing where nothing changed. One network that fails, or hangs, delays no
other: each has its own deadline and a few run at once, changed ones first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from wolke.core.drivers import Failure
from wolke.core.log import get_logger
from wolke.network.agent.metadata import Metadata, MetadataServer
from wolke.network.drivers import base
from wolke.network.scheduler.wishes import Wish
from wolke.network.schema.wishes import NetworkOutcome, Outcome, RouterOutcome, decode

__all__ = ["Client", "Metadata", "NetworkAgent"]

log = get_logger(__name__)
_AT_ONCE = 8
_APPLY_S = 60.0
_DRIFT_ROUNDS = 10
_REST_S = 0.1
_RETRY_S = (0.2, 30.0)


class Reply(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Client(Protocol):
    """What is needed of ``core.agent_client.AgentClient``."""

    async def request(
        self, method: str, path: str, value: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Reply: ...

    def stream_lines(self, path: str) -> AsyncIterator[str]: ...


class NetworkAgent:
    """The dataplane is prepared and closed by whoever made it. ``run`` until cancelled; ``round`` looks and acts once, for tests and for whoever cannot wait."""

    def __init__(
        self,
        dataplane: base.Dataplane,
        client: Client,
        host: str,
        period_s: float = 20.0,
        *,
        metadata: Metadata | None = None,
        prefix: str = "/agent/network",
    ) -> None:
        self._dataplane = dataplane
        self._client = client
        self._period_s = period_s
        self._metadata = metadata
        self._path = f"{prefix}/v1/hosts/{quote(host, safe='')}"
        self._awake = asyncio.Event()
        self._wish = Wish()
        self._etag = ""
        self._networks: dict[str, base.Network] = {}  # as applied
        self._routers: dict[str, base.Router] = {}
        self._errors: dict[str, str] = {}  # of networks and routers, by id
        self._ports: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._servers: dict[str, MetadataServer] = {}
        self._rounds = 0
        self._slots = asyncio.Semaphore(_AT_ONCE)

    # -- for compute's agent in the same process

    async def attachment(self, network_id: str, port_id: str) -> base.Attachment:
        return await self._dataplane.attachment(network_id, port_id)

    async def ensure_port(self, network_id: str, port_id: str, timeout_s: float) -> None:
        """Returns when the port is carried. ``Failure`` with the dataplane's reason, or that it took too long."""
        if port_id in self._ports:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(port_id, []).append(future)
        self.wake()
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            reason = self._errors.get(network_id, f"it was not carried within {timeout_s:g} s")
            raise Failure(f"Port {port_id} could not be connected to its network: {reason}") from None
        finally:
            self._waiting.get(port_id, []).remove(future)
            if not self._waiting.get(port_id):
                self._waiting.pop(port_id, None)

    def wake(self) -> None:
        self._awake.set()

    async def differences(self) -> list[tuple[str, str]]:
        """What is carried otherwise than it should be: of which network or router, and in a sentence what."""
        wish = decode((await self._client.request("GET", self._path + "/wish")).body)
        found = await self.surplus(wish)
        for noun, wanted in (("network", wish.networks), ("router", wish.routers)):
            for thing in wanted:
                said = await self._dataplane.differences(thing)
                found += [(thing.id, f"{noun} {thing.id}: {one}") for one in said]
        return found

    async def surplus(self, wish: Wish) -> list[tuple[str, str]]:
        """What is carried that nothing wishes for, as ``differences`` tells it."""
        wished = {r.id for r in wish.routers} | {n.id for n in wish.networks}
        found = []
        for noun, there in (("router", await self._dataplane.routers()), ("network", await self._dataplane.networks())):
            found += [(one, f"{noun} {one} is carried, and should not be") for one in there if one not in wished]
        return found

    async def clear(self, wish: Wish) -> list[str]:
        """Remove the surplus; why what is left of it could not be."""
        await self._remove(wish)
        return [self._errors.get(one, says) for one, says in await self.surplus(wish)]

    async def carry(self) -> None:
        """Look, make it so, whatever was done before."""
        self._etag = ""
        self._networks.clear()
        self._routers.clear()
        await self.round()

    # -- running

    async def run(self) -> None:
        helpers = [asyncio.create_task(self._again(self._listen)), asyncio.create_task(self._again(self._heartbeats))]
        try:
            await self._again(self._rounds_for_ever)
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await asyncio.gather(*(server.close() for server in self._servers.values()))
            self._servers.clear()

    async def _again(self, act: Callable[[], Awaitable[None]]) -> None:
        """For ever; after an error a little later each time."""
        delay_s, most_s = _RETRY_S
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await act()
            except Exception as error:
                log.warning("the network agent will try again", act=act.__name__, reason=str(error)[:300])
            lasted_s = asyncio.get_running_loop().time() - started
            delay_s = _RETRY_S[0] if lasted_s > most_s else min(most_s, delay_s * 2)
            await asyncio.sleep(delay_s)

    async def _listen(self) -> None:
        async for line in self._client.stream_lines(self._path + "/wakes"):
            if line in ("wake", "ready"):
                self.wake()

    async def _heartbeats(self) -> None:
        while True:
            await self.register()
            await asyncio.sleep(self._period_s)

    async def register(self) -> None:
        capabilities = asdict(self._dataplane.capabilities)
        name = capabilities.pop("name")
        await self._client.request("PUT", self._path, {"dataplane": name, "capabilities": capabilities})

    async def _rounds_for_ever(self) -> None:
        while True:
            self._awake.clear()
            started = asyncio.get_running_loop().time()
            await self.round()
            lasted_s = asyncio.get_running_loop().time() - started
            await asyncio.sleep(min(lasted_s, _REST_S))  # a storm of wakes costs no more than half of the time
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):  # wait_for of Python 3.11 can lose a cancellation
                    await self._awake.wait()

    def _pause_s(self) -> float:
        return min(self._period_s, 2.0) if self._errors else self._period_s

    async def round(self) -> None:
        """Look, make it so, report."""
        self._rounds += 1
        mend = self._rounds % _DRIFT_ROUNDS == 1
        etag = self._etag
        headers = {"If-None-Match": f'"{etag}"'} if etag else {}
        reply = await self._client.request("GET", self._path + "/wish", headers=headers)
        if reply.status == 200:
            self._wish = decode(reply.body)
            etag = reply.headers.get("ETag", "").strip('"')
        elif not mend and not self._errors:
            return
        self._etag = ""  # until all of it is done and reported: controllers that die meanwhile are told again
        await self._apply(self._wish, mend=mend)
        self._etag = etag

    async def _apply(self, wish: Wish, *, mend: bool) -> None:
        due = [n for n in wish.networks if mend or n.id in self._errors or self._networks.get(n.id) != n]
        due.sort(key=lambda n: self._networks.get(n.id) == n)
        said: dict[str, NetworkOutcome] = {}
        outcomes = await asyncio.gather(*(self._network(n) for n in due))
        for network, outcome in zip(due, outcomes, strict=True):
            said[network.id] = outcome
        for network in wish.networks:
            late = [p.id for p in network.ports if p.id in wish.unconfirmed and p.id in self._ports]
            if network.id not in said and late:
                said[network.id] = NetworkOutcome(late)
        await self._report(Outcome(networks=said))
        routers = [
            r
            for r in wish.routers
            if mend or r.id in self._errors or r.id in wish.unconfirmed or self._routers.get(r.id) != r
        ]
        results = await asyncio.gather(*(self._router(r) for r in routers))
        await self._report(Outcome(routers=dict(zip((r.id for r in routers), results, strict=True))))
        await self._remove(wish)

    async def _report(self, outcome: Outcome) -> None:
        if outcome.networks or outcome.routers:
            await self._client.request("POST", self._path + "/outcome", msgspec.to_builtins(outcome))

    # -- one at a time

    async def _try(self, key: str, act: Callable[[], Awaitable[None]]) -> str | None:
        """None if it went well, else why not."""
        async with self._slots:
            try:
                async with asyncio.timeout(_APPLY_S):
                    await act()
            except Failure as failure:
                self._errors[key] = str(failure)
            except TimeoutError:
                self._errors[key] = f"it took longer than {_APPLY_S:g} s"
            except Exception as error:
                log.exception("the dataplane failed", id=key)
                self._errors[key] = str(error) or type(error).__name__
            else:
                self._errors.pop(key, None)
        return self._errors.get(key)

    async def _network(self, network: base.Network) -> NetworkOutcome:
        async def act() -> None:
            await self._dataplane.apply_network(network)
            await self._serve_metadata(network.id)

        error = await self._try(network.id, act)
        if error is not None:
            self._networks.pop(network.id, None)
            return NetworkOutcome([p.id for p in network.ports if p.id in self._ports], error)
        before = self._networks.get(network.id)
        ports = [p.id for p in network.ports]
        self._ports -= {p.id for p in before.ports} if before else set()
        self._ports |= set(ports)
        self._networks[network.id] = network
        self._settle(ports)
        return NetworkOutcome(ports)

    def _settle(self, ports: list[str]) -> None:
        """Tell those who wait. An error is not told at once: the next try may go well before their time is up."""
        for port_id in ports:
            for future in self._waiting.get(port_id, ()):
                if not future.done():
                    future.set_result(None)

    async def _router(self, router: base.Router) -> RouterOutcome:
        error = await self._try(router.id, lambda: self._dataplane.apply_router(router))
        if error is not None:
            self._routers.pop(router.id, None)
            return RouterOutcome([], error)
        self._routers[router.id] = router
        return RouterOutcome([f.id for f in router.floating_ips])

    async def _remove(self, wish: Wish) -> None:
        """What is here and no longer wished for: routers first, for they stand on networks."""
        wished = {r.id for r in wish.routers} | {n.id for n in wish.networks}
        routers, networks = await self._dataplane.routers(), await self._dataplane.networks()
        for router_id in routers:
            if router_id not in wished:
                gone = await self._try(router_id, lambda key=router_id: self._dataplane.remove_router(key))  # type: ignore[misc]
                if gone is None:
                    self._routers.pop(router_id, None)
        for network_id in networks:
            if network_id not in wished:
                await self._remove_network(network_id)
        known = wished | {*routers, *networks}
        self._errors = {key: error for key, error in self._errors.items() if key in known}

    async def _remove_network(self, network_id: str) -> None:
        server = self._servers.pop(network_id, None)
        if server is not None:
            await server.close()
        if await self._try(network_id, lambda: self._dataplane.remove_network(network_id)) is None:
            before = self._networks.pop(network_id, None)
            self._ports -= {p.id for p in before.ports} if before else set()

    async def _serve_metadata(self, network_id: str) -> None:
        if self._metadata is None or network_id in self._servers or not self._dataplane.capabilities.metadata:
            return
        listening = await self._dataplane.metadata_socket(network_id)
        if listening is not None:
            server = MetadataServer(network_id, self._metadata)
            await server.serve(listening)
            self._servers[network_id] = server
