"""Cross-origin rules of a bucket: kept, asked by browsers beforehand, and shown with every answer to them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from wolke.core.http import Response
from wolke.object_store.model import Container
from wolke.object_store.s3 import access, xml
from wolke.object_store.s3.call import Call, nothing, ok
from wolke.object_store.s3.faults import Fault

NAME = "s3:cors"
_MOST_RULES = 100
_METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "DELETE"})
_ELEMENTS = frozenset({"ID", "AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader", "MaxAgeSeconds"})


class _Rule(NamedTuple):
    origins: tuple[re.Pattern[str], ...]
    any_origin: bool
    methods: tuple[str, ...]
    headers: tuple[re.Pattern[str], ...]
    exposed: str
    max_age: str


async def get(call: Call) -> Response:
    kept = call.there.system.get(NAME)
    if kept is None:
        raise Fault("NoSuchCORSConfiguration", BucketName=call.bucket)
    return ok(xml.document("CORSConfiguration", kept))


async def put(call: Call) -> Response:
    root = await call.document("CORSConfiguration")
    nodes = list(root.all("CORSRule"))
    if not 1 <= len(nodes) <= _MOST_RULES or len(nodes) != len(root.children):
        raise Fault("MalformedXML")
    for node in nodes:
        _check(node)
    await call.keep({NAME: "".join(xml.tree(node) for node in nodes)})
    await call.store.names.claim(call.there.name, call.there.account)  # a browser asks without a signature
    return ok()


async def delete(call: Call) -> Response:
    await call.keep({NAME: None})
    return nothing()


def _check(node: xml.Node) -> None:
    if not node.names() <= _ELEMENTS or not {"AllowedOrigin", "AllowedMethod"} <= node.names():
        raise Fault("MalformedXML")
    for method in node.all("AllowedMethod"):
        if method.text.strip() not in _METHODS:
            raise Fault(
                "InvalidRequest",
                f"Found unsupported HTTP method in CORS config. Unsupported method is {method.text.strip()[:20]}",
            )
    for name in ("AllowedOrigin", "AllowedHeader"):
        for one in node.all(name):
            if one.text.count("*") > 1:
                raise Fault("InvalidRequest", f'{name} "{one.text[:200]}" can not have more than one wildcard.')
    age = node.get("MaxAgeSeconds")
    if age is not None and (not (age.isascii() and age.isdigit()) or len(age) > 10):
        raise Fault("MalformedXML")


@lru_cache(maxsize=256)
def _rules(kept: str) -> tuple[_Rule, ...]:
    return tuple(_rule(node) for node in xml.parse(f"<C>{kept}</C>".encode(), "C").children)


def _rule(node: xml.Node) -> _Rule:
    texts = {name: [one.text.strip() for one in node.all(name)] for name in _ELEMENTS}
    return _Rule(
        tuple(_wild(one) for one in texts["AllowedOrigin"]),
        "*" in texts["AllowedOrigin"],
        tuple(texts["AllowedMethod"]),
        tuple(_wild(one.lower()) for one in texts["AllowedHeader"]),
        ", ".join(texts["ExposeHeader"]),
        node.get("MaxAgeSeconds") or "",
    )


def _wild(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)


def _headers(rule: _Rule, origin: str) -> dict[str, str]:
    found = {
        "access-control-allow-origin": "*" if rule.any_origin else origin,
        "vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    if not rule.any_origin:
        found["access-control-allow-credentials"] = "true"
    found["access-control-allow-methods"] = ", ".join(rule.methods)
    if rule.exposed:
        found["access-control-expose-headers"] = rule.exposed
    if rule.max_age:
        found["access-control-max-age"] = rule.max_age
    return found


def of_answer(container: Container | None, origin: str, method: str) -> dict[str, str]:
    """What an answer to a request from that origin carries."""
    kept = container.system.get(NAME) if container is not None else None
    for rule in _rules(kept) if kept else ():
        if method in rule.methods and any(one.fullmatch(origin) for one in rule.origins):
            return _headers(rule, origin)
    return {}


async def preflight(call: Call) -> Response:
    origin, method = call.headers.get("origin"), call.headers.get("access-control-request-method")
    if origin is None:
        raise Fault("BadRequest", "Insufficient information. Origin request header needed.")
    if method is None:
        raise Fault("BadRequest", "Invalid Access-Control-Request-Method: null")
    call.container, _ = await access.resolve(call, call.bucket)
    asked = [one.strip().lower() for one in call.headers.get("access-control-request-headers", "").split(",")]
    kept = call.container.system.get(NAME)
    if kept is None:
        raise Fault("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.", Method=method)
    for rule in _rules(kept):
        if method not in rule.methods or not any(one.fullmatch(origin) for one in rule.origins):
            continue
        if all(any(one.fullmatch(name) for one in rule.headers) for name in asked if name):
            allowed = ", ".join(name for name in asked if name)
            return ok(b"", _headers(rule, origin) | ({"access-control-allow-headers": allowed} if allowed else {}))
    raise Fault(
        "AccessForbidden",
        "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / "
        "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
        Method=method,
    )
