"""Who has how much: allocations over HTTP, and the verbs that Compute calls."""

import asyncio
import contextlib
import random

import pytest

from wolke.core import ids
from wolke.core.db import Database
from wolke.core.errors import CloudError
from wolke.placement.errors import CapacityExceeded, ProviderInUse
from wolke.placement.store import ALLOCATIONS, CONSUMERS, INVENTORIES


async def test_a_consumer_takes_changes_and_gives_back(talk) -> None:
    host, consumer = await talk.provider("host", {"VCPU": 4, "MEMORY_MB": 1024}), ids.uuid()
    path = f"/allocations/{consumer}"
    assert (await talk.get(path)).json == {"allocations": {}}
    assert (await talk.allocate(consumer, allocations={host: {"VCPU": 2, "MEMORY_MB": 512}})).status == 204
    shown = (await talk.get(path)).json
    assert shown["allocations"][host]["resources"] == {"VCPU": 2, "MEMORY_MB": 512}
    assert (shown["project_id"], shown["user_id"], shown["consumer_type"]) == ("p", "u", "INSTANCE")
    assert await talk.used(host) == {"VCPU": 2, "MEMORY_MB": 512}
    of_host = (await talk.get(f"/resource_providers/{host}/allocations")).json["allocations"]
    assert of_host == {consumer: {"resources": {"VCPU": 2, "MEMORY_MB": 512}, "consumer_generation": 1}}

    answer = await talk.allocate(consumer, allocations={host: {"VCPU": 1}})
    assert answer.status == 409
    assert answer.json["errors"][0]["code"] == "placement.concurrent_update"
    generation = shown["consumer_generation"]
    assert (await talk.allocate(consumer, generation=generation, allocations={host: {"VCPU": 4}})).status == 204
    assert await talk.used(host) == {"VCPU": 4, "MEMORY_MB": 0}
    assert (await talk.allocate(consumer, generation=generation + 1, allocations={})).status == 204
    assert await talk.used(host) == {"VCPU": 0, "MEMORY_MB": 0}
    assert (await talk.get(path)).json == {"allocations": {}}
    assert (await talk.delete(path)).status == 404
    await talk.allocate(consumer, allocations={host: {"VCPU": 1}})
    assert (await talk.delete(path)).status == 204


async def test_nobody_takes_more_than_there_is(talk) -> None:
    limits = {"total": 10, "reserved": 2, "allocation_ratio": 1.5, "min_unit": 2, "max_unit": 8, "step_size": 2}
    host = await talk.provider("host", {"VCPU": limits})
    for amount, status in ((1, 409), (3, 409), (10, 409), (8, 204), (6, 409), (4, 204), (2, 409)):
        answer = await talk.allocate(ids.uuid(), allocations={host: {"VCPU": amount}})
        assert answer.status == status, (amount, answer.body)
    assert await talk.used(host) == {"VCPU": 12}
    for wanted, status in (
        ({host: {"DISK_GB": 1}}, 409),
        ({host: {"NOPE": 1}}, 400),
        ({ids.uuid(): {"VCPU": 2}}, 400),
        ({host: {"VCPU": 0}}, 400),
        ({host: {}}, 400),
    ):
        assert (await talk.allocate(ids.uuid(), allocations=wanted)).status == status
    assert (await talk.allocate("no-uuid", allocations={host: {"VCPU": 2}})).status == 400


async def test_what_is_in_use_stays(talk) -> None:
    host = await talk.provider("host", {"VCPU": 4})
    await talk.allocate(ids.uuid(), allocations={host: {"VCPU": 1}})
    path = f"/resource_providers/{host}"
    for answer in (
        await talk.delete(path),
        await talk.delete(path + "/inventories"),
        await talk.delete(path + "/inventories/VCPU"),
        await talk.put(path + "/inventories", {"resource_provider_generation": 2, "inventories": {}}),
    ):
        assert answer.status == 409, answer.body
        assert answer.json["errors"][0]["code"].endswith(".inuse")
    assert await talk.used(host) == {"VCPU": 1}


async def test_many_consumers_change_together_or_not_at_all(talk) -> None:
    host, first, second = await talk.provider("host", {"VCPU": 4}), ids.uuid(), ids.uuid()

    def wanted(amount: int, generation: int | None = None) -> dict:
        return {
            "allocations": {host: {"resources": {"VCPU": amount}}} if amount else {}, "project_id": "p", "user_id": "u",
            "consumer_generation": generation, "consumer_type": "MIGRATION",
        }  # fmt: skip

    assert (await talk.post("/allocations", {first: wanted(3), second: wanted(2)})).status == 409
    assert await talk.used(host) == {"VCPU": 0}
    assert (await talk.post("/allocations", {first: wanted(4)})).status == 204
    assert (await talk.post("/allocations", {second: wanted(4), first: wanted(0, 1)})).status == 204
    assert (await talk.get(f"/allocations/{first}")).json["allocations"] == {}
    assert await talk.used(host) == {"VCPU": 4}


async def test_older_shapes_are_understood(talk) -> None:
    host, consumer = await talk.provider("host", {"VCPU": 4}), ids.uuid()
    path = f"/allocations/{consumer}"
    listed = {"allocations": [{"resource_provider": {"uuid": host}, "resources": {"VCPU": 1}}]}
    assert (await talk.at("1.0").put(path, listed)).status == 204
    assert (await talk.at("1.8").put(path, listed)).status == 400
    assert (await talk.at("1.8").put(path, {**listed, "project_id": "p", "user_id": "u"})).status == 204
    by_provider = {"allocations": {host: {"resources": {"VCPU": 2}}}, "project_id": "p", "user_id": "u"}
    assert (await talk.at("1.12").put(path, by_provider)).status == 204
    assert (await talk.at("1.28").put(path, by_provider)).status == 400
    assert sorted((await talk.at("1.11").get(path)).json) == ["allocations"]
    assert sorted((await talk.at("1.12").get(path)).json) == ["allocations", "project_id", "user_id"]
    assert (await talk.get(path)).json["consumer_type"] == "unknown"
    assert (await talk.at("1.12").post("/allocations", {consumer: by_provider})).status == 404
    assert (await talk.at("1.13").post("/allocations", {consumer: by_provider})).status == 204


async def test_a_projects_usage_is_summed(talk) -> None:
    host = await talk.provider("host", {"VCPU": 9, "DISK_GB": 9})
    await talk.allocate(ids.uuid(), allocations={host: {"VCPU": 2, "DISK_GB": 1}})
    await talk.allocate(ids.uuid(), allocations={host: {"VCPU": 3}})
    listed = {"allocations": {host: {"resources": {"VCPU": 1}}}, "project_id": "p", "user_id": "other"}
    await talk.at("1.12").put(f"/allocations/{ids.uuid()}", listed)
    assert (await talk.at("1.9").get("/usages?project_id=p")).json["usages"] == {"VCPU": 6, "DISK_GB": 1}
    assert (await talk.at("1.9").get("/usages?project_id=p&user_id=other")).json["usages"] == {"VCPU": 1}
    assert (await talk.get("/usages?project_id=p")).json["usages"] == {
        "INSTANCE": {"consumer_count": 2, "VCPU": 5, "DISK_GB": 1},
        "unknown": {"consumer_count": 1, "VCPU": 1},
    }
    everything = (await talk.get("/usages?project_id=p&consumer_type=all")).json["usages"]
    assert everything == {"all": {"consumer_count": 3, "VCPU": 6, "DISK_GB": 1}}
    assert (await talk.get("/usages")).status == 400
    assert (await talk.at("1.39", "reader").get("/usages?project_id=p")).status == 403
    assert (await talk.at("1.39", "reader").get("/usages?project_id=b0000000000040008000000000000000")).status == 200


async def test_inventory_moves_with_its_allocations(talk) -> None:
    root = await talk.provider("root", {"VCPU": 4, "VGPU": 2})
    child, consumer = await talk.provider("child", parent=root), ids.uuid()
    await talk.allocate(consumer, allocations={root: {"VCPU": 1, "VGPU": 2}})
    generations = {uuid: (await talk.get(f"/resource_providers/{uuid}")).json["generation"] for uuid in (root, child)}
    body = {
        "inventories": {
            root: {"resource_provider_generation": generations[root], "inventories": {"VCPU": {"total": 4}}},
            child: {"resource_provider_generation": generations[child], "inventories": {"VGPU": {"total": 2}}},
        },
        "allocations": {
            consumer: {
                "allocations": {root: {"resources": {"VCPU": 1}}, child: {"resources": {"VGPU": 2}}}, "project_id": "p",
                "user_id": "u", "consumer_generation": 1, "consumer_type": "INSTANCE",
            }
        },
    }  # fmt: skip
    without = {**body, "allocations": {}}
    assert (await talk.post("/reshaper", without)).status == 409
    answer = await talk.post("/reshaper", body)
    assert answer.status == 204, answer.body
    assert (await talk.used(root), await talk.used(child)) == ({"VCPU": 1}, {"VGPU": 2})
    assert (await talk.post("/reshaper", body)).status == 409


# -- the verbs for Compute


async def claim(talk, consumer: str, wanted: dict) -> None:
    async with talk.service.db.transaction() as tx:
        await talk.service.claim(tx, consumer, wanted, "p", "u")


async def release(talk, consumer: str) -> None:
    async with talk.service.db.transaction() as tx:
        await talk.service.release(tx, consumer)


async def test_a_claim_is_part_of_the_callers_transaction(talk) -> None:
    host, consumer = await talk.provider("host", {"VCPU": 2}), ids.uuid()
    with contextlib.suppress(ZeroDivisionError):
        async with talk.service.db.transaction() as tx:
            await talk.service.claim(tx, consumer, {host: {"VCPU": 2}}, "p", "u")
            raise ZeroDivisionError
    assert await talk.used(host) == {"VCPU": 0}
    for _ in range(2):
        await claim(talk, consumer, {host: {"VCPU": 2}})
    assert await talk.used(host) == {"VCPU": 2}
    assert await talk.service.consumers_of(host) == {consumer: {"VCPU": 2}}
    with pytest.raises(CapacityExceeded):
        await claim(talk, ids.uuid(), {host: {"VCPU": 1}})
    for _ in range(2):
        await release(talk, consumer)
    assert await talk.used(host) == {"VCPU": 0}
    assert await talk.service.allocations_of([consumer]) == {}


async def test_claims_at_once_never_outrun_the_capacity(talk) -> None:
    hosts = [await talk.provider(f"host{n}", {"VCPU": 5, "MEMORY_MB": 500}) for n in range(2)]

    async def one(n: int) -> bool:
        try:
            wanted = {hosts[n % 2]: {"VCPU": 1, "MEMORY_MB": 100}, hosts[1 - n % 2]: {"VCPU": 1}}
            await claim(talk, ids.uuid(), wanted)
        except CapacityExceeded:
            return False
        return True

    won = await asyncio.gather(*(one(n) for n in range(30)))
    assert sum(won) == 5
    for host in hosts:
        assert (await talk.used(host))["VCPU"] == 5


async def test_the_same_consumer_at_once_is_counted_once(talk, database: Database) -> None:
    host, consumer = await talk.provider("host", {"VCPU": 50}), ids.uuid()
    path, old = f"/allocations/{consumer}", talk.at("1.12")
    for _ in range(5):
        bodies = [
            {"allocations": {host: {"resources": {"VCPU": n + 1}}}, "project_id": "p", "user_id": "u"} for n in range(6)
        ]
        answers = await asyncio.gather(
            *(old.put(path, body) for body in bodies), *(old.delete(path) for _ in range(3)),
            *(talk.post("/allocations", {consumer: {**body, "consumer_generation": 1, "consumer_type": "X"}}) for body in bodies[:3]),
        )  # fmt: skip
        assert {answer.status for answer in answers} <= {204, 404, 409}
        await consistent(database)


async def consistent(database: Database) -> None:
    """What inventories say is used is what allocations sum to, and no consumer is without any."""
    sums: dict[tuple[str, str], int] = {}
    consumers = set()
    for one in await database.find(ALLOCATIONS):
        key = (one.provider, one.resource_class)
        sums[key] = sums.get(key, 0) + one.amount
        consumers.add(one.consumer)
    for inventory in await database.find(INVENTORIES):
        assert inventory.used == sums.pop((inventory.provider, inventory.resource_class), 0)
        assert inventory.used <= inventory.capacity
    assert not sums
    assert {one.uuid for one in await database.find(CONSUMERS)} == consumers


async def test_the_sums_stay_right_whatever_happens(talk, database: Database) -> None:
    chance = random.Random(7)
    hosts = [await talk.provider(f"host{n}", {"VCPU": 6, "DISK_GB": 40}) for n in range(3)]
    consumers = [ids.uuid() for _ in range(6)]

    async def something(n: int) -> None:
        consumer = chance.choice(consumers)
        wanted = {
            host: {"VCPU": chance.randint(1, 4), "DISK_GB": chance.randint(1, 20)} for host in chance.sample(hosts, 2)
        }
        with contextlib.suppress(CloudError):
            await (release(talk, consumer) if n % 3 == 0 else claim(talk, consumer, wanted))

    for n in range(60):
        await something(n)
    await consistent(database)


async def test_a_provider_is_ensured_and_removed(talk) -> None:
    uuid = ids.uuid()
    service = talk.service

    async def ensure(name: str, inventories: dict, *traits: str) -> int:
        async with service.db.transaction() as tx:
            return (await service.ensure_provider(tx, uuid, name, inventories, traits)).generation

    first = await ensure("host", {"VCPU": {"total": 4}, "DISK_GB": {"total": 10}}, "COMPUTE_NODE")
    assert await ensure("host", {"VCPU": {"total": 4}, "DISK_GB": {"total": 10}}, "COMPUTE_NODE") == first
    await claim(talk, "11111111-2222-4333-8444-555555555555", {uuid: {"DISK_GB": 1}})
    await ensure("renamed", {"VCPU": {"total": 8, "allocation_ratio": 4.0}})
    shown = (await talk.get(f"/resource_providers/{uuid}/inventories")).json["inventories"]
    assert (shown["VCPU"]["total"], shown["DISK_GB"]["total"]) == (8, 10)
    assert (await talk.get(f"/resource_providers/{uuid}")).json["name"] == "renamed"
    with pytest.raises(ProviderInUse):
        async with service.db.transaction() as tx:
            await service.delete_provider(tx, uuid)
    await release(talk, "11111111-2222-4333-8444-555555555555")
    for _ in range(2):
        async with service.db.transaction() as tx:
            await service.delete_provider(tx, uuid)
    assert (await talk.get(f"/resource_providers/{uuid}")).status == 404


async def test_candidates_have_room_and_traits(talk) -> None:
    group = ids.uuid()
    big = await talk.provider("big", {"VCPU": 8, "MEMORY_MB": 100}, traits=["COMPUTE_NODE"], aggregates=[group])
    small = await talk.provider(
        "small", {"VCPU": 2, "MEMORY_MB": 100}, traits=["COMPUTE_NODE", "COMPUTE_STATUS_DISABLED"]
    )
    await talk.provider("disk", {"DISK_GB": 100})

    async def found(resources: dict, **more) -> set[str]:
        return {one.provider_id for one in await talk.service.candidates(resources, **more)}

    assert await found({"VCPU": 1, "MEMORY_MB": 1}) == {big, small}
    assert await found({"VCPU": 4}) == {big}
    assert await found({"VCPU": 1}, forbidden=["COMPUTE_STATUS_DISABLED"]) == {big}
    assert await found({"VCPU": 1}, required=["COMPUTE_NODE", "COMPUTE_STATUS_DISABLED"]) == {small}
    assert await found({"VCPU": 1}, member_of=[[group, ids.uuid()]]) == {big}
    assert await found({"VCPU": 1}, member_of=[[]]) == set()
    assert len(await found({"VCPU": 1}, limit=1)) == 1
    await claim(talk, ids.uuid(), {big: {"VCPU": 5}})
    [one] = [one for one in await talk.service.candidates({"VCPU": 1}) if one.provider_id == big]
    assert one.free("VCPU") == 3
