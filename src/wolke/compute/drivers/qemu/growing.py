"""A guest sees that a volume which another process serves has grown.

NBD has no word for that, and a server of NBD tells its clients the size when they come. So the server turns them away for a moment
when it makes the disk larger, QEMU comes back with the next request, which is made here, and then knows better.
"""

from __future__ import annotations

from contextlib import suppress

from wolke.compute.drivers.qemu import volume_nodes
from wolke.compute.drivers.qemu.definition import Definition
from wolke.compute.drivers.qemu.qmp import Refused, Session

_GIB = 1 << 30


async def follow(qmp: Session, before: Definition, now: Definition) -> None:
    for volume in now.spec.volumes:
        was = before.volume(volume.volume_id)
        if was is None or not volume.remote or volume.size_gib <= was.size_gib:
            continue
        node = volume_nodes.first_name(volume)
        await qmp.execute("human-monitor-command", {"command-line": f'qemu-io {node} "read 0 512"'})
        with suppress(Refused):  # of one that is only read, which QEMU does not resize: it sees it at its next start
            await qmp.execute(
                "block_resize", {"node-name": volume_nodes.top_name(volume), "size": volume.size_gib * _GIB}
            )
