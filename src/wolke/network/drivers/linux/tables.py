"""Putting nft tables into the kernel: all tables of one text in one transaction, and only if they are not there already.

The kernel itself remembers which text it has: each table gets an empty chain whose name is the text's digest. A restart
of this process, a crash before or after the transaction, or somebody else's `nft delete table` cannot deceive it. The
digest comes last, after what follows from the change (old flows are forgotten), so that a crash in between repeats it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wolke.network.drivers.linux.namespaces import run
from wolke.network.drivers.linux.netlink import ACK, Netfilter, attribute

_NFTABLES = 10
_GET_CHAIN = 4
_CHAIN_TABLE, _CHAIN_NAME = 1, 3
_FAMILIES = {"inet": 1, "bridge": 7}


@dataclass(frozen=True, slots=True)
class Table:
    family: str
    name: str
    text: str


def apply(tables: Sequence[Table], then: Callable[[], object]) -> None:
    """Put the tables in place in the namespace this thread is in, and do ``then``; nothing if they are there."""
    digest = _digest(tables)
    if are_there(tables):
        return
    run(["nft", "-f", "-"], replacing(tables))
    then()
    run(["nft", "-f", "-"], "".join(f"add chain {table.family} {table.name} {digest}\n" for table in tables))


def are_there(tables: Sequence[Table]) -> bool:
    """Whether just these are in place, in the namespace this thread is in."""
    digest = _digest(tables)
    return all(_has_chain(table, digest) for table in tables)


def _digest(tables: Sequence[Table]) -> str:
    return "text_" + hashlib.sha256("\0".join(table.text for table in tables).encode()).hexdigest()[:24]


def replacing(tables: Sequence[Table]) -> str:
    """One transaction: whatever these tables were is gone and the new ones are there; no packet sees the middle."""
    return "".join(
        f"table {table.family} {table.name}\ndelete table {table.family} {table.name}\n{table.text}" for table in tables
    )


def _has_chain(table: Table, chain: str) -> bool:
    """Asked of the kernel itself: `nft list chain` reads far more than it shows."""
    wanted = attribute(_CHAIN_TABLE, table.name.encode() + b"\0") + attribute(_CHAIN_NAME, chain.encode() + b"\0")
    with Netfilter(_NFTABLES) as kernel:
        try:
            kernel.ask(_GET_CHAIN, ACK, _FAMILIES[table.family], wanted)
        except FileNotFoundError:
            return False
    return True


def drop(prefix: str) -> None:
    """Remove every table so called, in the namespace this thread is in."""
    rows = json.loads(run(["nft", "-j", "list", "tables"]))["nftables"]
    found = [row["table"] for row in rows if "table" in row]
    doomed = [f"delete table {table['family']} {table['name']}" for table in found if table["name"].startswith(prefix)]
    if doomed:
        run(["nft", "-f", "-"], "\n".join(doomed) + "\n")
