"""Quota without counters: what is used is what the rows say, summed in the same transaction that adds the next row and
under a lock for the project. A sum cannot drift. The tables of limits belong to the services; this is the sum's pure half.
"""

from __future__ import annotations

from collections.abc import Mapping

UNLIMITED = -1


def over(limits: Mapping[str, int], used: Mapping[str, int], wanted: Mapping[str, int]) -> list[str]:
    """The names of the resources that ``wanted`` more would take beyond their limit, sorted."""
    return sorted(
        name
        for name, amount in wanted.items()
        if amount > 0 and limits.get(name, UNLIMITED) != UNLIMITED and used.get(name, 0) + amount > limits[name]
    )
