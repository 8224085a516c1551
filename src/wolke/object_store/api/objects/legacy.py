"""The older way of keeping versions: before an object is written again it is copied to another container.

``X-Versions-Location: there`` is a stack: a delete brings the last version back. ``X-History-Location: there`` is a history: a
delete copies the object there, too, and a marker after it. Versions are named by the length of the name in three hexadecimal
digits, the name, a slash and the stamp of what was copied.
"""

from __future__ import annotations

from wolke.object_store.api.gate import Gate
from wolke.object_store.api.lists import EMPTY_MD5, MARKER_TYPE
from wolke.object_store.errors import ContainerNotFound, ObjectNotFound, PreconditionFailed
from wolke.object_store.model import Container, Description, Listed, Object, Received, Wish, stamp_text
from wolke.object_store.service import Found

LOCATION = "versions-location"  # of a container, among what the store keeps for itself
MODE = "versions-mode"
HISTORY = "history"
_PAGE = 100


async def archive(gate: Gate, container: Container, name: str) -> None:
    """Copies what is there, if anything is."""
    try:
        found = await gate.store.objects.find(container, name)
    except ObjectNotFound:
        return
    there = await _other(gate, container)
    await gate.store.objects.copy(found, there, _prefix(name) + stamp_text(found.object.stamp), _same(found))


async def delete(gate: Gate, container: Container, name: str) -> bool:
    """Whether all is done; else the object is still to be deleted."""
    if container.system.get(MODE) == HISTORY:
        await archive(gate, container, name)
        await _mark(gate, await _other(gate, container), name)
        return False
    return await _restore(gate, container, name)


async def _mark(gate: Gate, there: Container, name: str) -> None:
    def describe(received: Received) -> Description:
        return Description(content_type=MARKER_TYPE, etag=EMPTY_MD5)

    stamp = stamp_text(gate.store.ground.stamp())
    await gate.store.objects.put(there, _prefix(name) + stamp, b"", describe, size=0)


async def _restore(gate: Gate, container: Container, name: str) -> bool:
    """The newest version comes back in place of the object. What comes back of a marker, left by a time when this was a
    history, is that there is no object: the next delete goes on from there."""
    objects = gate.store.objects
    try:
        there = await gate.store.containers.get(container.account, container.system[LOCATION])
    except ContainerNotFound:
        return False
    is_there = await _is_there(gate, container, name)
    has_popped = False
    for version in await _newest(gate, there, name):
        if version.object.content_type == MARKER_TYPE:
            if is_there or has_popped:
                return has_popped
            await objects.delete(there, version.name)
            has_popped = True
            continue
        try:
            found = await objects.find(there, version.name)
        except ObjectNotFound:
            continue
        await objects.copy(found, container, name, _same(found))
        await objects.delete(there, version.name)
        return True
    return has_popped


async def _is_there(gate: Gate, container: Container, name: str) -> bool:
    try:
        await gate.store.objects.find(container, name)
    except ObjectNotFound:
        return False
    return True


async def _newest(gate: Gate, there: Container, name: str) -> list[Listed]:
    wish = Wish(limit=_PAGE, prefix=_prefix(name), reverse=True)
    return [item for item in await gate.store.containers.objects(there, wish) if isinstance(item, Listed)]


async def _other(gate: Gate, container: Container) -> Container:
    try:
        return await gate.store.containers.get(container.account, container.system[LOCATION])
    except ContainerNotFound:
        raise PreconditionFailed("The container for versions does not exist.") from None


def _prefix(name: str) -> str:
    return f"{len(name.encode()):03x}{name}/"


def _same(found: Found) -> Description:
    value: Object = found.object
    return Description(
        content_type=value.content_type,
        etag=value.etag,
        headers=value.headers,
        system=value.system,
        kind=value.kind,
        size=value.size if value.stored >= 0 else -1,
        due_s=found.entry.due_s,
    )
