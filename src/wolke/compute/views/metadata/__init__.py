"""What a server may know of itself: the metadata service at 169.254.169.254 and the config drive, rendered from the same values.

Everything here is pure. ``Facts`` is what is known of one server; ``answer(facts, path)`` is the service's answer to a path,
None where there is nothing; ``config_drive(facts)`` is the same as a tree of files.
"""

from __future__ import annotations

from wolke.compute.views.metadata.ec2 import ec2_answer, ec2_files
from wolke.compute.views.metadata.facts import AddressFacts, DiskFacts, Facts, NicFacts
from wolke.compute.views.metadata.openstack import openstack_answer, openstack_files

__all__ = ["AddressFacts", "DiskFacts", "Facts", "NicFacts", "answer", "config_drive"]


def answer(facts: Facts, path: str) -> bytes | None:
    """``path`` is without the first slash: ``openstack/latest/meta_data.json``, ``latest/meta-data/hostname``."""
    words = [word for word in path.split("/") if word]
    if words and words[0] == "openstack":
        return openstack_answer(facts, words[1:])
    return ec2_answer(facts, words)


def config_drive(facts: Facts) -> dict[str, bytes]:
    """Files by path."""
    return openstack_files(facts) | ec2_files(facts)
