"""``python -m tests.bench [--write]``: the figures that docs/reference/performance.md carries."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.bench import measures

PAGE = Path(__file__).parents[2] / "docs/reference/performance.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wolke-bench-") as folder:
        rows = measures.everything(Path(folder), quick=arguments.quick)
    lines = ["| what | measured | wanted | |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.shown} | {row.wanted} | {'yes' if row.good else '**no**'} |" for row in rows]
    table = "\n".join(lines)
    print(table)
    if arguments.write:
        PAGE.write_text(
            "# Performance\n\n"
            "Written by `python -m tests.bench --write`. Ratios are of CPU time per request, ours to nginx's for the same bytes, in one\n"
            "run on one machine (2 cores, Debian 12); they travel to other machines better than times do.\n"
            "A guest's disk is compared with `qemu-img bench` on the same file, with the best that any of QEMU's settings gives by\n"
            "hand in the same guest, and with a disk there that answers at once. Without KVM the guest's processor is emulated: what\n"
            "a disk of nothing takes longer than `qemu-img` no setting makes up for.\n\n"
            f"{table}\n"
        )


if __name__ == "__main__":
    main()
