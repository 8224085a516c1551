"""The functional tests of python-cinderclient, from its source package: its command line, as the cloud's administrator."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.conformance import sources

CLIENT = "python-cinderclient==9.10.0"
_TOOLS = (CLIENT, "tempest==47.0.0", "ddt", "stestr", "pbr", "setuptools", "wheel")


def environment() -> tuple[Path, Path]:
    """The programs of an environment of its own, and the client's unpacked source; made once."""
    return sources.environment(CLIENT, _TOOLS)


def run(cloud_of: Any, folder: Path) -> list[dict[str, Any]]:
    """One row for each test, as tempest's. ``cloud_of(path)`` starts a cloud with its state there."""
    programs, source = environment()
    (folder / "stestr").mkdir()
    with cloud_of(folder / "state") as cloud:
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON"))},
            "PATH": f"{programs}:{os.environ['PATH']}",
            "OS_AUTH_URL": f"{cloud.url}/identity/v3",
            "OS_USERNAME": "admin",
            "OS_PASSWORD": cloud.secrets()["admin_password"],
            "OS_PROJECT_NAME": "admin",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_VOLUME_API_VERSION": "3",
            "OS_CINDERCLIENT_EXEC_DIR": str(programs),
            "OS_TEST_PATH": "./cinderclient/tests/functional",
            "OS_TEST_TIMEOUT": "0",
        }
        command = [programs / "stestr", "--repo-url", folder / "stestr", "run", "--subunit", "--concurrency", "2"]
        ran = subprocess.run(command, cwd=source, env=environ, stdout=subprocess.PIPE)
    counted = [programs / "python", Path(__file__).parent / "counted.py"]
    found = subprocess.run(counted, input=ran.stdout, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in found.stdout.splitlines()]
