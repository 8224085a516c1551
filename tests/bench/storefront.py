"""What the point of purchase costs a cloud: nothing until somebody comes in, and little after. The same cloud without it (``[business] enabled = false``)
is what it is compared with."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

from tests.bench.processes import Cloud, resident_mib
from tests.bench.rows import Row

_SETTLE_S = 3.0
_WITHOUT = "[business]\nenabled = false\n"


def measures(folder: Path, *, quick: bool) -> list[Row]:
    rounds = 2 if quick else 4
    folder.mkdir(parents=True)
    (folder / "without").mkdir(mode=0o700)
    (folder / "without" / "wolke.toml").write_text(_WITHOUT)
    without_s, without_mib, _ = _started(folder / "without", rounds)
    with_s, with_mib, entered_mib = _started(folder / "with", rounds)
    return [
        Row("a cloud with the portal closed, resident, beside one without", with_mib - without_mib, " MiB", 3),
        Row("its first token, warm, beside one without", (with_s - without_s) * 1000, " ms", 50),
        Row("the portal, open, idle, resident", entered_mib - without_mib, " MiB", 120),
    ]


def _started(state: Path, rounds: int) -> tuple[float, float, float]:
    """Seconds to the first token, MiB when idle, and MiB after somebody came in (only the last time), where that can be."""
    times, idle, entered = [], [], 0.0
    for number in range(rounds + 1):
        with Cloud(state) as cloud:
            if number:  # the first time it makes its keys
                times.append(cloud.first_token_s)
            time.sleep(_SETTLE_S)
            idle.append(resident_mib(cloud.process.pid))
            if number == rounds and state.name == "with":
                page = urllib.request.Request(f"{cloud.url}/sign-in", headers={"accept": "text/html"})
                with urllib.request.urlopen(page, timeout=60) as answer:
                    answer.read()
                time.sleep(_SETTLE_S)
                entered = resident_mib(cloud.process.pid)
    return min(times), min(idle), entered
