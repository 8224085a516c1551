"""``python -m wolke.business.migrations "what changed"`` writes the next revision from the difference between records and schema."""

from __future__ import annotations

import sys

from wolke.business.migrations import BUSINESS

if __name__ == "__main__":
    BUSINESS.write(" ".join(sys.argv[1:]) or "change")
