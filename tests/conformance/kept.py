"""What a long suite gave, kept in a folder: a file for each part that was run, and one for the classes that were run again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.tempest import class_of, hidden_class

Rows = list[dict[str, Any]]


def keep(folder: Path, suite: str, part: tuple[int, int], rows: Rows) -> Rows:
    """What all parts gave, of those that have been run."""
    which, parts = part
    folder.mkdir(parents=True, exist_ok=True)
    _write(_path(folder, suite, which, parts), rows)
    paths = [_path(folder, suite, number, parts) for number in range(1, parts + 1)]
    if missing := [path.stem for path in paths if not path.exists()]:
        print(f"not yet run: {', '.join(missing)}", file=sys.stderr)
    return _read(path for path in paths if path.exists())


def replace(folder: Path, suite: str, rows: Rows) -> Rows:
    """What all parts gave, but for the classes of ``rows``: of those, this. ``again`` is what each gave at first."""
    classes = {_class_of(row) for row in rows}
    first: dict[str, str] = {}
    for row in _read(_paths(folder, suite)):
        first[hidden_class(row["id"]) or row["id"]] = row.get("again", row["status"])
    rows = [{**row, "again": first.get(row["id"]) or first.get(_class_of(row), "")} for row in rows]
    for path in _paths(folder, suite):
        _write(path, [row for row in _read([path]) if _class_of(row) not in classes])
    last = folder / f"{suite}-again.jsonl"
    _write(last, [*_read([last] if last.exists() else []), *rows])
    return _read(_paths(folder, suite))


def failed_classes(folder: Path, suite: str) -> set[str]:
    return {_class_of(row) for row in _read(_paths(folder, suite)) if row["status"] == "fail"}


def said_of(rows: Sequence[dict[str, Any]]) -> str:
    """Which classes were run again, and what of them had failed; nothing if none was."""
    again = [row for row in rows if "again" in row]
    failed = [row["id"].partition("[")[0] for row in again if row["again"] == "fail"]
    said = _named("Run again by themselves, after the rest: ", {_class_of(row) for row in again})
    return f"{said} {_named('Of them had failed: ', failed)}".strip()


def _named(what: str, names: Iterable[str]) -> str:
    return f"{what}{', '.join(f'`{name}`' for name in sorted(names))}." if names else ""


def _class_of(row: dict[str, Any]) -> str:
    return hidden_class(row["id"]) or class_of(row["id"])


def _paths(folder: Path, suite: str) -> list[Path]:
    return sorted(folder.glob(f"{suite}-*.jsonl"))


def _path(folder: Path, suite: str, which: int, parts: int) -> Path:
    return folder / f"{suite}-{which}-of-{parts}.jsonl"


def _read(paths: Iterable[Path]) -> Rows:
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def _write(path: Path, rows: Rows) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
