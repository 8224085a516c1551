"""Pictures that the server draws: inline SVG, with shapes and classes only, since the policy allows no style in a page."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from wolke.business import qr


def sparkline(values: Sequence[Decimal | float | int], words: str) -> Markup:
    """A small line of a few figures; ``words`` say the same to whoever cannot see it."""
    width, height = 120, 32
    if len(values) < 2:
        values = [0, 0] if not values else [values[0], values[0]]
    top = float(max(values)) or 1.0
    points = [(i * width / (len(values) - 1), height - 3 - float(v) / top * (height - 6)) for i, v in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = f"0,{height} {line} {width},{height}"
    return Markup(  # noqa: S704 - figures, and escaped words
        f'<svg class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{escape(words)}">'
        f'<polygon class="spark-area" points="{area}"/><polyline class="spark-line" points="{line}"/></svg>'
    )


def meter(part: Decimal | float, words: str) -> Markup:
    """A bar that is filled to ``part`` (1 is all of it); beyond, it shows so."""
    filled = max(0.0, min(1.0, float(part))) * 100
    tone = "bad" if part >= 1 else "warn" if part >= Decimal("0.8") else "good"
    return Markup(  # noqa: S704 - figures, and escaped words
        f'<svg class="meter meter-{tone}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{escape(words)}">'
        f'<rect class="meter-all" width="100" height="6" rx="0"/><rect class="meter-part" width="{filled:.1f}" height="6"/></svg>'
    )


_QUIET = 4  # modules of white around a code, without which no phone finds it


def code(text: str, words: str = "") -> Markup:
    """What a phone scans. ``words`` say what it is; without, it stands beside what says the same. ``ValueError`` beyond 331 bytes."""
    rows = qr.code(text)
    size = len(rows) + 2 * _QUIET
    dark = "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, module in enumerate(row)
        if module == "1"
    )
    told = f'role="img" aria-label="{escape(words)}"' if words else 'aria-hidden="true"'
    return Markup(  # noqa: S704 - figures, and escaped words
        f'<svg class="qr" viewBox="0 0 {size} {size}" {told} shape-rendering="crispEdges">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{dark}" fill="#000"/></svg>'
    )


_WIDE, _ROW, _LEFT, _MOST = 760, 64, 40, 24


def network(shown: Any, outside: str) -> Markup:
    """The internet on the left, the project's network as a bar, its servers on the right; a green line where a server has a public address."""
    servers = shown.servers[:_MOST]
    height = max(1, len(servers)) * _ROW + 40
    middle = height / 2
    parts = [
        f'<rect class="net" x="330" y="12" width="26" height="{height - 24}" rx="13"/>',
        f'<path class="wire" d="M150 {middle}H330"/>',
        f'<circle class="box" cx="{_LEFT + 62}" cy="{middle}" r="46"/><text x="{_LEFT + 62}" y="{middle + 5}" text-anchor="middle">{escape(outside)}</text>',
    ]
    for index, one in enumerate(servers):
        y = 20 + index * _ROW + _ROW / 2
        own = ", ".join(one.private_addresses[:2])
        wire = "wire open" if one.public_address else "wire"
        if one.public_address:
            parts.append(f'<path class="wire open" d="M148 {middle}C220 {middle} 240 {y} 330 {y}"/>')
        parts.append(
            f'<path class="{wire}" d="M356 {y}H430"/><rect class="box" x="430" y="{y - 25}" width="300" height="50" rx="10"/>'
            f'<text x="448" y="{y - 3}">{escape(one.name[:34])}</text>'
            f'<text class="sub" x="448" y="{y + 15}">{escape(" · ".join(filter(None, (one.public_address, own))))}</text>'
        )
    names = ", ".join(one.name for one in servers)
    return Markup(  # noqa: S704 - escaped above
        f'<svg class="map" viewBox="0 0 {_WIDE} {height}" role="img" aria-label="{escape(outside)} – {escape(names)}">{"".join(parts)}</svg>'
    )
