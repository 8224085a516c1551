"""Suites that come with a package's sources: each in an environment of its own, under the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wolke"


def environment(package: str, tools: Sequence[str], *, requirements: bool = False) -> tuple[Path, Path]:
    """The programs, ``tools`` among them, and the package's unpacked source; made once. ``requirements``: with what
    the source's own list names."""
    folder = CACHE / package.replace("==", "-")
    programs, source = folder / "venv/bin", folder / "source"
    ready, wanted = folder / "ready", " ".join(tools)
    if not ready.exists() or ready.read_text() != wanted:
        print(f"installing {package} into {folder}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder / "venv", with_pip=True)
        pip = [programs / "python", "-m", "pip", "-q"]
        subprocess.run([*pip, "install", *tools], check=True)
        options = ("--no-deps", "--no-binary", ":all:", "--no-build-isolation")
        subprocess.run([*pip, "download", *options, package, "-d", folder / "package"], check=True)
        with tarfile.open(next((folder / "package").glob("*.tar.gz"))) as packed:
            packed.extractall(folder / "package", filter="data")
        next(path for path in (folder / "package").iterdir() if path.is_dir()).rename(source)
        if requirements:
            subprocess.run([*pip, "install", "-r", source / "requirements.txt"], check=True)
        ready.write_text(wanted)
    return programs, source
