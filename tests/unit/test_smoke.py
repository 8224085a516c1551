import msgspec

from wolke.core.db import Database, Order, Table
from wolke.core.http import Api, Application, Route
from wolke.core.policy import Policy


class Thing(msgspec.Struct, frozen=True):
    id: str
    name: str | None
    ok: bool
    meta: dict[str, str]


THINGS = Table("test_things", Thing)


async def test_records_come_back_as_they_went_in(database: Database) -> None:
    thing = Thing("1", None, True, {"a": "b"})
    async with database.transaction() as tx:
        await tx.insert(THINGS, thing)
    assert await database.find(THINGS, order=[Order("name")], name=None) == [thing]


async def test_a_route_is_found(open_policy: Policy, asgi_client, stand_in) -> None:
    async def show(service, ctx, request):
        return {"id": request.params["id"], "project": ctx.project_id}

    api = Api("test", "/test", (Route("GET", "/v1/things/{id}", show, rule="open"),), None, open_policy)
    client = asgi_client(Application([api], stand_in), "/test", "member")
    answer = await client.get("/v1/things/5?x=1")
    assert answer.status == 200, answer.body
    assert answer.json["id"] == "5"
    assert (await client.post("/v1/things/5")).status == 405
    assert (await client.using("wrong").get("/v1/things/5")).status == 401
