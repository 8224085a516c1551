"""One error, spelt as each service's clients expect it. A spelling turns ``(error, request id)`` into a JSON body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from wolke.core.errors import CloudError

Spelling = Callable[[CloudError, str], dict[str, Any]]

_NOVA_NAMES: Mapping[int, str] = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def nova(error: CloudError, request_id: str) -> dict[str, Any]:
    """``{"itemNotFound": {"code": 404, "message": …}}``; Cinder's is the same."""
    body: dict[str, Any] = {"code": error.status, "message": error.message}
    retry = error.headers.get("Retry-After")
    if retry is not None:
        body["retryAfter"] = retry
    return {_NOVA_NAMES.get(error.status, "computeFault"): body}


def neutron(error: CloudError, request_id: str) -> dict[str, Any]:
    return {"NeutronError": {"type": error.type, "message": error.message, "detail": error.details.get("detail", "")}}


def keystone(error: CloudError, request_id: str) -> dict[str, Any]:
    body = {"code": error.status, "message": error.message, "title": error.title}
    if "identity" in error.details:
        body["identity"] = error.details["identity"]
    return {"error": body}


def glance(error: CloudError, request_id: str) -> dict[str, Any]:
    """What webob sends to a client that accepts JSON."""
    phrase = HTTPStatus(error.status).phrase
    return {"message": f"{error.message}<br /><br />\n\n\n", "code": f"{error.status} {phrase}", "title": phrase}


def placement(error: CloudError, request_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {"status": error.status, "request_id": request_id, "detail": error.message}
    body["title"] = error.title
    body["code"] = error.details.get("code", "placement.undefined_code")
    for name in ("min_version", "max_version"):
        if name in error.details:
            body[name] = error.details[name]
    return {"errors": [body]}


def plain(error: CloudError, request_id: str) -> dict[str, Any]:
    return {"error": {"code": error.status, "message": error.message, "request_id": request_id}}
