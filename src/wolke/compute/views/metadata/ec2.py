"""``/<date>/meta-data/…``: the tree that EC2 made common, one value to a path, directories as lists of names."""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.compute.views.metadata.facts import Facts
from wolke.compute.views.metadata.openstack import user_data

VERSIONS = (
    "1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04",
    "latest",
)  # fmt: skip


def tree(facts: Facts) -> dict[str, Any]:
    """Mappings are directories; a name that begins with an underscore is not shown."""
    server = facts.server
    known: dict[str, Any] = {
        "ami-id": f"ami-{(server.image_id or '0' * 8)[:8]}",
        "ami-launch-index": str(server.launch_index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": _disks(facts),
        "hostname": server.hostname,
        "instance-action": "none",
        "instance-id": f"i-{server.id[:8]}",
        "instance-type": server.flavor.name,
        "local-hostname": server.hostname,
        "local-ipv4": facts.fixed_ip,
        "placement": {"availability-zone": facts.zone},
        "public-hostname": server.hostname,
        "public-ipv4": facts.public_ip,
        "reservation-id": server.reservation_id,
        "security-groups": "\n".join(facts.security_groups),
    }
    if server.key is not None:
        known["public-keys"] = {"0": {"_name": server.key["name"], "openssh-key": server.key["public_key"]}}
    return known


def _disks(facts: Facts) -> dict[str, str]:
    """The names of its disks by what they are."""
    server = facts.server
    root = server.root_device_name
    found = {"ami": root.removeprefix("/dev/"), "root": root}
    beside = [f"ephemeral{index}" for index in range(len(server.ephemerals))]
    beside += ["swap"] if server.flavor.swap_mib else []
    found |= {name: f"{root[:-1]}{letter}" for name, letter in zip(beside, "bcde", strict=False)}
    return found | {f"ebs{index}": disk.path for index, disk in enumerate(facts.disks)}


def ec2_answer(facts: Facts, words: list[str]) -> bytes | None:
    if not words:
        return "\n".join(VERSIONS).encode()
    if words[0] not in VERSIONS:
        return None
    if len(words) == 1:
        return ("meta-data/" if facts.server.user_data is None else "meta-data/\nuser-data").encode()
    if words[1] == "user-data" and len(words) == 2:
        return user_data(facts)
    if words[1] != "meta-data":
        return None
    found: Any = tree(facts)
    for word in words[2:]:
        if not isinstance(found, dict) or word not in found or word.startswith("_"):
            return None
        found = found[word]
    if isinstance(found, dict):
        return _listing(found)
    return str(found).encode()


def _listing(directory: dict[str, Any]) -> bytes:
    """Directories end in a slash; a key is listed as ``0=name``."""
    names = []
    for name, value in sorted(directory.items()):
        if name.startswith("_"):
            continue
        if isinstance(value, dict):
            names.append(f"{name}={value['_name']}" if "_name" in value else f"{name}/")
        else:
            names.append(name)
    return "\n".join(names).encode()


def ec2_files(facts: Facts) -> dict[str, bytes]:
    """On a config drive the tree is one JSON file."""
    known = tree(facts)
    if facts.server.key is not None:
        known["public-keys"] = {"0": {"openssh-key": facts.server.key["public_key"]}}
    files: dict[str, bytes] = {}
    for version in ("2009-04-04", "latest"):
        files[f"ec2/{version}/meta-data.json"] = msgspec.json.encode(known)
        data = user_data(facts)
        if data is not None:
            files[f"ec2/{version}/user-data"] = data
    return files
