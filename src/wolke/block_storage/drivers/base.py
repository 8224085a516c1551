"""The contract of a volume driver.

A driver makes what is match what is wished for one volume at a time. Every verb is idempotent and looks before it acts: it may be
called again after a crash at any point, by a new process that knows nothing but the configuration of its backend. A verb
returns when the wish is fulfilled, raises ``Failure`` when it never can be, and anything else for passing trouble; then
nothing half-made is in the way of the next call. None blocks the event loop. What several volumes share (images, frozen
layers) is the driver's own affair: any of them may be deleted in any order.

A volume holds ``size_gib`` as a guest sees it. One that is encrypted is a LUKS volume inside: whoever opens it lays QEMU's ``luks``
driver over what ``Connection`` names. Only ``create`` needs the passphrase; all else moves ciphertext.

``Driver`` has the verbs that every backend has. What only some have are Protocols of their own, announced in
``Capabilities``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; the API refuses the rest with a reason before a host is asked."""

    storage_protocol: str  # as Cinder reports it: "file", "lvm", "simulated"
    driver_version: str = "1"
    vendor_name: str = "Wolke"
    thin_provisioning: bool = True  # a volume takes room only as it is written to
    fast_clone: bool = True  # clones and volumes of snapshots are copy-on-write
    revert_to_snapshot: bool = True
    online_extend: bool = False  # with the help of a ``Holder``
    online_snapshot: bool = False
    encryption: bool = False
    multiattach: bool = False
    remote: bool = False  # guests on other hosts can be connected
    adoption: bool = False  # ``Adoption``
    image_formats: tuple[str, ...] = ("raw", "qcow2")  # that a volume may be made of
    copy_formats: tuple[str, ...] = ("raw", "qcow2")  # that ``copy_out`` writes


@dataclass(frozen=True, slots=True)
class Capacity:
    """Room as the backend sees it now, before any oversubscription."""

    total_gib: float
    free_gib: float


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a volume is to be encrypted: QEMU's names."""

    passphrase: str = field(repr=False)
    cipher: str = "aes-256"
    mode: str = "xts"
    hash: str = "sha256"


@dataclass(frozen=True, slots=True)
class Volume:
    """What a driver needs to know to make a volume."""

    volume_id: str
    size_gib: int
    encryption: Encryption | None = None
    options: Mapping[str, str] = field(default_factory=dict)  # extra specs of its type


@dataclass(frozen=True, slots=True)
class Blank:
    """Nothing but zeroes."""


@dataclass(frozen=True, slots=True)
class OfImage:
    """A local, readable file that nobody writes to any more. It need not outlive the call."""

    path: Path
    format: str


@dataclass(frozen=True, slots=True)
class OfVolume:
    volume_id: str


@dataclass(frozen=True, slots=True)
class OfSnapshot:
    volume_id: str
    snapshot_id: str


Source = Blank | OfImage | OfVolume | OfSnapshot


@dataclass(frozen=True, slots=True)
class Connector:
    """Who wants to open a volume. ``attachment_id`` tells apart two of the same host; ``shared``: several guests at once may."""

    host: str
    attachment_id: str = ""
    read_only: bool = False
    shared: bool = False
    served: bool = False  # over the network, wherever it is: another host will open it as well
    address: str = ""  # of that host, where it is known


@dataclass(frozen=True, slots=True)
class Layer:
    """A file or block device of a disk. The one before it in ``Connection.layers`` is written over it."""

    path: str
    format: str  # raw | qcow2


@dataclass(frozen=True, slots=True)
class Connection:
    """How a hypervisor opens a volume.

    ``file``  ``layers`` are on this host, the one that is written to first. Each is to be opened with just the format
              and the backing that is named here: what a file's header says of others must not be believed.
    ``nbd``   an export at ``host``:``port``, over TLS with a pre-shared key of ``tls_username``.
    """

    type: str  # file | nbd
    read_only: bool = False
    encrypted: bool = False
    layers: tuple[Layer, ...] = ()
    host: str = ""
    port: int = 0
    export: str = ""
    tls_username: str = ""
    tls_psk: str = field(default="", repr=False)  # hexadecimal; a secret: for agents only


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a volume. ``whole`` is False for the remains of one that was never made, or not wholly deleted."""

    volume_id: str
    size_gib: int = 0
    snapshots: tuple[str, ...] = ()
    whole: bool = True
    in_use: bool = False  # a process has it open
    fault: str | None = None  # why it cannot be opened, where a look tells


class Holder(Protocol):
    """The process that has a volume open (a guest's QEMU), and so is the only one that may change it."""

    async def overlay(self, layer: Layer) -> None:
        """Afterwards it writes to ``layer``, an empty overlay on what it wrote to before; all written until then stays below.
        Fine if it does so already."""

    async def resize(self, size_bytes: int) -> None:
        """The disk is so large afterwards, for the guest too. Bytes of the layer, which for LUKS is more than the guest's."""


class Guest(Holder, Protocol):
    """A holder that runs on this host and has the volume open as files of it."""

    async def move(self, layers: Sequence[Layer], ready: Callable[[], Awaitable[None]]) -> None:
        """It has ``layers`` open, which were empty, with the same content, and the old ones no more; it writes on meanwhile. ``ready``
        is awaited once they hold whatever is written, before the old ones are left behind. Called again it goes on with a copy
        under way. ``Failure``: it is as it was."""

    async def stay(self) -> None:
        """It copies to nowhere, whatever was begun."""


class Driver(Protocol):
    """The verbs every backend has. Ids are UUIDs."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def prepare(self) -> None:
        """Called once at start. ``Failure`` if this host cannot serve the backend: says what is missing."""

    async def close(self) -> None:
        """Let go of connections. Volumes and exports stay."""

    async def capacity(self) -> Capacity: ...

    async def volumes(self) -> Sequence[Found]:
        """Everything there is, also what no caller knows any more."""

    async def look(self, volume_id: str) -> Found | None:
        """What there is of one volume; None if there is nothing of it at all."""

    async def create(self, volume: Volume, source: Source) -> None:
        """There afterwards, unless it is there already. ``Failure`` if the source does not fit, is broken or gone."""

    async def delete(self, volume_id: str) -> None:
        """Nothing left of it or its snapshots. Fine if there was nothing; ``Failure`` if a process has it open."""

    async def extend(self, volume_id: str, size_gib: int, holder: Holder | None = None) -> None:
        """At least so large. ``Failure`` if that were to shrink it, or if it is open and there is no ``holder``."""

    async def fill(self, volume: Volume, source: OfImage) -> None:
        """Its content is the image's afterwards, all of it or none. Snapshots stay as they are, and so does the size. A volume that
        is encrypted, but for which no ``Encryption`` is given, takes the image as ciphertext: as ``copy_out`` wrote it."""

    async def snapshot(self, volume_id: str, snapshot_id: str, holder: Holder | None = None) -> None:
        """The content as it is now stays to be had under ``snapshot_id``, unless that is there already."""

    async def delete_snapshot(self, volume_id: str, snapshot_id: str) -> None:
        """Fine if there is none. Volumes made of it stay as they are."""

    async def revert(self, volume_id: str, snapshot_id: str) -> None:
        """The content is the snapshot's again. The size stays. ``Failure`` if the volume is open."""

    async def copy_out(self, volume_id: str, snapshot_id: str | None, target: Path, disk_format: str) -> None:
        """A whole, independent copy in ``target``, of the volume (which nobody has open) or of a snapshot."""

    async def connect(self, volume_id: str, connector: Connector) -> Connection:
        """The same answer however often it is asked, while the volume stays connected there."""

    async def disconnect(self, volume_id: str, attachment_id: str) -> None:
        """It is needed no more for that. Fine if it was not connected."""


class Quarantine(Protocol):
    """For volumes of which nobody knows whose they are."""

    async def quarantine(self, volume_id: str) -> None:
        """Its content is kept, but no verb finds it any more: only a person brings it back. ``Failure`` if it is open."""


class Adoption(Protocol):
    """Taking into care what was made by others, and giving it back. ``reference`` is as Cinder's: {"source-name": …}."""

    async def adoptable(self) -> Sequence[Mapping[str, Any]]:
        """What could be adopted: each with ``reference``, ``size_gib``, and ``reason`` if it cannot be."""

    async def adopt(self, volume_id: str, reference: Mapping[str, Any]) -> int:
        """It is the volume of this id afterwards. Returns its size, in GiB, rounded up."""

    async def release(self, volume_id: str) -> Mapping[str, Any]:
        """No volume any more, but its content is still there under the reference that is returned."""

    async def adoptable_snapshots(self) -> Sequence[Mapping[str, Any]]:
        """As ``adoptable``, each with its ``volume_id`` as well."""

    async def adopt_snapshot(self, volume_id: str, snapshot_id: str, reference: Mapping[str, Any]) -> int:
        """It is the volume's snapshot of this id afterwards. Returns its size, in GiB."""

    async def release_snapshot(self, volume_id: str, snapshot_id: str) -> Mapping[str, Any]:
        """No snapshot any more, but its content is still there under the reference that is returned, for as long as the volume."""
