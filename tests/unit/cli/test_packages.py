"""The list of host programs, and the bootstrap that asks it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wolke.cli import packages

ROOT = Path(__file__).resolve().parents[3]


def test_every_row_names_commands_that_there_are() -> None:
    for program in packages.PROGRAMS:
        assert program.needed_for
        assert set(program.needed_for) <= set(packages.COMMANDS)


def test_nothing_is_missing_where_everything_is() -> None:
    assert packages.missing(packages.COMMANDS, lambda name: True) == []


def test_a_missing_program_is_found_for_the_commands_that_need_it() -> None:
    def has(name: str) -> bool:
        return name != "ssh"

    assert [program.package for program in packages.missing(["demo"], has)] == ["openssh-client"]
    assert packages.missing(["up"], has) == []


def test_a_package_is_named_once_though_two_programs_are_in_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages.missing, "__defaults__", (lambda name: False,))
    assert packages.main(["missing", "--for", "demo"]) == 3
    names = capsys.readouterr().out.split()
    assert names.count("e2fsprogs") == 1
    assert names.count("openssh-client") == 1


def test_modules_and_patterns_of_files_count_as_programs() -> None:
    assert packages.present("import json")
    assert not packages.present("import no_such_module_anywhere")
    assert packages.present("/proc/*/status")
    assert not packages.present("/proc/*/no-such-file")


def test_the_table_needs_nothing_but_the_standard_library() -> None:
    alone = [sys.executable, "-I", "-S", str(ROOT / "src/wolke/cli/packages.py"), "list"]
    listed = subprocess.run(alone, capture_output=True, text=True, check=True).stdout
    assert "qemu-system-x86" in listed


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a clone as the bootstrap reads before it makes an environment, with one program nobody has."""
    for name in ("wolke", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    table = tmp_path / "src/wolke/cli/packages.py"
    table.parent.mkdir(parents=True)
    row = 'PROGRAMS = (Program("no-such-program", "no-such-package", "is missing", ("demo", "up")),\n'
    table.write_text((ROOT / "src/wolke/cli/packages.py").read_text().replace("PROGRAMS = (\n", row))
    return tmp_path


def _bootstrap(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(folder / "wolke"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_no_install_names_what_is_missing_and_changes_nothing(clone: Path) -> None:
    for arguments, environment in ((["--no-install", "demo"], {}), (["demo"], {"WOLKE_NO_INSTALL": "1"})):
        refused = _bootstrap(clone, *arguments, **environment)
        assert refused.returncode == 1
        assert "no-such-program: is missing" in refused.stderr
        assert "apt-get install --no-install-recommends no-such-package" in refused.stderr
        assert not (clone / ".venv").exists()


def test_without_a_new_enough_python_the_bootstrap_says_so(clone: Path) -> None:
    tools = clone / "tools"
    tools.mkdir()
    for name in ("readlink", "dirname", "cat", "cksum", "grep"):
        (tools / name).symlink_to(shutil.which(name) or "")
    for name in ("python3", "python3.11"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o755)
    refused = _bootstrap(clone, "demo", PATH=str(tools))
    assert refused.returncode == 1
    assert "Python 3.11 or newer is needed" in refused.stderr
