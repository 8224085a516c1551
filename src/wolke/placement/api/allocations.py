"""Allocations, by consumer and by provider; usages of a project; reshaping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from wolke.core.context import Context
from wolke.core.db import Where
from wolke.core.http import Request, Response
from wolke.placement import errors, views
from wolke.placement.api.answers import answer
from wolke.placement.api.providers import found
from wolke.placement.api.queries import check_names, uuid_of
from wolke.placement.model import UNKNOWN_TYPE
from wolke.placement.service import Placement
from wolke.placement.service.allocations import ANY_GENERATION, Claim
from wolke.placement.store import PROVIDERS
from wolke.placement.versions import knows

_NOBODY = "00000000-0000-0000-0000-000000000000"  # whose the allocations are that older versions do not say


async def show(service: Placement, ctx: Context, request: Request) -> Response:
    consumer, records = await service.allocations.of_consumer(_consumer(request))
    uuids = sorted({one.provider for one in records})
    providers = await service.db.find(PROVIDERS, where=[Where("uuid", "in", uuids)]) if uuids else []
    body = views.allocation_set(consumer, records, {one.uuid: one.generation for one in providers})
    return answer(request, body, (one.updated_at for one in records))


async def update(service: Placement, ctx: Context, request: Request) -> None:
    await service.allocations.set([_claim(_consumer(request), request.body)])


async def delete(service: Placement, ctx: Context, request: Request) -> None:
    await service.allocations.delete(_consumer(request))


async def manage(service: Placement, ctx: Context, request: Request) -> None:
    await service.allocations.set([_claim(uuid_of(uuid), one) for uuid, one in request.body.items()])


async def reshape(service: Placement, ctx: Context, request: Request) -> None:
    claims = [_claim(uuid_of(uuid), one) for uuid, one in request.body["allocations"].items()]
    inventories = {
        uuid_of(uuid): (one["resource_provider_generation"], one["inventories"])
        for uuid, one in request.body["inventories"].items()
    }
    await service.allocations.set(claims, inventories)


async def of_provider(service: Placement, ctx: Context, request: Request) -> Response:
    provider = await found(service, request)
    consumers, records = await service.allocations.of_provider(provider.uuid)
    shown: dict[str, Any] = {}
    for one in records:
        at = shown.setdefault(
            one.consumer, {"resources": {}, "consumer_generation": consumers[one.consumer].generation}
        )
        at["resources"][one.resource_class] = one.amount
    if not knows(request.version, "consumer generations"):
        for at in shown.values():
            del at["consumer_generation"]
    body = {"resource_provider_generation": provider.generation, "allocations": shown}
    return answer(request, body, (one.updated_at for one in records))


async def usages(service: Placement, ctx: Context, request: Request) -> Response:
    typed = knows(request.version, "consumer types")
    check_names(request.query, {"project_id", "user_id", *(("consumer_type",) if typed else ())})
    project_id = request.query.get("project_id")
    if not project_id:
        raise errors.BadQuery("'project_id' is a required property", "placement.query.missing_value")
    request.enforce("placement:usages", {"project_id": project_id})
    found = await service.allocations.usages(project_id, request.query.get("user_id"))
    everything = _sum(found.values())
    if not typed:
        return answer(request, {"usages": everything[1]})
    kind = request.query.get("consumer_type")
    named = {name or UNKNOWN_TYPE: one for name, one in found.items()}
    if kind == "all":
        named = {"all": everything}
    elif kind is not None:
        named = {name: one for name, one in named.items() if name == kind}
    return answer(request, {"usages": {name: {"consumer_count": n, **amounts} for name, (n, amounts) in named.items()}})


def _sum(parts: Iterable[tuple[int, dict[str, int]]]) -> tuple[int, dict[str, int]]:
    count, total = 0, Counter[str]()
    for consumers, amounts in parts:
        count += consumers
        total.update(amounts)
    return count, dict(total)


def _consumer(request: Request) -> str:
    return uuid_of(request.params["consumer"], "placement.undefined_code")


def _claim(consumer: str, body: Mapping[str, Any]) -> Claim:
    given = body["allocations"]
    if isinstance(given, list):
        wanted: dict[str, dict[str, int]] = {}
        for one in given:
            amounts = wanted.setdefault(uuid_of(one["resource_provider"]["uuid"]), {})
            for name, amount in one["resources"].items():
                amounts[name] = amounts.get(name, 0) + amount
    else:
        wanted = {uuid_of(uuid): one["resources"] for uuid, one in given.items()}
    kind = body.get("consumer_type")
    return Claim(
        consumer,
        wanted,
        body.get("project_id", _NOBODY),
        body.get("user_id", _NOBODY),
        None if kind == UNKNOWN_TYPE else kind,
        body.get("consumer_generation", ANY_GENERATION),
    )
