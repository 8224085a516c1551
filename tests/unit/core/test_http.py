import pytest
from hypothesis import given
from hypothesis import strategies as st

from wolke.core import faults, schema
from wolke.core.errors import Conflict, NotFound
from wolke.core.http import Api, Application, Request, Response, Route
from wolke.core.http.routes import Trie
from wolke.core.microversion import Change, Versions
from wolke.core.policy import Policy, Rule

THING = schema.body("thing", {"name": schema.NAME, "size": schema.integer(1, 10)}, required=("name",))
VERSIONS = Versions(
    "shop",
    (
        Change((2, 2), "things have sizes", adds_view={"thing": ("size",)}, adds_body={"thing": ("size",)}),
        Change((2, 3), "sold things say so", down={"thing": lambda item: item.update(state="gone" if item["sold"] else "here")},
               adds_view={"thing": ("sold",)}),
    ),
    minimum=(2, 1),
    maximum=(2, 3),
    legacy_header="X-Shop-Version",
)  # fmt: skip


async def create(service, ctx, request: Request):
    return {"thing": {"name": request.body["thing"]["name"], "size": request.body["thing"].get("size"), "sold": False}}


async def listing(service, ctx, request: Request):
    return {"things": [{"name": "a", "size": 1, "sold": True}]}


async def fail(service, ctx, request: Request):
    raise {"conflict": Conflict("It is taken."), "missing": NotFound(), "bug": ZeroDivisionError("secret detail")}[
        request.params["how"]
    ]


async def stream(service, ctx, request: Request):
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"size": size}


async def hidden(service, ctx, request: Request):
    request.enforce("boss")
    return Response(204)


ROUTES = (
    Route("POST", "/things", create, rule="open", body=THING, noun="thing", view="thing", status=202),
    Route("GET", "/things", listing, rule="open", view="thing"),
    Route("GET", "/new", listing, rule="open", since="2.2"),
    Route("GET", "/fail/{how}", fail, rule="open"),
    Route("PUT", "/stream", stream, rule="open", stream=True),
    Route("DELETE", "/hidden", hidden),
    Route("GET", "/files/{name*}", lambda s, c, r: _echo(r.params["name"]), auth=False),
    Route("GET", "/searched", listing, query=("limit",), strict="2.2"),
    Route("GET", "/lately-strict", listing, query=("limit",)),
    Route("DELETE", "/searched", hidden, query=("limit",)),
)


async def _echo(text: str):
    return {"text": text}


@pytest.fixture
def client(asgi_client, stand_in):
    policy = Policy([Rule("open", "@"), Rule("boss", "role:admin")])
    api = Api("shop", "/shop", ROUTES, None, policy, faults.nova, VERSIONS, strict_queries="2.3")
    return asgi_client(Application([api], stand_in), "/shop", "member")


async def test_answers_carry_a_request_id_and_the_version(client) -> None:
    answer = await client.get("/things")
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    assert answer.headers["openstack-api-version"] == "shop 2.1"
    assert ("vary", "OpenStack-API-Version") in answer.header_list


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.1", {"name": "a", "state": "gone"}),
        ("2.2", {"name": "a", "size": 1, "state": "gone"}),
        ("2.3", {"name": "a", "size": 1, "sold": True}),
        ("latest", {"name": "a", "size": 1, "sold": True}),
    ],
)
async def test_an_answer_is_lowered_to_the_version_asked_for(client, version, expected) -> None:
    answer = await client.using(openstack_api_version=f"shop {version}").get("/things")
    assert answer.json == {"things": [expected]}
    assert (await client.using(x_shop_version=version).get("/things")).json == answer.json


async def test_a_field_is_refused_in_a_version_that_did_not_have_it(client) -> None:
    body = {"thing": {"name": "x", "size": 3}}
    assert (await client.post("/things", body)).status == 400
    answer = await client.using(openstack_api_version="shop 2.2").post("/things", body)
    assert (answer.status, answer.json["thing"]["size"]) == (202, 3)


async def test_routes_come_and_go_with_versions(client) -> None:
    assert (await client.get("/new")).status == 404
    assert (await client.using(openstack_api_version="shop 2.2").get("/new")).status == 200


@pytest.mark.parametrize(
    ("asked", "status"), [("9.9", 406), ("2.0", 406), ("two", 400), ("2", 400), ("2." + "1" * 5000, 400), ("-2.1", 400)]
)
async def test_a_version_that_is_not_served_is_refused(client, asked, status) -> None:
    assert (await client.using(openstack_api_version=f"shop {asked}").get("/things")).status == status


async def test_errors_are_spelt_as_the_service_does(client) -> None:
    answer = await client.get("/fail/conflict")
    assert (answer.status, answer.json) == (409, {"conflictingRequest": {"code": 409, "message": "It is taken."}})
    assert (await client.get("/fail/missing")).json["itemNotFound"]["message"] == "Not Found"


async def test_a_bug_tells_the_client_nothing_but_its_request_id(client) -> None:
    answer = await client.get("/fail/bug")
    assert answer.status == 500
    assert b"secret detail" not in answer.body
    assert answer.headers["x-openstack-request-id"] in answer.json["computeFault"]["message"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"thing": 1}',
        b'{"thing": {"name": "a\\u0000"}}',
        b"[" * 5000,
        b'{"thing": {"name": 1e999}}',
        b"\xff\xfe",
        b'{"thing": {"name": "\\ud800"}}',
    ],
)
async def test_a_body_that_is_not_what_it_should_be_is_400(client, content) -> None:
    assert (await client.post("/things", content=content)).status == 400


async def test_a_body_may_not_be_endless(client) -> None:
    assert (await client.post("/things", content=b" " * (1 << 20) + b"{}")).status == 413
    answer = await client.post(
        "/things", content=[b" " * 600_000, b" " * 600_000], headers={"transfer-encoding": "chunked"}
    )
    assert answer.status == 413


async def test_without_a_token_there_is_401_and_where_to_get_one(client) -> None:
    client.token = None
    answer = await client.get("/things")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Keystone uri="http://cloud.test/identity"'


async def test_a_handler_may_ask_the_policy_itself(client) -> None:
    assert (await client.delete("/hidden")).status == 403
    assert (await client.using("admin").delete("/hidden")).status == 204


async def test_a_method_that_is_not_there_is_405_with_what_is(client) -> None:
    answer = await client.request("PATCH", "/things")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert (await client.request("HEAD", "/things")).status == 200


async def test_a_host_header_cannot_put_words_in_our_links(client) -> None:
    client.token = None
    answer = await client.get("/things", headers={"host": 'evil.test/"><script>'})
    assert answer.headers["www-authenticate"] == 'Keystone uri="http://cloud.test:80/identity"'


async def test_a_streamed_body_arrives_in_pieces(client) -> None:
    assert (await client.put("/stream", content=[b"ab", b"cde"])).json == {"size": 5}


async def test_the_rest_of_a_path_and_strange_ones(client) -> None:
    assert (await client.get("/files/a/b%20c")).json == {"text": "a/b c"}
    assert (await client.get("/files/%00")).status == 400
    strict = client.using(openstack_api_version="shop 2.2")
    assert (await strict.get("/searched?limit=%ff")).status == 400


async def test_a_query_has_only_what_is_known_since_the_version_that_says_so(client) -> None:
    for path, version, status in (
        ("/searched?limit=1", "2.3", 200),
        ("/searched?other=1", "2.1", 200),
        ("/searched?other=1", "2.2", 400),
        ("/lately-strict?other=1", "2.2", 200),
        ("/lately-strict?other=1", "2.3", 400),
        ("/files/a?other=1", "2.3", 200),
    ):
        asked = client.using(openstack_api_version=f"shop {version}")
        assert (await asked.get(path)).status == status, (path, version)
    assert (await client.using("admin", openstack_api_version="shop 2.3").delete("/searched?other=1")).status == 204


async def test_only_a_true_global_request_id_is_taken_over(client, asgi_client) -> None:
    good = "req-aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    assert (await client.get("/things", headers={"x-openstack-request-id": good})).status == 200
    assert (await client.get("/things", headers={"x-openstack-request-id": "x\r\nevil: 1"})).status == 200


@given(st.text(max_size=60))
def test_the_trie_takes_any_path(path: str) -> None:
    found = Trie(ROUTES).find(path)
    assert found is None or isinstance(found[1], dict)
