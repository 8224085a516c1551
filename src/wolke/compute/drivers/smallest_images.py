"""The smallest images there are, of which a simulated guest's snapshot is one: a sector of zeroes, by format."""

from __future__ import annotations

import struct

# Of qcow2: a header, a table of reference counts, counts, a map.
IMAGES = {
    "raw": bytes(512),
    "qcow2": b"".join(
        part.ljust(512, b"\0")
        for part in (
            struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 9, 512, 0, 1, 1536, 512, 1, 0, 0),
            struct.pack(">Q", 1024),
            struct.pack(">4H", 1, 1, 1, 1),
            b"",
        )
    ),
}
