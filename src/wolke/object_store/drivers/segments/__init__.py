"""The embedded engine: a log of segment files, an index that can always be made again from it, large data in files.

    log      every change is a record in a segment file, with small data beside it; one write and one sync serve all commits
             that wait. The log is the truth.
    index    LMDB: where each key's data lies, tallies, references to files. It trails the log; memory covers the difference.
    files    data too large for the log, a checksum for each MiB. Who refers to them is counted from the log.

docs/decisions/0006 says why it is so and what was rejected.
"""

from wolke.object_store.drivers.segments.engine import Segments
from wolke.object_store.drivers.segments.options import Options

__all__ = ["Options", "Segments"]
