"""The contract of a hypervisor driver.

A driver makes what is match what is wished for one server at a time. Every verb is idempotent and looks before it acts:
it may be called again after a crash at any point, by a new process that knows nothing but the directory it was given.
A verb returns when the wish is fulfilled, raises ``Failure`` when it never can be, and anything else for passing
trouble. No verb takes longer than its deadline; none blocks the event loop.

``Driver`` has the verbs that every hypervisor has. What only some have are Protocols of their own, announced in
``Capabilities``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from socket import socket
from typing import Any, Protocol


class Power(StrEnum):
    """What a guest is doing, as the hypervisor sees it."""

    NOSTATE = "nostate"
    RUNNING = "running"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    SUSPENDED = "suspended"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a driver can do beyond ``Driver``; the API refuses the rest with a reason before a host is asked."""

    hypervisor_type: str  # as Nova reports it: "QEMU", "KVM", "simulated"
    hypervisor_version: int  # 7002000 for 7.2.0
    pause: bool = False
    suspend: bool = False
    console_output: bool = False
    vnc: bool = False
    serial: bool = False
    snapshot: bool = False
    nic_hotplug: bool = False
    moves: bool = False
    rescue: bool = False
    live_migration: bool = False
    shared_disks: str = ""  # the same for hosts that see the same disks; "" if nobody else sees this one's
    volumes: bool = False
    diagnostics: bool = False
    disk_formats: tuple[str, ...] = ("raw", "qcow2")
    architectures: tuple[str, ...] = ("x86_64",)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What this host has to give, before any overcommit."""

    vcpus: int
    ram_mib: int
    disk_gib: int
    cpu_model: str
    cpu_topology: Mapping[str, int]  # sockets, cores, threads
    cpu_features: tuple[str, ...] = ()
    ram_used_mib: int = 0
    disk_used_gib: int = 0
    load_average: tuple[float, float, float] = (0.0, 0.0, 0.0)
    uptime_s: int = 0


@dataclass(frozen=True, slots=True)
class Nic:
    """A virtual network card and what it is plugged into.

    ``backend`` is ``"tap"`` (``device`` is the tap's name, ``netns`` the namespace it lives in, "" for the host's own),
    ``"user"`` (QEMU's user mode networking; ``hostfwd`` maps host ports) or ``"none"`` (the simulated network).
    """

    port_id: str
    mac_address: str
    backend: str
    device: str = ""
    netns: str = ""
    mtu: int = 1500
    model: str = "virtio"
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layer:
    """A file or block device of a volume. The one before it is written over it."""

    path: str
    format: str  # raw | qcow2


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a volume is served over NBD, with TLS by the pre-shared ``key`` (hexadecimal) of ``username``. Drivers keep the key
    nowhere."""

    host: str
    port: int
    export: str
    username: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk that outlives the guest, and how it is opened on this host: ``layers``, the one that is written to first, each
    with just that format on just that backing, whatever their headers say; or it is ``remote``, and there are none.
    ``passphrase``: of LUKS inside; drivers keep it nowhere. ``shared``: other guests write to it as well.
    ``root``: the guest starts from it. ``limits``: of what it does with it, in Cinder's words (total_bytes_sec, …).
    ``bus``: where the disk is plugged in, "" for where the image wants its disks; ``boot_index``: which is tried first, of those that have one."""

    volume_id: str
    size_gib: int
    layers: tuple[Layer, ...]
    read_only: bool = False
    passphrase: str = field(default="", repr=False)
    encrypted: bool = False
    root: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)
    plugged_as: str = ""  # the volume in whose place it came, while the guest runs on: a driver's own affair
    bus: str = ""
    boot_index: int | None = None
    remote: Remote | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """A disk that begins with an empty file system, and goes with the guest. ``format``: ext4, ext3, ext2; "": of zeroes."""

    size_gib: int
    format: str = "ext4"


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """Everything a hypervisor needs to know of a server. ``image`` and ``config_drive`` are local, readable files."""

    server_id: str
    name: str
    vcpus: int
    ram_mib: int
    root_gib: int  # 0: as large as the image
    ephemerals: Sequence[Ephemeral] = ()
    swap_mib: int = 0
    image: Path | None = None
    image_format: str = "qcow2"
    kernel: Path | None = None
    ramdisk: Path | None = None
    kernel_arguments: str = ""
    config_drive: Path | None = None
    nics: Sequence[Nic] = ()
    image_properties: Mapping[str, str] = field(default_factory=dict)  # hw_disk_bus, hw_vif_model, hw_machine_type, …
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    volumes: Sequence[Volume] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RescueSpec:
    """What a guest that needs help is started from. ``image`` is local and readable.

    ``stable``: every other disk stays where it is, and the rescue disk comes last, but is booted from; else it takes the root disk's
    place, which then comes last.
    """

    image: Path
    image_format: str = "qcow2"
    kernel: Path | None = None
    ramdisk: Path | None = None
    stable: bool = False
    device: str = "disk"  # or "cdrom"
    bus: str = "virtio"  # virtio, scsi, ide, usb


@dataclass(frozen=True, slots=True)
class Guest:
    """What there is of a server on this host."""

    server_id: str
    power: Power
    detail: str = ""  # why it crashed, where that is known


class Driver(Protocol):
    """The verbs every hypervisor has. ``server_id`` is the server's UUID."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def prepare(self) -> None:
        """Called once at start: make directories, find the guests that outlived the last process."""

    async def close(self) -> None:
        """Let go of connections. Guests go on running."""

    async def inventory(self) -> Inventory: ...

    async def list(self) -> Sequence[Guest]:
        """Every guest there is on this host, in whatever state, also ones that no caller knows any more."""

    async def look(self, server_id: str) -> Guest | None:
        """What there is of one server; None if there is nothing of it at all."""

    async def create(self, spec: GuestSpec) -> None:
        """Make disks and definition, unless they are there. Does not start it."""

    async def start(self, server_id: str) -> None:
        """Running afterwards, from whatever state (resumes a suspended guest from its saved memory)."""

    async def stop(self, server_id: str, timeout_s: float) -> None:
        """Off afterwards: asks the guest for ``timeout_s`` seconds, then pulls the plug. 0 pulls it at once."""

    async def reboot(self, server_id: str, *, hard: bool) -> None:
        """Soft: the guest is asked to restart, without waiting for it to be up. Hard: power off and on."""

    async def pause(self, server_id: str) -> None: ...

    async def unpause(self, server_id: str) -> None: ...

    async def suspend(self, server_id: str) -> None:
        """Memory is saved to disk and the guest is off; ``start`` brings it back where it was."""

    async def destroy(self, server_id: str) -> None:
        """Nothing left of it afterwards: no process, disk or socket. Fine if there was nothing."""


class Consoles(Protocol):
    """Looking at a guest and typing into it."""

    async def console_output(self, server_id: str, length_lines: int | None) -> str:
        """The last lines of what the guest wrote to its first serial port; all that is kept if None."""

    async def vnc(self, server_id: str) -> Path:
        """The unix socket on which the guest's screen speaks RFB without authentication (protected by file mode)."""

    async def serial(self, server_id: str) -> Path:
        """The unix socket of the guest's first serial port; one client at a time."""


def last_lines(text: str, count: int | None) -> str:
    """As Nova counts: a line is what a newline divides from others, so one begins after the last newline, and a return, which guests
    write a lot, divides nothing."""
    if count is None:
        return text
    return "\n".join(text.split("\n")[-count:]) if count > 0 else ""


@dataclass(frozen=True, slots=True)
class DiskTraffic:
    """Since the guest was started."""

    read_bytes: int
    read_requests: int
    write_bytes: int
    write_requests: int
    errors_count: int


@dataclass(frozen=True, slots=True)
class Measures:
    """What a guest has used. One that is off has no processors and no disks. ``nics``: their MAC addresses, where known."""

    uptime_s: int | None
    cpu_times_ns: tuple[int, ...]
    disks: tuple[DiskTraffic, ...]
    nics: tuple[str | None, ...]


class Diagnostics(Protocol):
    async def measure(self, server_id: str) -> Measures: ...


class Snapshots(Protocol):
    """Taking a disk away while the guest runs."""

    async def snapshot(self, server_id: str, target: Path, disk_format: str) -> None:
        """A whole, independent copy of the root disk in ``target``, as at one instant, running or not."""


class NicHotplug(Protocol):
    async def attach_nic(self, server_id: str, nic: Nic) -> None: ...

    async def detach_nic(self, server_id: str, port_id: str) -> None: ...


class Volumes(Protocol):
    """Disks that come and go while the guest is there, running or not."""

    async def attach_volume(self, server_id: str, volume: Volume) -> None:
        """The guest has it, now and from each start on."""

    async def detach_volume(self, server_id: str, volume_id: str) -> None:
        """It has it no more. ``Failure`` if the guest does not let go of it: then it still has it."""

    async def swap_volume(self, server_id: str, volume_id: str, new: Volume) -> None:
        """The running guest has ``new`` in the place of that one, with the same content, and nobody else ``volume_id``. Called again
        it goes on with a copy under way. With the two exchanged, it takes back what had been done. ``Failure``: it is as it was."""

    async def connect_volumes(self, server_id: str, volumes: Sequence[Volume]) -> None:
        """These are its volumes, and this is how they are opened when it starts next: it may have changed while it was off. Of a guest
        that runs only their limits change, at once, and it sees it if those that are ``remote`` have grown."""

    async def holder(self, volume_id: str) -> VolumeHolder | None:
        """The guest that has the volume open; None if none does here."""


class VolumeHolder(Protocol):
    """As Block Storage's drivers know it: who has a volume open is the only one that may change it."""

    async def overlay(self, layer: Any) -> None:
        """It writes to ``layer`` (``path``, ``format``) afterwards, an empty overlay on what it wrote to. Fine if it does already."""

    async def resize(self, size_bytes: int) -> None:
        """The volume's first layer is so large afterwards, and the guest sees it."""

    async def move(self, layers: Sequence[Any], ready: Callable[[], Awaitable[None]]) -> None:
        """It has these open afterwards, with the same content, and the old ones no more. ``ready`` is awaited once they hold
        whatever is written. Called again it goes on. ``Failure``: it is as it was."""

    async def stay(self) -> None:
        """It copies to nowhere."""


class Quarantine(Protocol):
    """For guests of which nobody knows whose they are."""

    async def quarantine(self, server_id: str) -> None:
        """It is off, and its files are kept, but no verb finds them any more: only a person brings them back."""


class Moves(Protocol):
    """Taking a guest to another host or giving it another size, while what it was is kept until nobody wants it back.

    set_aside ─▶ parts ─(copied by the caller into ``incoming``)─▶ adopt ─▶ start;  then forget_aside, or destroy and take_back
    """

    async def set_aside(self, server_id: str) -> None:
        """What there is of a guest that is off gets out of the way, whole: ``look`` and ``list`` know it no more."""

    async def take_back(self, server_id: str) -> None:
        """What was set aside is the guest again, and off. Does nothing if there is a guest."""

    async def forget_aside(self, server_id: str) -> None:
        """Nothing is set aside afterwards. Fine if there was nothing."""

    async def asides(self) -> Sequence[str]:
        """The servers of which something is set aside."""

    async def parts(self, server_id: str) -> Mapping[str, Path]:
        """The files of what was set aside that ``adopt`` needs, by name. What is made of an image is called ``base``."""

    async def incoming(self, server_id: str) -> Path:
        """An empty or half filled directory for ``parts`` under their names; ``destroy`` takes it away."""

    async def adopt(self, spec: GuestSpec) -> None:
        """As ``create``, but of what is in ``incoming``, grown to what ``spec`` says. Without ``spec.image`` the part ``base`` is
        used."""


class Rescue(Protocol):
    """Starting a guest that is off from another disk than its own, which it sees beside it."""

    async def rescue(self, server_id: str, spec: RescueSpec) -> None:
        """From now on ``start`` starts it from a disk made of ``spec.image``."""

    async def unrescue(self, server_id: str) -> None:
        """From now on it starts from its own disk again, and nothing of the other is left. Pulls the plug if it runs."""


#: A stream to the same channel of the driver at the other end.
Connect = Callable[[str], Awaitable[socket]]
#: Told every second how far it is (``memory_total``, ``memory_processed``, ``memory_remaining``, ``disk_…``, in bytes); says what is
#: wanted: "abort", "force" (no matter how long the guest stands still), or None.
Watch = Callable[[Mapping[str, int]], Awaitable[str | None]]


class LiveMigration(Protocol):
    """A running guest goes to another host without its noticing, with its disks.

    here: ``let_go`` and ``take_up``, if it has volumes as files; there: ``receive`` with the ``shape`` and ``still_parts`` from
    here; here: ``send``; there: ``settle``; here: ``destroy``
    """

    async def let_go(self, server_id: str) -> Sequence[str]:
        """The volumes that the guest has open as files of this host. If there are any it stands still afterwards, and has none of
        them open. Called again it says the same."""

    async def take_up(self, server_id: str, volumes: Sequence[Volume]) -> None:
        """It has these open as they say now, and runs on if it ran. Does nothing if it had let go of nothing. ``Failure`` if they
        cannot be opened, ``ConnectionError`` if one is missing: then it stands still as before."""

    async def shape(self, server_id: str) -> Mapping[str, Any]:
        """What a guest elsewhere must be like to take this one's memory; only the same kind of driver understands it."""

    async def still_parts(self, server_id: str) -> Mapping[str, Path]:
        """The files of a running guest that never change, by name: what its disks are made of (``base``), its config drive."""

    async def receive(self, spec: GuestSpec, shape: Mapping[str, Any]) -> None:
        """A guest in waiting, made of what is in ``incoming``; ``destroy`` ends it."""

    async def channel(self, server_id: str, name: str) -> socket:
        """One of the streams that ``send`` asks for, into the guest in waiting."""

    async def send(self, server_id: str, connect: Connect, watch: Watch) -> None:
        """Returns when the guest runs there, and stands still here for good. Raises ``Failure`` if it does not: then it runs on
        here. Called again after a crash it finds out which it was, or begins anew."""

    async def settle(self, server_id: str) -> None:
        """The guest that waited has come, and is a guest like any other. Raises ``Failure`` if it is not there."""
