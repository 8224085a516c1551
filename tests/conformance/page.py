"""docs/reference/conformance.md: one section for each suite, with what did not pass and why."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conformance import kept, known
from tests.conformance.tempest import hidden_class

PAGE = Path(__file__).parents[2] / "docs/reference/conformance.md"
_HEAD = "# Conformance\n\nOther people's test suites against Wolke, as `just conformance SUITE` ran them last.\n"
_EXCEPTION = re.compile(r"^[\w.]*(Error|Exception|Failed|Mismatch|Timeout\w*|Details)\b.*")


def report(suite: str, title: str, results: Sequence[dict[str, Any]], *, write: bool) -> None:
    """A row may stand for several ``tests``."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in results:
        counts[_service_of(hidden_class(one["id"]) or one["id"])][one["status"]] += one.get("tests", 1)
    lines = ["| service | passed | failed | skipped |", "|---|---|---|---|"]
    lines += [f"| {s} | {c['success']} | {c['fail']} | {c['skip']} |" for s, c in sorted(counts.items())]
    total = sum(counts.values(), Counter())
    lines.append(f"| **all** | **{total['success']}** | **{total['fail']}** | **{total['skip']}** |")
    share = f"{total['success']} of {total.total()} pass: {100 * total['success'] / max(total.total(), 1):.1f} %."
    if again := kept.said_of(results):
        share += f"\n\n{again}"
    remarks = sorted(_remark(one) for one in results if one["status"] != "success")
    print("\n".join([*lines, "", share, "", *remarks]))
    if write:
        _write(suite, "\n".join([f"## {title}", "", *lines, "", share, "", *remarks, ""]))


def _remark(one: dict[str, Any]) -> str:
    tests = f" ({one['tests']} tests)" if one.get("tests", 1) > 1 else ""
    return f"- `{one['id'].partition('[')[0]}`{tests} {one['status']}: {_reason(one)}"


def _service_of(test_id: str) -> str:
    parts = test_id.split(".")
    if parts[0] != "tempest":
        return parts[0]
    return parts[2] if parts[1] == "api" else "scenario"


def _reason(one: dict[str, Any]) -> str:
    """What was raised, and what followed it: an exception of tempest's may take several lines to say why."""
    if one["status"] == "fail" and (said := known.why(one["id"])):
        return said
    text = one.get("reason") or one.get("traceback") or ""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    begins = max((at for at, line in enumerate(lines) if _EXCEPTION.match(line)), default=len(lines) - 1)
    return " ".join(lines[max(begins, 0) :])[:400] or "no reason given"


def _write(suite: str, section: str) -> None:
    """Replace this suite's section, leave the others."""
    begin, end = f"<!-- {suite} -->\n", f"<!-- end {suite} -->\n"
    text = PAGE.read_text() if PAGE.exists() else _HEAD
    if begin in text:
        before, _, rest = text.partition(begin)
        text = before + rest.partition(end)[2].lstrip("\n")
    PAGE.write_text(text.rstrip("\n") + f"\n\n{begin}\n{section}\n{end}")
