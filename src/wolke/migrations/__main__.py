"""``python -m wolke.migrations "what changed"`` writes the next revision from the difference between records and schema."""

from __future__ import annotations

import sys

from wolke.migrations import CLOUD

if __name__ == "__main__":
    CLOUD.write(" ".join(sys.argv[1:]) or "change")
