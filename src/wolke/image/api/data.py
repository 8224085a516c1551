"""The bytes of images."""

from __future__ import annotations

import re

from wolke.core.context import Context
from wolke.core.errors import BadRequest, Refused
from wolke.core.http import PARTS, Request, Response
from wolke.image import errors
from wolke.image.api.discovery import IMPORT_METHODS
from wolke.image.api.images import found
from wolke.image.service import Images

_OCTETS = "application/octet-stream"
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*")


async def upload(service: Images, ctx: Context, request: Request) -> None:
    size = _announced(request)
    image = await found(service, ctx, request, "upload_image")
    await service.data.upload(ctx, image, request.stream(), size=size)


async def stage(service: Images, ctx: Context, request: Request) -> None:
    size = _announced(request)
    image = await found(service, ctx, request, "upload_image")
    await service.data.upload(ctx, image, request.stream(), size=size, stage=True)


async def import_staged(service: Images, ctx: Context, request: Request) -> None:
    name = request.body["method"]["name"]
    if name not in IMPORT_METHODS:
        raise BadRequest(f"Unknown import method name {name!r}; there is: {', '.join(IMPORT_METHODS)}.")
    await service.data.import_staged(ctx, await found(service, ctx, request, "modify_image"))


async def download(service: Images, ctx: Context, request: Request) -> Response:
    image = await found(service, ctx, request, "download_image")
    if not service.data.check_download(ctx, image):
        return Response(204)
    size = image.size or 0
    headers = {"Accept-Ranges": "bytes"}
    if image.checksum:
        headers["Content-MD5"] = image.checksum
    wanted = _range(request.headers.get("range"), size)
    if wanted is not None:
        start, end = wanted
        headers = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
        return Response(
            206, headers=headers, content_type=_OCTETS, chunks=service.data.download(image, start, end - start)
        )
    path = service.data.path(image)
    if path is not None and PARTS in request.scope.get("extensions", {}):
        return Response(200, headers=headers, content_type=_OCTETS, path=path)
    headers["Content-Length"] = str(size)
    return Response(200, headers=headers, content_type=_OCTETS, chunks=service.data.download(image, 0, size))


def _announced(request: Request) -> int | None:
    """How many bytes the client says it will send."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != _OCTETS:
        raise errors.WrongContentType(given, _OCTETS)
    for name in ("x-openstack-image-size", "content-length"):
        value = request.headers.get(name)
        if value is not None:
            if not (value.isdecimal() and value.isascii() and len(value) <= 19):
                raise BadRequest(f"{name} is not a whole number.")
            return int(value)
    return None


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """The half-open range that is asked for. What is no range of bytes is ignored; what cannot be served is 416."""
    if header is None or not header.strip().lower().startswith("bytes"):
        return None
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        raise _unsatisfiable(size)
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
    if start >= end:
        raise _unsatisfiable(size)
    return start, end


def _unsatisfiable(size: int) -> Refused:
    message = f"The range cannot be served: the image has {size} bytes, and one range is served at a time."
    return Refused(416, "Requested Range Not Satisfiable", message, headers={"Content-Range": f"bytes */{size}"})
