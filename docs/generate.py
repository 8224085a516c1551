"""Writes the reference pages from the tables that the program runs on: ``python docs/generate.py [--check]``."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from wolke.core.config import describe
from wolke.core.microversion import text
from wolke.core.policy import Rule

PAGES = Path(__file__).parent / "reference"
SERVICES = ("identity", "image", "placement", "network", "block_storage", "compute")
NOTE = "<!-- Written by docs/generate.py from the program's own tables. Do not edit. -->\n"


def pages() -> dict[str, str]:
    return {
        "configuration.md": configuration(),
        "wolke.toml": sample(),
        "routes.md": routes(),
        "policy.md": policy(),
        "microversions.md": microversions(),
        "drivers.md": drivers(),
        "object-store.md": object_store(),
        "checks.md": checks(),
    }


def sections() -> dict[str, type[Any]]:
    from wolke.app import SECTIONS

    return SECTIONS


def configuration() -> str:
    parts = [
        "# Configuration\n",
        NOTE,
        "Read from `STATE/wolke.toml` (or `--config FILE`), then from the environment: `WOLKE_COMPUTE__SYNC_PERIOD_S=5` is\n"
        "`[compute] sync_period_s = 5`. Unknown names and wrong types are refused. No configuration at all starts a complete cloud.\n",
    ]
    for name, kind in sections().items():
        parts += [f"## [{name}]\n", "| option | type | default | |", "|---|---|---|---|"]
        for option, type_, default, help_text in describe(kind):
            parts.append(f"| `{option}` | {type_} | `{default}` | {help_text} |".replace("| None", "\\| None"))
        parts.append("")
    return "\n".join(parts)


def sample() -> str:
    lines = ["# Every option with its default. Uncomment what you change."]
    for name, kind in sections().items():
        lines += ["", f"[{name}]"]
        for option, _, default, help_text in describe(kind):
            lines += [f"# {help_text}", f"# {option} = {default}"]
    return "\n".join(lines) + "\n"


def routes() -> str:
    parts = ["# API routes and their rules\n", NOTE]
    for service in SERVICES:
        parts += [f"## {service}\n", "| method | path | rule | since | until |", "|---|---|---|---|---|"]
        for route in import_module(f"wolke.{service}.api").ROUTES:
            rule = f"`{route.rule}`" if route.rule else ("none: open" if not route.auth else "asked of the resource")
            since = "" if route.since == "0.0" else route.since
            until = "" if route.until == "9999.0" else route.until
            parts.append(f"| {route.method} | `{route.path}` | {rule} | {since} | {until} |")
        parts.append("")
    return "\n".join(parts)


def policy() -> str:
    parts = [
        "# Policy\n",
        NOTE,
        "Rules carry upstream's names. Override them by name in a JSON file (`[cloud] policy_file`).\n",
    ]
    for service in SERVICES:
        parts += [f"## {service}\n", "| rule | default | scopes |", "|---|---|---|"]
        rules: tuple[Rule, ...] = import_module(f"wolke.{service}.policy").RULES
        for rule in rules:
            check = (rule.check or "(always)").replace("|", "\\|")
            parts.append(f"| `{rule.name}` | `{check}` | {', '.join(rule.scopes)} |")
        parts.append("")
    return "\n".join(parts)


def microversions() -> str:
    parts = ["# Microversions\n", NOTE]
    for service in ("compute", "block_storage", "placement"):
        versions = import_module(f"wolke.{service}.versions").VERSIONS
        parts += [f"## {service}: {text(versions.minimum)} to {text(versions.maximum)}\n"]
        parts += [f"- **{text(change.version)}** {change.note}" for change in versions.changes]
        parts.append("")
    return "\n".join(parts)


def drivers() -> str:
    parts = ["# Drivers\n", NOTE]
    for service, what in (
        ("compute", "hypervisors"),
        ("network", "dataplanes"),
        ("image", "image stores"),
        ("object_store", "places for objects"),
    ):
        known: dict[str, str] = import_module(f"wolke.{service}.drivers").DRIVERS
        parts += [f"## {what}\n", "| name | what it is |", "|---|---|"]
        for name, target in known.items():
            module = import_module(target.partition(":")[0])
            first = (module.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
            parts.append(f"| `{name}` | {first} |")
        parts += ["", f"A third party's is an entry point in the group `wolke.{service}.drivers`.", ""]
    return "\n".join(parts)


def object_store() -> str:
    from wolke.object_store.api.dispatch import TABLE
    from wolke.object_store.filters import PIPELINE
    from wolke.object_store.s3.routes import ROWS

    parts = [
        "# The object store's operations\n",
        NOTE,
        "How to use it: [Use the object store](../howto/object-storage.md).\n",
        "## Swift\n",
        "| about | methods |",
        "|---|---|",
    ]
    parts += [f"| {noun} | {', '.join(sorted(verbs))} |" for noun, verbs in TABLE.items()]
    parts += ["", "Filters, from the door inwards:\n", "| filter | what it does |", "|---|---|"]
    for one in PIPELINE:
        module = import_module(one.__module__)
        first = (module.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        parts.append(f"| `{one.__module__.rpartition('.')[2]}` | {first} |")
    parts += ["", "## S3\n", "| method | about | sub-resource | what the caller needs |", "|---|---|---|---|"]
    for row in ROWS:
        need = f"`{row.need.action}`" if row.need is not None else "asked of each, or of the caller"
        parts.append(f"| {row.method} | {row.noun} | {f'`?{row.sub}`' if row.sub else ''} | {need} |")
    return "\n".join(parts) + "\n"


def checks() -> str:
    from wolke.inspection import TABLE

    parts = [
        "# What `wolke check` compares\n",
        NOTE,
        "How to use it: [Check that the cloud agrees with itself](../howto/check.md).\n",
    ]
    for service, rows in TABLE.items():
        parts += [f"## {service}\n", "| check | compares | what `--repair` does |", "|---|---|---|"]
        for row in rows:
            repair = row.repair if row.mend is not None else f"nothing by itself; {row.repair}"
            parts.append(f"| `{row.name}` | {row.compares} | {repair} |")
        parts.append("")
    return "\n".join(parts)


def main() -> int:
    stale = []
    for name, content in pages().items():
        path = PAGES / name
        if not path.exists() or path.read_text() != content:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(content)
    if stale:
        print(("stale: " if "--check" in sys.argv else "written: ") + ", ".join(stale))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
