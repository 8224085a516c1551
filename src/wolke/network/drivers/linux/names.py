"""What things are called in the kernel: pure, from the tag and the id alone, so that a process that was just born finds
what its predecessor left.

A namespace's name is a file name and holds the whole id, which makes the kernel the list of what there is. A link's
name has 15 characters: one letter for its kind, the tag, and as much of the id as fits (10 hex digits at the least).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

LINK_LENGTH = 15
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TAG = re.compile(r"[a-z0-9]{1,4}")
_ALIAS = "wolke-network:"


def derived_tag(state_dir: Path) -> str:
    """Four letters that tell one cloud on this machine from another."""
    digest = hashlib.sha256(str(state_dir.resolve()).encode()).digest()
    return base64.b32encode(digest)[:4].decode().lower()


@dataclass(frozen=True, slots=True)
class Names:
    tag: str

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.tag):
            raise ValueError(f"a tag is one to four lower-case letters or digits, not {self.tag!r}")

    def network_ns(self, network_id: str) -> str:
        return f"wk-{self.tag}-n-{network_id}"

    def router_ns(self, router_id: str) -> str:
        return f"wk-{self.tag}-r-{router_id}"

    def network_of(self, netns: str) -> str | None:
        return self._id_in(netns, f"wk-{self.tag}-n-")

    def router_of(self, netns: str) -> str | None:
        return self._id_in(netns, f"wk-{self.tag}-r-")

    def bridge(self, network_id: str) -> str:
        return self._link("b", network_id)

    def tap(self, port_id: str) -> str:
        return self._link("t", port_id)

    def leg(self, port_id: str) -> str:
        """A router's end of its leg, in the router's namespace."""
        return self._link("r", port_id)

    def plug(self, port_id: str) -> str:
        """The other end of that leg, on the network's bridge."""
        return self._link("q", port_id)

    @property
    def taps(self) -> str:
        return f"t{self.tag}"

    @property
    def plugs(self) -> str:
        return f"q{self.tag}"

    def table(self, some_id: str) -> str:
        return f"wolke_{self.tag}_{_digits(some_id)[:12]}"

    @property
    def tables(self) -> str:
        """What every nft table of ours begins with."""
        return f"wolke_{self.tag}_"

    def alias(self, network_id: str) -> str:
        """Written on a bridge in the host's namespace: there no namespace's name tells whose it is."""
        return f"{_ALIAS}{self.tag}:{network_id}"

    def network_in_alias(self, alias: str) -> str | None:
        return self._id_in(alias, f"{_ALIAS}{self.tag}:")

    def _link(self, kind: str, some_id: str) -> str:
        return f"{kind}{self.tag}{_digits(some_id)}"[:LINK_LENGTH]

    @staticmethod
    def _id_in(text: str, prefix: str) -> str | None:
        rest = text.removeprefix(prefix)
        return rest if rest != text and UUID.fullmatch(rest) else None


def stable_mac(name: str) -> str:
    """A locally administered address for a bridge: it must not change when ports come and go."""
    octets = hashlib.sha256(name.encode()).digest()[:4]
    return "fe:3e:" + ":".join(f"{octet:02x}" for octet in octets)


def link_local(mac_address: str) -> str:
    """The IPv6 link-local address that a card with this address gives itself (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac_address.split(":")]
    octets[0] ^= 2
    words = [octets[0], octets[1], octets[2], 0xFF, 0xFE, octets[3], octets[4], octets[5]]
    groups = [f"{words[at] << 8 | words[at + 1]:x}" for at in range(0, 8, 2)]
    return "fe80::" + ":".join(groups)


def _digits(some_id: str) -> str:
    return some_id.replace("-", "")
