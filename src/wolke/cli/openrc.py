"""``wolke openrc``: clouds.yaml's entry as shell variables."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from wolke.state import StateDirectory, default_directory


def run(state: Path | None, cloud: str) -> int:
    path = StateDirectory(state or default_directory()) / "clouds.yaml"
    try:
        clouds = json.loads(path.read_text())["clouds"]
    except OSError as error:
        print(
            f"wolke: cannot read {path} ({error.strerror}). Is this the state directory of `wolke up`?", file=sys.stderr
        )
        return 1
    if cloud not in clouds:
        print(f"wolke: there is no cloud {cloud!r}; there is: {', '.join(clouds)}", file=sys.stderr)
        return 2
    entry = clouds[cloud]
    variables = {f"OS_{name.upper()}": value for name, value in entry["auth"].items()}
    variables |= {"OS_REGION_NAME": entry["region_name"], "OS_IDENTITY_API_VERSION": "3"}
    if "cacert" in entry:
        variables["OS_CACERT"] = entry["cacert"]
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
