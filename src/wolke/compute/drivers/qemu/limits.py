"""How fast a guest may read and write a volume: from Cinder's words to QEMU's throttling of the disk that the guest sees.

QEMU is told when the disk is there, through the monitor: what a disk may do changes with the volume's type and size, and its
command line has no word for it. A guest that was started by somebody who died before is told at the next look.
"""

from __future__ import annotations

from wolke.compute.drivers.base import Volume
from wolke.compute.drivers.qemu import volume_nodes
from wolke.compute.drivers.qemu.definition import Definition
from wolke.compute.drivers.qemu.qmp import Session
from wolke.core.drivers import Failure

_WORDS = {"bytes_sec": "bps", "iops_sec": "iops"}
_WHICH = {"total": "", "read": "_rd", "write": "_wr"}
_BASE = {f"{which}_{word}": f"{short}{end}" for which, end in _WHICH.items() for word, short in _WORDS.items()}
_MOST = 10**15  # QEMU's own


def of(volume: Volume) -> dict[str, int]:
    """The arguments of ``block_set_io_throttle``; those that are 0 do not limit. Raises ``Failure`` for what QEMU would refuse."""
    found = dict.fromkeys(_BASE.values(), 0)
    for name, short in _BASE.items():
        found[short] = _number(volume, name)
        for end in ("max", "max_length"):
            if value := _number(volume, f"{name}_{end}"):
                found[f"{short}_{end}"] = value
    if size := _number(volume, "size_iops_sec"):
        found["iops_size"] = size
    _check(volume, found)
    return found


def _number(volume: Volume, name: str) -> int:
    text = str(volume.limits.get(name, "0")).strip()
    if not text.isdecimal() or int(text) > _MOST:
        raise Failure(f"The limit {name} of volume {volume.volume_id} is no whole number that this host can keep to.")
    return int(text)


def _check(volume: Volume, found: dict[str, int]) -> None:
    why = ""
    for word in _WORDS.values():
        parts = [found.get(f"{word}{end}{more}", 0) for end in ("_rd", "_wr") for more in ("", "_max")]
        if any(parts) and (found[word] or found.get(f"{word}_max")):
            why = "a total and one for reading or writing exclude each other"
    for short in _BASE.values():
        most = found.get(f"{short}_max", 0)
        if most and not 0 < found[short] <= most:
            why = "a burst (max) is more than what it is a burst of"
        if f"{short}_max_length" in found and not most:
            why = "the length of a burst needs a burst (max)"
    if "iops_size" in found and not any(found[f"iops{end}"] for end in _WHICH.values()):
        why = "size_iops_sec needs a limit of operations"
    if why:
        raise Failure(f"The limits of volume {volume.volume_id} cannot be kept: {why}.")


async def keep(qmp: Session, definition: Definition) -> None:
    """Every volume that is in the machine is as fast as it may be, and no faster."""
    if not definition.spec.volumes:
        return
    disks = [str(one.get("qdev")) for one in await qmp.execute("query-block")]
    for volume in definition.spec.volumes:
        name = volume_nodes.device_name(volume)
        for disk in disks:
            if disk == name or disk.startswith(f"/machine/peripheral/{name}/"):
                await qmp.execute("block_set_io_throttle", {"id": disk, **of(volume)})
