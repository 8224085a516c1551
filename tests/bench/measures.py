"""What is measured, one function a figure."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench import beside, billing, objects, pages, storefront, volumes
from tests.bench.load import repeat
from tests.bench.processes import Cloud, Nginx, cpu_seconds, resident_mib
from tests.bench.rows import Row

NEWEST = {"OpenStack-API-Version": "compute latest"}


def everything(folder: Path, *, quick: bool) -> list[Row]:
    rows = [help_time(5 if quick else 15)]
    rows.append(start_time(folder / "start", 2 if quick else 4))
    with Cloud(folder / "cloud") as cloud, Nginx(folder / "nginx") as nginx:
        time.sleep(2)
        rows.append(Row("the whole cloud, idle, resident", resident_mib(cloud.process.pid), " MiB", 200))
        rows.append(build_rate(cloud, 500, 16))
        rows += request_ratios(cloud, nginx, 800 if quick else 4000)
        server = cloud.call("GET", "/compute/v2.1/servers?limit=1")["servers"][0]["id"]
        rows.append(beside.slowdown(cloud, f"/compute/v2.1/servers/{server}", NEWEST, 1000 if quick else 4000))
    with Cloud(folder / "objects") as cloud, Nginx(folder / "nginx-objects") as nginx:
        rows += objects.measures(cloud, nginx, quick=quick)
    rows.append(objects.restart_time(cloud))
    with Cloud(folder / "boots", "--hypervisor", "qemu", "--dataplane", "user") as cloud:
        rows.append(boot_overhead(cloud, 4 if quick else 10))
    (folder / "volumes").mkdir()
    rows += volumes.measures(folder / "volumes", quick=quick)
    rows += storefront.measures(folder / "storefront", quick=quick)
    rows += pages.measures(folder / "pages", quick=quick)
    return rows + billing.measures(folder / "billing", quick=quick)


def help_time(rounds: int) -> Row:
    """The best of some: what the command itself takes, not what else the machine does."""
    times = []
    for _ in range(rounds):
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "wolke", "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - started)
    return Row("`wolke --help`", min(times) * 1000, " ms", 200)


def start_time(state: Path, rounds: int) -> Row:
    times = []
    for _ in range(rounds):
        with Cloud(state) as cloud:
            times.append(cloud.first_token_s)
    return Row("`wolke up` to its first token, warm", min(times[1:]), " s", 1.5)


def ratio(cloud: Cloud, nginx: Nginx, path: str, count: int, headers: dict[str, str]) -> float:
    """CPU per request, ours over nginx's, for the same bytes."""
    port = int(cloud.url.rpartition(":")[2])
    sent = {"X-Auth-Token": cloud.token, **headers}
    body = repeat(port, path, sent, count=64)
    name = nginx.serve(path.strip("/").replace("/", "-").replace("?", "-"), body)
    repeat(nginx.port, name, {}, count=64)

    def cost(pids: list[int], run: Callable[[int], Any], many: int) -> float:
        before = cpu_seconds(pids)
        run(many)
        return (cpu_seconds(pids) - before) / many

    ours = cost([cloud.process.pid], lambda n: repeat(port, path, sent, count=n), count)
    theirs = cost(nginx.pids(), lambda n: repeat(nginx.port, name, {}, count=n), max(count * 8, 4000))
    return ours / theirs


def request_ratios(cloud: Cloud, nginx: Nginx, count: int) -> list[Row]:
    server = cloud.call("GET", "/compute/v2.1/servers?limit=1")["servers"][0]["id"]
    subject = {"X-Subject-Token": cloud.issue()}
    few = max(40, count // 40)
    return [
        Row("validate a token", ratio(cloud, nginx, "/identity/v3/auth/tokens", count, subject), "×", 15),
        Row("GET server", ratio(cloud, nginx, f"/compute/v2.1/servers/{server}", count, NEWEST), "×", 15),
        Row("GET flavors/detail", ratio(cloud, nginx, "/compute/v2.1/flavors/detail", count, NEWEST), "×", 15),
        Row(
            "GET servers/detail of 1,000",
            ratio(cloud, nginx, "/compute/v2.1/servers/detail?limit=1000&all_tenants=1", few, NEWEST),
            "×",
            40,
        ),
    ]


def build_rate(cloud: Cloud, servers: int, clients: int) -> Row:
    """POST → ACTIVE with simulated machines. Leaves 1,000 servers for the lists."""
    prepare(cloud)
    started = time.monotonic()
    asyncio.run(_build(cloud, servers, clients))
    rate = servers / (time.monotonic() - started)
    asyncio.run(_build(cloud, 1000 - servers, clients))
    return Row(
        f"POST → ACTIVE, simulated, {clients} clients, {servers} servers", rate, " servers/s", 100, at_least=True
    )


def boot_overhead(cloud: Cloud, rounds: int) -> Row:
    """From the 202 to ACTIVE, which is when QEMU runs the guest. The image (4 KiB) costs nothing to copy."""
    prepare(cloud)
    while not cloud.call("GET", "/compute/v2.1/os-hypervisors")["hypervisors"]:
        time.sleep(0.05)
    times = []
    for number in range(rounds):
        body = {"server": {"name": f"boot-{number}", **cloud.bench}}  # type: ignore[attr-defined]
        server = cloud.call("POST", "/compute/v2.1/servers", body, openstack_api_version="compute 2.96")["server"]["id"]
        accepted, status = time.monotonic(), "BUILD"
        while status == "BUILD":
            time.sleep(0.002)
            status = cloud.call("GET", f"/compute/v2.1/servers/{server}")["server"]["status"]
        if status != "ACTIVE":
            raise RuntimeError(f"the server is {status}")
        times.append(time.monotonic() - accepted)
        cloud.call("DELETE", f"/compute/v2.1/servers/{server}")
    return Row("POST accepted to QEMU running, median", sorted(times)[rounds // 2] * 1000, " ms", 400)


def prepare(cloud: Cloud) -> None:
    project = cloud.call("GET", "/identity/v3/auth/projects")["projects"][0]["id"]
    unlimited = {"instances": -1, "cores": -1, "ram": -1}
    cloud.call("PUT", f"/compute/v2.1/os-quota-sets/{project}", {"quota_set": unlimited})
    cloud.call("PUT", f"/network/v2.0/quotas/{project}", {"quota": {"port": -1}})
    image = cloud.call("POST", "/image/v2/images", {"name": "bench", "disk_format": "raw", "container_format": "bare"})
    import urllib.request

    upload = urllib.request.Request(
        f"{cloud.url}/image/v2/images/{image['id']}/file",
        bytes(4096),
        {"x-auth-token": cloud.token, "content-type": "application/octet-stream"},
        method="PUT",
    )
    urllib.request.urlopen(upload, timeout=30).close()
    network = cloud.call("POST", "/network/v2.0/networks", {"network": {"name": "bench"}})["network"]
    subnet = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/16"}
    cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet})
    cloud.bench = {"imageRef": image["id"], "networks": [{"uuid": network["id"]}], "flavorRef": "42"}  # type: ignore[attr-defined]


async def _build(cloud: Cloud, servers: int, clients: int) -> None:
    headers = {"X-Auth-Token": cloud.token, "X-OpenStack-Nova-API-Version": "2.96"}
    numbers = iter(range(servers))
    async with aiohttp.ClientSession(headers=headers) as session:

        async def client() -> None:
            for number in numbers:
                body = {"server": {"name": f"bench-{number}", **cloud.bench}}  # type: ignore[attr-defined]
                async with session.post(f"{cloud.url}/compute/v2.1/servers", json=body) as answer:
                    if answer.status != 202:
                        raise RuntimeError(await answer.text())

        await asyncio.gather(*(client() for _ in range(clients)))
        while True:
            async with session.get(f"{cloud.url}/compute/v2.1/servers?status=BUILD&limit=1") as answer:
                if not (await answer.json())["servers"]:
                    return
            await asyncio.sleep(0.02)
