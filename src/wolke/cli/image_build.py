"""``wolke image build``: the guest image of the demo and the tests, in a folder of your choice."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path


def run(out: Path, *, as_json: bool) -> int:
    from wolke.cli.guest_image import PackageUnavailable, build
    from wolke.state import default_directory

    def tell(what: str, part: float) -> None:
        if not as_json:
            print(f"  {part:4.0%}  {what}", file=sys.stderr)

    try:
        image = build(out, cache_dir=default_directory() / "packages", progress=tell)
    except (PackageUnavailable, OSError, RuntimeError, ValueError) as error:  # apt, the disk, a tool, a strange package
        print(f"wolke: the image could not be built: {error}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(asdict(image), default=str, indent=2))
        return 0
    print(f"{image.disk_qcow2}  (qcow2, {image.size / 1e6:.0f} MB, sha256 {image.sha256[:16]}…)")
    print(f"  openstack image create --disk-format qcow2 --container-format bare --file {image.disk_qcow2} wolke-guest")
    return 0
