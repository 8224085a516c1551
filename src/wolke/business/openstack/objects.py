"""Object storage of one project: containers, what is in them, and links that let others have one thing for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from wolke.business.errors import NotNow, NotThere
from wolke.business.openstack import reading, shapes
from wolke.business.openstack.line import Line

_CHUNK = 256 * 1024
_MOST = 1000
_LINK_KEY = "X-Account-Meta-Temp-Url-Key"


class Objects:
    def __init__(self, line: Line) -> None:
        self._line = line

    def used_bytes(self) -> int:
        """In all of the project's containers; 0 where the cloud has no object storage."""
        if not self._line.has("objects"):
            return 0
        try:
            return int(self._line.ask("HEAD", "objects", "").headers.get("X-Account-Bytes-Used", 0))
        except NotThere:
            return 0

    def containers(self, after: str = "") -> list[shapes.Container]:
        if not self._line.has("objects"):
            return []
        query = {"format": "json", "limit": _MOST, "marker": after}
        return [shapes.Container(raw["name"], raw["count"], raw["bytes"]) for raw in self._json("", query)]

    def make_container(self, name: str) -> None:
        self._line.ask("PUT", "objects", f"/{quote(name, safe='')}")

    def delete_container(self, name: str) -> None:
        self._line.ask("DELETE", "objects", f"/{quote(name, safe='')}")

    def list(self, container: str, folder: str, after: str, limit: int) -> list[shapes.StoredObject]:
        """One folder's: names up to the next slash."""
        query = {"format": "json", "limit": min(limit, _MOST), "prefix": folder, "delimiter": "/", "marker": after}
        found = []
        for raw in self._json(f"/{quote(container, safe='')}", query):
            if "subdir" in raw:
                found.append(shapes.StoredObject(raw["subdir"], 0, "", "", True))
            else:
                kind = raw.get("content_type") or ""
                found.append(shapes.StoredObject(raw["name"], raw["bytes"], kind, reading.at(raw["last_modified"])))
        return found

    def _json(self, path: str, query: dict[str, Any]) -> Any:
        return self._line.json("GET", "objects", path, query=query) or []

    def put(self, container: str, name: str, kind: str, chunks: Iterator[bytes]) -> None:
        headers = {"Content-Type": kind or "application/octet-stream"}
        _ = self._line.token  # renewed now: an answer of 401 would come when the chunks are gone
        self._line.ask("PUT", "objects", _path(container, name), data=_Once(chunks), headers=headers)

    def get(self, container: str, name: str) -> tuple[str, int, Iterator[bytes]]:
        """Its kind, its size, and its bytes as they come."""
        as_it_is = {"Accept-Encoding": "identity"}
        answer = self._line.ask("GET", "objects", _path(container, name), headers=as_it_is, stream=True)
        kind = answer.headers.get("Content-Type", "application/octet-stream")
        return kind, int(answer.headers.get("Content-Length", 0)), answer.iter_content(_CHUNK)

    def delete(self, container: str, name: str) -> None:
        try:
            self._line.ask("DELETE", "objects", _path(container, name))
        except NotThere:
            return

    def link(self, container: str, name: str, expires: int) -> str:
        """An address at which anybody may fetch it until ``expires``, in seconds since 1970."""
        base = self._line.address("objects").rstrip("/")
        path = f"{unquote(urlsplit(base).path)}/{container}/{name}"  # as the store sees it, unquoted
        seal = hmac.new(self._link_key().encode(), f"GET\n{expires}\n{path}".encode(), hashlib.sha256).hexdigest()
        return f"{base}{_path(container, name)}?temp_url_sig={seal}&temp_url_expires={expires}"

    def _link_key(self) -> str:
        found = self._line.ask("HEAD", "objects", "").headers.get(_LINK_KEY)
        if not found:
            self._line.ask("POST", "objects", "", headers={_LINK_KEY: secrets.token_urlsafe(32)})
            found = self._line.ask("HEAD", "objects", "").headers.get(_LINK_KEY)
        if not found:
            raise NotNow("This cloud's object storage has no share links.")
        return str(found)


class _Once:
    """What can be sent once: a client that began anew by itself would store what is left of it, which is nothing."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks: Iterator[bytes] | None = chunks

    def __iter__(self) -> Iterator[bytes]:
        chunks, self._chunks = self._chunks, None
        if chunks is None:
            raise ConnectionError("the upload must begin anew")
        return chunks


def _path(container: str, name: str) -> str:
    return f"/{quote(container, safe='')}/{quote(name)}"
