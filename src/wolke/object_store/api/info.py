"""What belongs to nobody's account: ``/info`` (what this store can do), ``/healthcheck`` and ``/crossdomain.xml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wolke.core.http import Request, Response
from wolke.object_store.api import answers
from wolke.object_store.service import ObjectStore, limits

_METHODS = ("GET", "HEAD", "OPTIONS")
_CROSSDOMAIN = b"""<?xml version="1.0"?>
<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >
<cross-domain-policy>
<allow-access-from domain="*" secure="false" />
</cross-domain-policy>"""

_FEATURES: Mapping[str, Mapping[str, Any]] = {
    "account_quotas": {},
    "container_quotas": {},
    "crossdomain": {},
    "etag_quoter": {"enable_by_default": False},
    "object_versioning": {},
    "versioned_writes": {"allowed_flags": ["x-versions-location", "x-history-location"]},
}


class Info:
    def __init__(self, store: ObjectStore, features: Mapping[str, Any]) -> None:
        self._info = msgspec.json.encode({"swift": _swift(store), **_FEATURES, **features})

    def answer(self, request: Request) -> Response | None:
        """None where there is nothing of this kind."""
        path = request.path
        if path == "/info":
            return self._of(request, self._info, "application/json; charset=UTF-8")
        if path == "/healthcheck":
            return self._of(request, b"OK", "text/plain")
        if path == "/crossdomain.xml":
            return self._of(request, _CROSSDOMAIN, "application/xml")
        return None

    def _of(self, request: Request, body: bytes, content_type: str) -> Response:
        if request.method not in _METHODS:
            return answers.page(405, {"Allow": ", ".join(_METHODS)})
        if request.method == "OPTIONS":
            return Response(200, headers={"Allow": ", ".join(_METHODS)})
        if request.method == "HEAD":
            return answers.head_only(200, {}, len(body), content_type)
        return Response(200, body, content_type=content_type)


def _swift(store: ObjectStore) -> dict[str, Any]:
    policies = list(store.ground.engines)
    return {
        "version": "2.38.0",
        "account_autocreate": True,
        "account_listing_limit": limits.LISTING,
        "allow_account_management": False,
        "allow_open_expired": store.ground.config.allow_open_expired,
        "container_listing_limit": limits.LISTING,
        "extra_header_count": 0,
        "max_account_name_length": limits.ACCOUNT_NAME_BYTES,
        "max_container_name_length": limits.CONTAINER_NAME_BYTES,
        "max_file_size": limits.OBJECT_BYTES,
        "max_header_size": limits.HEADER_BYTES,
        "max_meta_count": limits.META_COUNT,
        "max_meta_name_length": limits.META_NAME_BYTES,
        "max_meta_overall_size": limits.META_BYTES,
        "max_meta_value_length": limits.META_VALUE_BYTES,
        "max_object_name_length": limits.OBJECT_NAME_BYTES,
        "policies": [
            {"name": name, "aliases": name} | ({"default": True} if not at else {}) for at, name in enumerate(policies)
        ],
        "strict_cors_mode": True,
        "valid_api_versions": ["v1", "v1.0"],
    }
