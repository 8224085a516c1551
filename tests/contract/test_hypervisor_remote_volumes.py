"""Guests with volumes that are served over the network: by the storage daemon that another host, or this one, runs."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.hypervisors import Bench, eventually, power, processes_of
from tests.contract.test_hypervisor_live import silent, towards
from wolke.block_storage.drivers import base as storage
from wolke.block_storage.drivers.file import FileConfig, FileDriver, exports
from wolke.block_storage.drivers.file.home import Home
from wolke.compute.drivers.base import Layer, Power, Remote, Volume
from wolke.compute.drivers.qemu import trial
from wolke.core import detached
from wolke.core.drivers import Failure


@dataclass
class Serving:
    """A host that serves volumes, and the attachments that it has them for."""

    driver: FileDriver
    folder: Path
    made: list[str]

    async def volume(self, image: Path | None = None, encryption: storage.Encryption | None = None) -> str:
        self.made.append(volume_id := str(uuid.uuid4()))
        source = storage.OfImage(image, "raw") if image else storage.Blank()
        await self.driver.create(storage.Volume(volume_id, 1, encryption), source)
        return volume_id

    async def served(self, volume_id: str, user: str = "one", **more: Any) -> Volume:
        said = await self.driver.connect(volume_id, storage.Connector("far", user))
        remote = Remote(said.host, said.port, said.export, said.tls_username, said.tls_psk)
        return Volume(volume_id, 1, (), remote=remote, encrypted=said.encrypted, **more)

    async def first_bytes(self, volume_id: str, at: int) -> bytes:
        copy = self.folder / "copy"
        await self.driver.copy_out(volume_id, None, copy, "raw")
        return copy.read_bytes()[at : at + 512]

    def daemon(self, volume_id: str) -> detached.Process:
        found = detached.find(exports._den(Home.of(volume_id, self.folder / "volumes")))
        assert found is not None
        return found


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    first = 20000 + os.getpid() % 20000
    config = FileConfig(export_address="127.0.0.1", export_ports=f"{first}-{first + 50}")
    driver = FileDriver(tmp_path / "storage", host="near", config=config)
    await driver.prepare()
    made = Serving(driver, tmp_path / "storage", [])
    yield made
    for volume_id in made.made:
        for user in ("one", "other"):
            await driver.disconnect(volume_id, user)


@pytest.fixture
def real(bench: Bench) -> Bench:
    if not bench.real:
        pytest.skip("nothing to look into")
    return bench


async def ask(driver: Any, server_id: str, command: str, arguments: dict[str, Any] | None = None) -> Any:
    async with driver._talk(driver._home(server_id)) as qmp:
        return await qmp.execute(command, arguments)


async def test_a_served_volume_comes_and_goes_and_is_there_after_a_restart(bench: Bench, serving: Serving) -> None:
    driver = await bench.driver()
    spec = bench.spec()
    await driver.create(spec)
    await driver.start(spec.server_id)
    one = await serving.served(await serving.volume())
    for _ in range(2):
        await driver.attach_volume(spec.server_id, one)
    again = await bench.driver()
    await again.stop(spec.server_id, 0)
    await again.connect_volumes(spec.server_id, [one])
    await again.start(spec.server_id)
    assert await power(again, spec.server_id) is Power.RUNNING
    await again.stop(spec.server_id, 0)
    for _ in range(2):
        await again.detach_volume(spec.server_id, one.volume_id)
    await again.start(spec.server_id)
    await again.destroy(spec.server_id)


async def test_a_guest_boots_from_a_served_volume_and_writes_to_it(
    real: Bench, serving: Serving, tmp_path: Path
) -> None:
    driver = await real.driver()
    root = await serving.served(await serving.volume(trial.image(tmp_path / "boots")), root=True)
    spec = real.spec(image=None, volumes=[root])
    await driver.create(spec)
    await driver.start(spec.server_id)
    await real.booted(driver, spec.server_id)
    await driver.reboot(spec.server_id, hard=True)
    await real.booted(driver, spec.server_id, 2)
    await driver.destroy(spec.server_id)
    await serving.driver.disconnect(root.volume_id, "one")
    assert (await serving.first_bytes(root.volume_id, 512))[0] == 2, "it counted its boots there"


async def test_the_key_lies_nowhere_once_the_volume_is_open(real: Bench, serving: Serving) -> None:
    driver = await real.driver()
    cold, hot = [await serving.served(await serving.volume()) for _ in range(2)]
    spec = real.spec(volumes=[cold])
    await driver.create(spec)
    await driver.start(spec.server_id)
    await driver.attach_volume(spec.server_id, hot)
    (pid,) = processes_of(spec.server_id)
    for one in (cold, hot):
        assert one.remote
        key = one.remote.key.encode()
        assert all(key not in file.read_bytes() for file in real.remains() if file.is_file())
        assert key not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert one.remote.key not in repr(one)
    nodes = await ask(driver, spec.server_id, "query-named-block-nodes", {"flat": True})
    assert [one["drv"] for one in nodes].count("nbd") == 2
    disks = {str(one["qdev"]).split("/")[3] for one in await ask(driver, spec.server_id, "query-block") if one["qdev"]}
    assert {f"volume-{one.volume_id}" for one in (cold, hot)} <= disks
    forgetful = await real.driver()
    with pytest.raises(ConnectionError, match="has not come yet"):
        await forgetful.reboot(spec.server_id, hard=True)
    await forgetful.destroy(spec.server_id)


async def test_an_encrypted_volume_is_served_as_ciphertext(real: Bench, serving: Serving) -> None:
    volume_id = await serving.volume(encryption=storage.Encryption("a very secret passphrase"))
    one = await serving.served(volume_id, passphrase="a very secret passphrase")
    driver = await real.driver()
    spec = real.spec()
    await driver.create(spec)
    await driver.start(spec.server_id)
    await driver.attach_volume(spec.server_id, one)
    nodes = await ask(driver, spec.server_id, "query-named-block-nodes", {"flat": True})
    assert {"nbd", "luks"} <= {one["drv"] for one in nodes}
    await driver.destroy(spec.server_id)


async def test_two_guests_have_one_volume_and_one_that_goes_leaves_it_to_the_other(
    real: Bench, serving: Serving, tmp_path: Path
) -> None:
    driver = await real.driver()
    volume_id = await serving.volume(trial.image(tmp_path / "boots"))
    servers = []
    for user in ("one", "other"):
        shared = await serving.served(volume_id, user, root=True, shared=True)
        spec = real.spec(image=None, volumes=[shared])
        await driver.create(spec)
        await driver.start(spec.server_id)
        await real.booted(driver, spec.server_id)
        servers.append(spec.server_id)
    await driver.destroy(servers[0])
    await serving.driver.disconnect(volume_id, "one")
    await driver.reboot(servers[1], hard=True)
    await real.booted(driver, servers[1], 2)
    await driver.destroy(servers[1])
    await serving.driver.disconnect(volume_id, "other")
    assert (await serving.first_bytes(volume_id, 512))[0] == 3, "both counted in the same place"


@pytest.mark.parametrize("trouble", ["nobody", "key", "name"])
async def test_what_is_not_served_is_refused_in_words_that_tell_no_address(
    real: Bench, serving: Serving, trouble: str
) -> None:
    one = await serving.served(await serving.volume())
    assert one.remote
    changed = {"nobody": {"port": 1}, "key": {"key": "00" * 32}, "name": {"export": "another"}}[trouble]
    driver = await real.driver()
    spec = real.spec()
    await driver.create(spec)
    await driver.start(spec.server_id)
    with pytest.raises(Failure, match="the host that serves a volume") as why:
        await driver.attach_volume(spec.server_id, replace(one, remote=replace(one.remote, **changed)))
    assert "127.0.0.1" not in str(why.value)
    objects = await ask(driver, spec.server_id, "qom-list", {"path": "/objects"})
    assert not [found for found in objects if found["name"].startswith("tls-")]
    await driver.attach_volume(spec.server_id, one)
    await driver.destroy(spec.server_id)


async def test_a_guest_waits_for_its_volume_s_host_to_come_back(real: Bench, serving: Serving, tmp_path: Path) -> None:
    driver = await real.driver()
    volume_id = await serving.volume(trial.image(tmp_path / "boots"))
    root = await serving.served(volume_id, root=True)
    spec = real.spec(image=None, volumes=[root])
    await driver.create(spec)
    await driver.start(spec.server_id)
    await real.booted(driver, spec.server_id)
    daemon = serving.daemon(volume_id)
    os.kill(daemon.pid, signal.SIGKILL)
    assert await detached.wait(daemon, 10)
    await ask(driver, spec.server_id, "system_reset")  # it reads its disk when it starts again
    assert await serving.served(volume_id, root=True) == root

    async def counted() -> bool:
        return (await driver.console_output(spec.server_id, None)).count("booted") == 2

    await eventually(counted, 30)
    await driver.destroy(spec.server_id)


async def test_a_running_guest_goes_elsewhere_with_its_volumes(bench: Bench, serving: Serving, tmp_path: Path) -> None:
    here = await bench.driver()
    there = await Bench(bench.name, tmp_path / "elsewhere", bench.run_dir / "o").driver()
    volume_id = await serving.volume(trial.image(tmp_path / "boots"))
    root = await serving.served(volume_id, root=True)
    data = await serving.served(await serving.volume())
    spec = bench.spec(image=None, volumes=[root, data])
    await here.create(spec)
    await here.start(spec.server_id)
    await bench.booted(here, spec.server_id)
    await there.incoming(spec.server_id)
    await there.receive(spec, await here.shape(spec.server_id))
    await here.send(spec.server_id, towards(there, spec.server_id), silent)
    await there.settle(spec.server_id)
    await here.destroy(spec.server_id)
    assert await power(there, spec.server_id) is Power.RUNNING
    if bench.real:
        assert "booted" not in await there.console_output(spec.server_id, None), "it goes on"
        await there.reboot(spec.server_id, hard=True)
        await bench.booted(there, spec.server_id)
        assert "booted 2" in await there.console_output(spec.server_id, None), "it has the same disk"
    await there.destroy(spec.server_id)
    await there.close()


async def opened(serving: Serving, volume_id: str, *, served: bool = False, **more: Any) -> Volume:
    """As its own host opens it."""
    said = await serving.driver.connect(volume_id, storage.Connector("near", "one", served=served))
    remote = Remote(said.host, said.port, said.export, said.tls_username, said.tls_psk) if served else None
    layers = tuple(Layer(one.path, one.format) for one in said.layers)
    return Volume(volume_id, 1, layers, remote=remote, encrypted=said.encrypted, **more)


@pytest.mark.parametrize("was", [Power.RUNNING, Power.PAUSED])
async def test_a_guest_goes_on_with_what_was_its_file_and_is_served_now(
    bench: Bench, serving: Serving, tmp_path: Path, was: Power
) -> None:
    """Whoever does it may be replaced at any moment by somebody who knows nothing."""
    volume_id, secret = await serving.volume(trial.image(tmp_path / "boots")), {"passphrase": "a very secret one"}
    inside = await serving.volume(encryption=storage.Encryption(**secret))
    files = [await opened(serving, volume_id, root=True), await opened(serving, inside, **secret)]
    spec = bench.spec(image=None, volumes=files)
    driver = await bench.driver()
    await driver.create(spec)
    await driver.start(spec.server_id)
    await bench.booted(driver, spec.server_id)
    if was is Power.PAUSED:
        await driver.pause(spec.server_id)
    with pytest.raises(Failure, match="in files of this host"):
        await driver.shape(spec.server_id)
    if bench.real:
        with pytest.raises(Failure, match="has the volume open as a file"):
            await opened(serving, volume_id, served=True)
    for _ in range(2):
        driver = await bench.driver()
        assert set(await driver.let_go(spec.server_id)) == {volume_id, inside}
        assert await power(driver, spec.server_id) is Power.PAUSED
    served = [
        await opened(serving, volume_id, served=True, root=True),
        await opened(serving, inside, served=True, **secret),
    ]
    for _ in range(2):
        driver = await bench.driver()
        await driver.take_up(spec.server_id, served)
    assert await power(driver, spec.server_id) is was
    assert not await driver.let_go(spec.server_id)
    assert await driver.shape(spec.server_id)
    await driver.reboot(spec.server_id, hard=True)
    await bench.booted(driver, spec.server_id, 2)
    if bench.real:
        assert "booted 2" in await driver.console_output(spec.server_id, None), "it is the same disk"
    await driver.destroy(spec.server_id)


async def test_a_guest_whose_file_is_not_served_takes_it_back(real: Bench, serving: Serving, tmp_path: Path) -> None:
    driver = await real.driver()
    file = await opened(serving, await serving.volume(trial.image(tmp_path / "boots")), root=True)
    spec = real.spec(image=None, volumes=[file])
    await driver.create(spec)
    await driver.start(spec.server_id)
    await real.booted(driver, spec.server_id)
    await driver.let_go(spec.server_id)
    with pytest.raises(Failure, match="waits for its volumes"):
        await driver.unpause(spec.server_id)
    await driver.take_up(spec.server_id, [file])
    before = (await driver.console_output(spec.server_id, None)).count(".")

    async def ticks() -> bool:
        return (await driver.console_output(spec.server_id, None)).count(".") > before

    await eventually(ticks)
    await driver.let_go(spec.server_id)
    await driver.start(
        spec.server_id
    )  # the host, or who cares for it, was away for long: it begins anew with what it has
    await real.booted(driver, spec.server_id, 2)
    await driver.destroy(spec.server_id)


@pytest.mark.parametrize("inside", [None, storage.Encryption("a very secret passphrase")], ids=["plain", "luks"])
async def test_a_guest_sees_that_a_served_volume_has_grown(
    real: Bench, serving: Serving, inside: storage.Encryption | None
) -> None:
    volume_id = await serving.volume(encryption=inside)
    one = await serving.served(volume_id, passphrase=inside.passphrase if inside else "")
    driver = await real.driver()
    spec = real.spec(volumes=[one])
    await driver.create(spec)
    await driver.start(spec.server_id)
    await real.booted(driver, spec.server_id)
    await serving.driver.extend(volume_id, 2)
    assert await seen(driver, spec.server_id, volume_id) == 1 << 30
    for _ in range(2):
        await driver.connect_volumes(spec.server_id, [replace(one, size_gib=2)])
    assert await seen(driver, spec.server_id, volume_id) == 2 << 30
    await driver.destroy(spec.server_id)


async def seen(driver: Any, server_id: str, volume_id: str) -> int:
    """The size of the guest's disk."""
    disks = await ask(driver, server_id, "query-block")
    [disk] = [one for one in disks if volume_id in str(one.get("qdev"))]
    return int(disk["inserted"]["image"]["virtual-size"])


async def test_who_makes_a_served_volume_larger_may_die_in_the_midst(real: Bench, serving: Serving) -> None:
    volume_id = await serving.volume()
    before = await serving.served(volume_id)
    holder = serving.driver._exports.holder(Home.of(volume_id, serving.folder / "volumes"))
    assert holder is not None
    async with holder._talk() as call:
        await call("block-export-del", {"id": "export", "mode": "hard"})
    assert await serving.served(volume_id) == before
    async with holder._talk() as call:
        assert await call("query-block-exports")
        await call("block-export-del", {"id": "export", "mode": "hard"})
    await serving.driver.extend(volume_id, 3)
    found = await serving.driver.look(volume_id)
    assert found is not None and found.size_gib == 3
