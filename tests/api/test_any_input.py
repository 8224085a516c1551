"""Whatever a client sends, to any row of any route table, the answer is never a 500.

A whole cloud in process. Hypothesis makes paths, queries, headers and bodies: some nonsense, most nearly right, built from
each route's own schema, because what is nearly right gets further in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import AsgiClient
from wolke.app import Cloud, Settings
from wolke.core.http import Route
from wolke.core.http.application import Api
from wolke.state import StateDirectory

SERVICES = ("identity", "image", "placement", "network", "block_storage", "compute")
EXAMPLES = 250  # per service
#: Where those are mounted whose place is not their name, and what they are called in versions.
PREFIXES = {"block_storage": "volume"}

ODD = st.sampled_from(
    ["", " ", "x", "a" * 300, "%", "_", "ü\U0001f980", "../..", "-1", "0", "null", "\x00", "\ud800", "1e999", "9" * 40, "%00",
     "00000000-0000-4000-8000-000000000000", "0" * 32, "public", "default", "m1.nano", "42", "10.0.0.0/24", "2001:db8::/64",
     "fa:16:3e:00:00:01", "2026-01-01T00:00:00Z", "in:a,b", "gt:5", "desc", "true", "SOFT", "all"]
)  # fmt: skip
NUMBER = st.sampled_from([0, 1, -1, 5, 64, 65535, 65536, 2**31, 2**31 - 1, 2**63, -(2**63) - 1, 10**30, 0.5, 1e308])
SCALAR = st.one_of(ODD, NUMBER, st.booleans(), st.none(), st.text(max_size=8))
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


class Known:
    """One cloud, and names that are real in it."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.cloud = self.run(self._open(folder))
        self.token = self.run(self._token())
        self.ids: list[str] = self.run(self._some())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _open(self, folder: Path) -> Cloud:
        state = StateDirectory(folder)
        state.make()
        said = {("host", "enabled"): False, ("identity", "hash_memory_kib"): 1024, ("identity", "hash_rounds"): 1}
        cloud = Cloud(Settings.read(state, environment={}, public_url="http://cloud.test", said=said), state)
        await cloud.open()
        return cloud

    async def _token(self) -> str:
        domain = {"id": "default"}
        user = {"name": "admin", "domain": domain, "password": self.cloud.state.secrets().admin_password}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": domain}},
        }
        answer = await AsgiClient(self.cloud.application).post("/identity/v3/auth/tokens", {"auth": auth})
        return answer.headers["x-subject-token"]

    async def _some(self) -> list[str]:
        client = AsgiClient(self.cloud.application, token=self.token)
        found = []
        for path, key in (
            ("/identity/v3/projects", "projects"), ("/identity/v3/users", "users"), ("/identity/v3/roles", "roles"),
            ("/network/v2.0/networks", "networks"), ("/network/v2.0/subnets", "subnets"),
            ("/network/v2.0/security-groups", "security_groups"),
        ):  # fmt: skip
            found += [one["id"] for one in (await client.get(path)).json[key]]
        image = await client.post("/image/v2/images", {"name": "i", "disk_format": "raw", "container_format": "bare"})
        port = {"port": {"network_id": (await client.get("/network/v2.0/networks")).json["networks"][0]["id"]}}
        made = await client.post("/network/v2.0/ports", port)
        return [*found, image.json["id"], made.json["port"]["id"]]

    def close(self) -> None:
        self.run(self.cloud.close())
        self.loop.close()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    made = Known(tmp_path_factory.mktemp("cloud"))
    yield made
    made.close()


ROWS = [
    pytest.param(service, route, id=f"{service} {route.method} {route.path}")
    for service in SERVICES
    for route in __import__(f"wolke.{service}.api", fromlist=["ROUTES"]).ROUTES
]


@pytest.mark.parametrize(("service", "route"), ROWS)
def test_every_row_answers_and_opens_to_nobody_without_a_token(known: Known, service: str, route: Route) -> None:
    service = PREFIXES.get(service, service)
    words = route.path.replace("/v3/{project_id}/", "/v3/") if service == "volume" else route.path
    path = "/" + "/".join("0" * 32 if w.startswith("{") else w for w in words.strip("/").split("/"))
    client = AsgiClient(known.cloud.application, f"/{service}")
    content = b"{}" if route.body is not None else None
    headers = {} if route.since == "0.0" else {"openstack-api-version": f"{service} {route.since}"}
    stranger = known.run(client.request(route.method, path, content=content, headers=headers))
    assert stranger.status == 401 or not route.auth, stranger.body
    if path.endswith("wakes"):
        return
    headers["x-auth-token"] = known.token
    answer = known.run(client.request(route.method, path, content=content, headers=headers))
    assert answer.status < 500 or answer.status == 501, answer.body
    assert answer.status != 401 or not route.auth, answer.body


def nearly(schema: Any, ids: st.SearchStrategy[Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that look like what ``schema`` asks for, with something odd in most of them."""
    if not isinstance(schema, dict) or depth > 5:
        return SCALAR
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return st.one_of(*[nearly(one, ids, depth + 1) for one in schema[word]])
    if "enum" in schema:
        return st.one_of(st.sampled_from(schema["enum"]), SCALAR)
    kinds = schema.get("type")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object" or "properties" in schema:
        properties = {name: nearly(one, ids, depth + 1) for name, one in schema.get("properties", {}).items()}
        required = {name: properties.pop(name) for name in schema.get("required", ()) if name in properties}
        return st.fixed_dictionaries(required, optional=properties)
    if kind == "array":
        return st.lists(nearly(schema.get("items", {}), ids, depth + 1), max_size=3)
    if kind in ("integer", "number"):
        return NUMBER
    return st.one_of(ids, ODD, st.booleans()) if kind != "boolean" else st.booleans()


@st.composite
def requests(draw: st.DrawFn, routes: tuple[Route, ...], ids: list[str]) -> tuple[str, str, Any, dict[str, str]]:
    some_id = st.one_of(st.sampled_from(ids), ODD)
    route = draw(st.sampled_from(routes))
    words = [
        draw(some_id).replace("/", "") or "x" if word.startswith("{") else word
        for word in route.path.strip("/").split("/")
    ]
    path = "/" + "/".join(words)
    names = [
        "limit",
        "marker",
        "sort_key",
        "sort_dir",
        "sort",
        "name",
        "id",
        "fields",
        "status",
        "tags",
        "changes-since",
        "project_id",
    ]
    names += sorted(route.query)
    query = draw(st.lists(st.tuples(st.sampled_from(names), some_id), max_size=3))
    headers = draw(st.dictionaries(
        st.sampled_from(["openstack-api-version", "x-subject-token", "if-match", "range", "accept", "content-type"]),
        st.sampled_from(["volume latest", "volume 3.20", "compute latest", "compute 2.1", "compute 2.60", "placement latest", "bytes=0-", "bytes=-5,7-", "application/json", "x", "*"]),
        max_size=2,
    ))  # fmt: skip
    body = draw(st.one_of(nearly(dict(route.body), some_id), JSON)) if route.body is not None else None
    from urllib.parse import quote, urlencode

    target = quote(path, safe="/", errors="surrogatepass") + (
        "?" + urlencode(query, errors="surrogatepass") if query else ""
    )
    return route.method, target, body, headers


@pytest.mark.parametrize("service", SERVICES)
def test_no_input_makes_a_500(known: Known, service: str) -> None:
    service = PREFIXES.get(service, service)
    api: Api = known.cloud.application.apis[service]
    routes = tuple(route for route in api.routes if not route.path.endswith("wakes"))

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(requests(routes, known.ids))
    def ask(request: tuple[str, str, Any, dict[str, str]]) -> None:
        method, target, body, headers = request
        client = AsgiClient(known.cloud.application, f"/{service}", known.token)
        sent: dict[str, Any] = {"headers": headers}
        if body is not None:
            import json

            sent["content"] = json.dumps(body).encode()
        answer = known.run(client.request(method, target, **sent))
        assert answer.status < 500 or answer.status == 501, (answer.status, answer.body[:500])

    ask()
