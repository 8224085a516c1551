"""Style, script and pictures: kept in memory with their digests. The URL has the version of all of them in it, so a browser asks for each once."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import wolke
from wolke.core.http import Request, Response

PREFIX = "/static/"
_OURS = Path(__file__).parent / "static"
_BUILT = Path(wolke.__file__).parent / "assets"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
_SMALL = 1024
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    packed: bytes | None
    kind: str
    etag: str


class Files:
    """``version`` changes when any of them does. Packed when first asked for: a start does not wait for what nobody wants."""

    def __init__(self) -> None:
        self._places: dict[str, Path] = {}
        for folder in (_BUILT, _OURS):
            for path in sorted(folder.rglob("*")):
                if path.suffix in _TYPES and path.is_file():
                    self._places[path.relative_to(folder).as_posix()] = path
        self._files: dict[str, File] = {}
        stamp = hashlib.sha256()
        for name, path in self._places.items():
            state = path.stat()
            stamp.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
        self.version = stamp.hexdigest()[:10]

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def url(self, name: str) -> str:
        return f"{PREFIX}{self.version}/{name}"

    def answer(self, request: Request) -> Response | None:
        """None: there is no such file."""
        version, _, name = request.path.removeprefix(PREFIX).partition("/")
        if name not in self._places:
            return None
        file = self._file(name)
        headers = {"ETag": file.etag, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
        headers["Cache-Control"] = _FOR_EVER if version == self.version else "no-cache"
        if request.headers.get("if-none-match") == file.etag:
            return Response(304, headers=headers)
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(200, file.packed, headers=headers | {"Content-Encoding": "gzip"}, content_type=file.kind)
        return Response(200, file.body, headers=headers, content_type=file.kind)

    def _file(self, name: str) -> File:
        if name not in self._files:
            path = self._places[name]
            body = path.read_bytes()
            packed = (
                gzip.compress(body, 6, mtime=0)
                if len(body) > _SMALL and path.suffix not in (".png", ".woff2")
                else None
            )
            etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
            self._files[name] = File(body, packed, _TYPES[path.suffix], etag)
        return self._files[name]
