"""Whatever is sent to whichever route, nothing of it is a 500."""

from __future__ import annotations

import random
import re
from typing import Any

from wolke.identity.api import ROUTES

WORDS = [
    "default",
    "x",
    "é☃",
    "a" * 300,
    "%",
    "_",
    "'",
    '"; DROP TABLE',
    "0",
    "-1",
    "null",
    "admin",
    "..",
    "a,b",
    "$(x)s",
]
VALUES: list[Any] = [
    None, True, False, 0, -1, 2**31, 2**63, 2**64, -(2**63), 1e308, "", " ", "x", "é☃\u202e", "a" * 70_000, [], {}, [None], [[]], {"": ""},
    ["x"], {"id": "default"}, {"name": "x"}, {"all": True}, "default", "public", "ec2", '{"access": 5}', "2026-01-01", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59",
]  # fmt: skip
QUERIES = ["", "?limit=99999999999999999999", "?limit=0", "?marker=%C3%A9", "?name__regex=(", "?name__contains=%25", "?enabled=maybe", "?tags=,,",
           "?effective&include_names", "?user.id=x&effective&include_names", "?domain_id=", "?id=", "?name="]  # fmt: skip


def _properties(schema: Any) -> list[str]:
    found: list[str] = []
    if isinstance(schema, dict):
        for name, inner in (schema.get("properties") or {}).items():
            found += [name, *_properties(inner)]
    return found


def _body(chance: random.Random, schema: Any) -> Any:
    """Mostly the right envelope with what is required, and one or two values that should not be there."""
    if not schema or chance.random() < 0.1:
        return chance.choice(VALUES)
    body: dict[str, Any] = {}
    for name in schema.get("required", ()):
        inner = schema["properties"][name]
        if "properties" in inner:
            body[name] = _body(chance, inner)
        else:
            enum = inner.get("enum")
            body[name] = chance.choice(enum) if enum else "default" if inner.get("type") == "string" else []
    for _ in range(chance.randint(0, 2)):
        body[chance.choice([*_properties(schema), "extra"])] = chance.choice(VALUES)
    return body


async def test_no_request_is_a_500(cloud: Any) -> None:
    chance = random.Random(20260131)
    admin = await cloud.as_admin()
    users = [u["id"] for u in (await admin.get("/v3/users")).json["users"]]
    for route in ROUTES * 2:
        words = [*WORDS, *users]
        path = re.sub(r"\{\w+\}", lambda _, words=words: _quote(chance.choice(words)), route.path)
        if route.method == "DELETE" and users[0] in path:
            continue
        body = _body(chance, route.body) if route.body is not None else None
        answer = await admin.request(route.method, path + chance.choice(QUERIES), body)
        assert answer.status < 500, (route.method, path, body, answer.body)
        if answer.status >= 400 and route.method != "HEAD":
            assert answer.json["error"]["code"] == answer.status


async def test_random_logins_are_400_401_or_403(cloud: Any) -> None:
    chance = random.Random(4)
    good = {"name": "admin", "domain": {"id": "default"}, "password": "admin-secret"}
    for _ in range(120):
        user = good | {chance.choice(["name", "domain", "password", "id"]): chance.choice(VALUES)}
        identity = {"methods": ["password"], "password": {"user": user}}
        auth: dict[str, Any] = {"identity": identity}
        if chance.random() < 0.5:
            auth["scope"] = chance.choice(
                [*VALUES, {"project": chance.choice(VALUES)}, {"domain": chance.choice(VALUES)}]
            )
        answer = await cloud.client.post("/v3/auth/tokens", {"auth": auth})
        assert answer.status in (201, 400, 401, 403), (auth, answer.body)


def _quote(word: str) -> str:
    from urllib.parse import quote

    return quote(word, safe="")
