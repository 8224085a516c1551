"""The build hook that brings what pages load in a browser into the package: from npm, by lock file, nothing vendored.

Where npm is missing the package is built without: consoles then say what to install, everything else works.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# package's folder → folder of the assets, and what of it is needed
WANTED = {"@novnc/novnc": ("novnc", ("core", "vendor", "LICENSE.txt"))}


class AssetsHook(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        target = root / "src/wolke/assets"
        lock = (root / "assets/package-lock.json").read_text()
        if not (target / ".lock").exists() or (target / ".lock").read_text() != lock:
            self._fetch(root / "assets", target, lock)
        build_data["artifacts"].append("src/wolke/assets/**")

    def _fetch(self, source: Path, target: Path, lock: str) -> None:
        npm = shutil.which("npm")
        if npm is None:
            print("npm is not here: the package is built without noVNC", file=sys.stderr)
            return
        with tempfile.TemporaryDirectory() as folder:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, folder)
            done = subprocess.run(
                [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True
            )
            if done.returncode != 0:
                print(f"npm failed, the package is built without noVNC: {done.stderr.decode()[-500:]}", file=sys.stderr)
                return
            shutil.rmtree(target, ignore_errors=True)
            for package, (name, parts) in WANTED.items():
                for part in parts:
                    found = Path(folder) / "node_modules" / package / part
                    place = target / name / part
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copytree(found, place) if found.is_dir() else shutil.copy(found, place)
        (target / ".lock").write_text(lock)
