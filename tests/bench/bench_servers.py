"""How many servers a second go from POST to ACTIVE: everything in this process, the simulated hypervisor, 16 clients.

python -m tests.bench.bench_servers [--servers 500] [--clients 16] [--profile FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import tempfile
import time
from pathlib import Path

from tests.conftest import create_tables
from tests.life_cloud import LifeCloud
from wolke.compute.config import ComputeConfig
from wolke.compute.store import SERVERS
from wolke.core import log
from wolke.core.clock import Clock
from wolke.core.db import Where, open_database

_PATIENCE_S = 120.0


async def bench(servers: int, clients: int, profile: str | None) -> None:
    log.configure(level="warning")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        await create_tables(f"sqlite:///{root}/wolke.db")
        await create_tables(f"sqlite:///{root}/wolke.db")
        db = await open_database(f"sqlite:///{root}/wolke.db")
        config = ComputeConfig(default_quota_instances=-1, default_quota_cores=-1, default_quota_ram_mib=-1)
        cloud = LifeCloud(db, root, Clock(), config).start()
        await cloud.furnish()
        parts = await cloud.add_host(vcpus=10_000, ram_mib=1 << 24)
        tasks = [asyncio.create_task(cloud.reconciler.run()), asyncio.create_task(parts.agent.run())]
        await asyncio.sleep(0.3)
        left = iter(range(servers))
        made: list[str] = []

        async def client() -> None:
            for number in left:
                made.append(await cloud.post_server(f"server-{number}"))

        profiler = cProfile.Profile() if profile else None
        if profiler:
            profiler.enable()
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(client() for _ in range(clients)))
        posted = time.perf_counter() - started
        while await cloud.count_active() < servers:
            await asyncio.sleep(0.01)
            if time.perf_counter() - started > _PATIENCE_S:
                late = await cloud.db.find(SERVERS, where=[Where("status", "ne", "ACTIVE")], limit=5)
                raise SystemExit(f"not all came up: {[(one.status, one.task, one.host, one.fault) for one in late]}")
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        if profiler:
            profiler.disable()
            profiler.dump_stats(profile or "")
        print(f"{servers} servers: {servers / seconds:.0f} a second; POSTs took {posted:.2f} s, all {seconds:.2f} s; "
              f"{cpu / servers * 1e3:.1f} ms of CPU each")  # fmt: skip
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await db.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", type=int, default=500)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--profile")
    asked = parser.parse_args()
    asyncio.run(bench(asked.servers, asked.clients, asked.profile))
