"""``/v1/account/container``: its objects, its metadata, and how it keeps what was."""

from __future__ import annotations

from urllib.parse import quote, unquote

from wolke.core.errors import BadRequest, Conflict, Refused
from wolke.core.http import Response
from wolke.object_store.api import answers, formats, lists, metadata, times
from wolke.object_store.api.call import Call
from wolke.object_store.api.etags import CONTAINER_HEADER
from wolke.object_store.api.gate import READ, WRITE, Gate
from wolke.object_store.api.objects.legacy import LOCATION, MODE
from wolke.object_store.errors import ContainerNotEmpty, ContainerNotFound, PreconditionFailed
from wolke.object_store.model import ENABLED, SUSPENDED, Container, parse_stamp, stamp_text
from wolke.object_store.policy import Verdict, clean_acl
from wolke.object_store.service.limits import check_container_name

_LEGACY = {"x-versions-location": "stack", "x-history-location": "history"}
_MORE = (READ, WRITE, CONTAINER_HEADER, "x-container-sync-to", "x-container-sync-key")
_QUOTAS = {"x-container-meta-quota-bytes": "bytes", "x-container-meta-quota-count": "count"}
_DIGITS = frozenset("0123456789.\0")
_BESIDE = "+segments"


async def get(gate: Gate, call: Call) -> Response:
    try:
        container, verdict = await gate.container(call, READ)
    except ContainerNotFound:
        if await _is_beside_a_bucket(gate, call):
            media = formats.wanted(call)
            return lists.answer(media, lists.objects(media, call, []), {})
        raise
    if "versions" in call.query:
        return await _versions(gate, call, container, verdict)
    media = formats.wanted(call)
    wish = lists.wish(call)
    headers = await _headers(gate, container, verdict)
    found = await gate.store.containers.objects(container, wish)
    return lists.answer(media, lists.objects(media, call, found), headers)


async def _is_beside_a_bucket(gate: Gate, call: Call) -> bool:
    """Swift's own S3 keeps the parts of uploads in such a container, and tools look there for what was left of them. Here parts
    lie in the bucket itself, so there is nothing to be found."""
    bucket = call.container.removesuffix(_BESIDE)
    return bucket != call.container and await gate.store.containers.exists(call.account, bucket)


async def _versions(gate: Gate, call: Call, container: Container, verdict: Verdict) -> Response:
    """JSON only. ``marker`` with ``version_marker`` begins within the versions of a name."""
    name = (call.query.get("format") or "json").lower()
    if name != "json" or not formats.accepts(call, formats.JSON):
        raise Refused(406, "Not Acceptable")
    wish = lists.wish(call)
    before: int | None = None
    version_marker = call.query.get("version_marker")
    if version_marker is not None:
        if not wish.marker:
            raise BadRequest("version_marker param requires marker")
        before = 0 if version_marker == "null" else parse_stamp(version_marker)
        if before is None:
            raise BadRequest("invalid version_marker param")
    if not _DIGITS.isdisjoint(wish.delimiter):
        raise BadRequest("invalid delimiter param")
    found = await gate.store.versions.page(container, wish, before)
    headers = await _headers(gate, container, verdict)
    return lists.answer(formats.JSON, lists.versions(formats.JSON, call.container, found), headers)


async def head(gate: Gate, call: Call) -> Response:
    container, verdict = await gate.container(call, READ)
    media = formats.wanted(call)
    headers = await _headers(gate, container, verdict)
    return lists.head(media, headers)


async def _headers(gate: Gate, container: Container, verdict: Verdict) -> dict[str, str]:
    tally = await gate.store.containers.tally(container)
    shown = metadata.visible(container.headers, owner=verdict.owner)
    shown |= {
        "X-Container-Object-Count": str(tally.objects),
        "X-Container-Bytes-Used": str(tally.octets),
        "X-Timestamp": stamp_text(container.created),
        "Last-Modified": times.last_modified(max(container.changed, container.created)),
        "X-Storage-Policy": container.policy,
        "Accept-Ranges": "bytes",
    }
    return shown | _versioning(container)


def _versioning(container: Container) -> dict[str, str]:
    shown = {}
    if container.versioning:
        shown["X-Versions-Enabled"] = str(container.versioning == ENABLED)
    if location := container.system.get(LOCATION):
        name = "X-History-Location" if container.system.get(MODE) == "history" else "X-Versions-Location"
        shown[name] = quote(location)
    return shown


async def put(gate: Gate, call: Call) -> Response:
    headers, system = _wishes(call, await gate.account(call))
    policy = _policy(gate, call)
    try:
        there = await gate.store.containers.get(call.account, call.container)
        _check_versioning(there, system)
    except ContainerNotFound:
        await gate.ensure_account(call)
    container, new = await gate.store.containers.create(call.account, call.container, headers, system, policy=policy)
    return answers.done(201 if new else 202, _versions_enabled(container))


async def post(gate: Gate, call: Call) -> Response:
    headers, system = _wishes(call, await gate.account(call))
    container = await gate.store.containers.get(call.account, call.container)
    _check_versioning(container, system)
    container = await gate.store.containers.update(container, headers, system)
    return answers.done(204, _versions_enabled(container))


def _versions_enabled(container: Container) -> dict[str, str]:
    return {"X-Versions-Enabled": str(container.versioning == ENABLED)} if container.versioning else {}


async def delete(gate: Gate, call: Call) -> Response:
    await gate.account(call)
    container = await gate.store.containers.get(call.account, call.container)
    try:
        await gate.store.containers.delete(container)
    except ContainerNotEmpty:
        if container.versioning and not (await gate.store.containers.tally(container)).objects:
            raise Conflict("Delete all versions before deleting container.") from None
        raise Conflict from None
    return answers.done(204)


def _policy(gate: Gate, call: Call) -> str:
    """Named in any case. Raises ``UnknownPolicy``."""
    name = call.headers.get("x-storage-policy", "").strip()
    if not name:
        return ""
    known = {policy.lower(): policy for policy in gate.store.ground.engines}
    found = known.get(name.lower(), name)
    gate.store.ground.engine(found)
    return found


def _wishes(call: Call, verdict: Verdict) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """Headers that clients see, and what the store keeps for itself. What is for owners is nobody else's to set."""
    headers = metadata.changes(call.headers, "container", _MORE)
    if not (verdict.owner or call.inner):
        headers = {name: value for name, value in headers.items() if name not in metadata.OWNER_ONLY}
    for name in (READ, WRITE):
        if value := headers.get(name):
            headers[name] = clean_acl(name, value) or None
    for name, noun in _QUOTAS.items():
        value = headers.get(name)
        if value is not None and not (value.isascii() and value.isdigit()):
            raise BadRequest(f"Invalid {noun} quota.")
    return headers, _system(call)


def _system(call: Call) -> dict[str, str | None]:
    system: dict[str, str | None] = {}
    given = [name for name in _LEGACY if call.headers.get(name, "").strip()]
    if len(given) > 1:
        raise BadRequest("Only one of X-History-Location or X-Versions-Location may be specified")
    if given:
        location = unquote(call.headers[given[0]].strip())
        if "/" in location:
            raise PreconditionFailed("Container name cannot contain slashes")
        check_container_name(location)
        system |= {LOCATION: location, MODE: _LEGACY[given[0]]}
    elif any(name in call.headers or "x-remove-" + name[2:] in call.headers for name in _LEGACY):
        system |= {LOCATION: None, MODE: None}
    enabled = call.headers.get("x-versions-enabled")
    if enabled is not None:
        system["versioning"] = ENABLED if lists.is_true(enabled) else SUSPENDED
    if system.get(LOCATION) and system.get("versioning") == ENABLED:
        raise _both()
    return system


def _check_versioning(container: Container, system: dict[str, str | None]) -> None:
    """One way of keeping versions at a time. What was never kept needs no switching off."""
    if system.get("versioning") == ENABLED and container.system.get(LOCATION) and LOCATION not in system:
        raise _both()
    if system.get(LOCATION) and container.versioning:
        raise BadRequest("Object versioning is enabled on this container: it cannot use the legacy versioned writes.")


def _both() -> BadRequest:
    return BadRequest(
        "Cannot enable object versioning on a container that is already using the legacy versioned writes feature."
    )
