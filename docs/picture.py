"""Draws what a command said as a picture of a terminal: ``wolke demo --once 2>&1 | python docs/picture.py './wolke demo' docs/demo.svg``."""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

LINE, MARGIN, CHARACTER = 19, 22, 8.43
COLOURS = {"✓": "#3fb950", "✗": "#f85149", "$": "#8b949e"}


def draw(command: str, lines: list[str]) -> str:
    shown = ["$ " + command, "", *lines]
    width = int(max(map(len, shown)) * CHARACTER + 2 * MARGIN)
    height = len(shown) * LINE + 2 * MARGIN + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(command)}</title>",
        f'<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>',
    ]
    for index, colour in enumerate(("#f85149", "#d29922", "#3fb950")):
        parts.append(f'<circle cx="{MARGIN + index * 20}" cy="20" r="6" fill="{colour}"/>')
    parts.append(
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#c9d1d9">'
    )
    for number, line in enumerate(shown):
        y = MARGIN + 34 + number * LINE
        parts.append(f'<text x="{MARGIN}" y="{y}" xml:space="preserve">{_coloured(line)}</text>')
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _coloured(line: str) -> str:
    mark = line.strip()[:1]
    if mark in COLOURS:
        before, _, after = line.partition(mark)
        return f'{escape(before)}<tspan fill="{COLOURS[mark]}">{mark}</tspan>{escape(after)}'
    if line.startswith("    "):
        return f'<tspan fill="#79c0ff">{escape(line)}</tspan>'
    return escape(line)


if __name__ == "__main__":
    said = [line.rstrip() for line in sys.stdin.read().strip("\n").splitlines()]
    Path(sys.argv[2]).write_text(draw(sys.argv[1], said))
