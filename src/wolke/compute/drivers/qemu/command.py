"""From a guest's definition to QEMU's command line: a pure function, a table of devices.

Every device has a fixed place on its bus, so that saved memory finds the machine it came from and a network card that is
plugged in later can be found again at the next start. Files are named by the descriptors QEMU inherits
(``/dev/fdset/N``), never by paths: see ``home.py``. Options are JSON wherever QEMU takes it, so nothing needs escaping.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wolke.compute.drivers.base import Nic, Volume
from wolke.compute.drivers.qemu import limits, volume_nodes
from wolke.compute.drivers.qemu.definition import Definition, RescueDisk
from wolke.compute.drivers.qemu.home import EPHEMERALS
from wolke.core.drivers import Failure

# Where each device sits on bus 0; network cards begin at NICS_AT. 0 and 1 (pc), 0x1f (q35) are the chipset's.
PLACES = {
    "video": 2,
    "rng": 3,
    "balloon": 4,
    "root": 5,
    "ephemeral": 6,
    "swap": 7,
    "config": 8,
    "agent": 9,
    "scsi": 10,
    "rescue": 11,
    "usb": 12,
}
NICS_AT = 0x10
ROOT_BUS = {"pc": "pci.0", "q35": "pcie.0"}
VIDEO = {"vga": "VGA", "std": "VGA", "cirrus": "cirrus-vga", "virtio": "virtio-vga", "none": None}
NIC_MODELS = {"virtio": "virtio-net-pci", "e1000": "e1000", "e1000e": "e1000e", "rtl8139": "rtl8139"}
DISK_BUSES = ("virtio", "scsi", "ide")
IDE_DISKS = {"pc": 4, "q35": 6}
DISKS = ("root", *EPHEMERALS, "swap", "config", "rescue")
RESCUE_BUSES = (*DISK_BUSES, "usb")
OFFLOADS = (
    *("csum", "guest_csum", "gso"),
    *("guest_tso4", "guest_tso6", "guest_ufo", "guest_ecn"),
    *("host_tso4", "host_tso6", "host_ufo", "host_ecn"),
)
USER_OPTIONS = ("restrict", "net", "host", "dns", "dhcpstart", "hostname", "domainname", "ipv4", "ipv6")
LARGEST_FILE = 16 << 40  # bytes
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
ACCELERATORS = {
    "kvm": ["-accel", "kvm", "-cpu", "host"],
    # Without five-level page tables (each walk is code here) and without the promise that "rep movsb" is fast, which makes
    # Linux copy byte by byte: a tenth less time to boot.
    "tcg": ["-accel", "tcg,thread=multi,tb-size={tcg_cache_mib}", "-cpu", "max,la57=off,-erms,-fsrm"],
}


@dataclass(frozen=True, slots=True)
class Host:
    """What of the host goes into a command line."""

    emulator: str
    accelerator: str
    tcg_cache_mib: int
    version: str  # of this software, for the guest's firmware tables


def machine_type(properties: Mapping[str, str], default: str) -> str:
    """The machine an image asks for. Raises ``Failure`` for one that is not ours to give."""
    wished = properties.get("hw_machine_type") or default
    if re.fullmatch(r"pc|pc-i440fx-[\d.]+|q35|pc-q35-[\d.]+", wished):
        return wished
    raise Failure(f"the image asks for machine type {wished!r}; this host has pc and q35")


def check(definition: Definition) -> None:
    """Raises ``Failure`` now for anything that ``arguments`` could not express later."""
    names = ["qmp", "look", "serial", "run", "console", "kernel", "ramdisk", "base", "rescue-base", *DISKS]
    descriptors = dict.fromkeys(names, 0) | {f"tap:{nic.port_id}": 0 for nic in definition.spec.nics}
    for volume in definition.spec.volumes:
        limits.of(volume)
        descriptors |= dict.fromkeys(volume_files(volume), 0)
    arguments(definition, Host("", "tcg", 0, ""), descriptors)


def confined(argv: Sequence[str], definition: Definition) -> list[str]:
    """``argv`` under limits, as the guest's own user: tools that exec one another, so the process id stays.

    A file may grow as large as the largest disk that the guest has, or may be given while it runs: nobody can raise this then.
    """
    limits = ["prlimit", "--core=0", "--nofile=4096", f"--fsize={LARGEST_FILE}"]
    if definition.uid is None:
        return [*limits, "--", *argv]
    user = [f"--reuid={definition.uid}", f"--regid={definition.uid}", "--clear-groups"]
    rights = ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    return [*limits, f"--nproc={definition.spec.vcpus + 256}", "--", "setpriv", *user, *rights, "--", *argv]


def arguments(
    definition: Definition,
    host: Host,
    descriptors: Mapping[str, int],
    *,
    restore: bool = False,
    waits: bool = False,
) -> list[str]:
    """QEMU's command line. ``descriptors`` are the numbers of the open files it inherits; see ``launch.py``.

    ``restore``: wait for saved memory and stay stopped. ``waits``: wait for memory, and go on as it was.
    """
    spec = definition.spec
    argv = [host.emulator, "-name", f"guest={spec.server_id},debug-threads=on", "-uuid", spec.server_id]
    argv += ["-machine", f"{definition.machine},usb=off,vmport=off,dump-guest-core=off"]
    argv += [part.format(tcg_cache_mib=host.tcg_cache_mib) for part in ACCELERATORS[host.accelerator]]
    argv += ["-smp", f"{spec.vcpus},sockets={spec.vcpus},cores=1,threads=1", "-m", f"size={spec.ram_mib}M"]
    argv += ["-sandbox", SANDBOX, "-nodefaults", "-no-user-config", "-display", "none", "-msg", "timestamp=on"]
    argv += ["-no-shutdown", "-rtc", "base=utc"]  # -no-shutdown: a guest that powers itself off is seen, not guessed
    for setting in ("disable_s3=1", "disable_s4=1"):
        argv += ["-global", f"{'ICH9-LPC' if _family(definition) == 'q35' else 'PIIX4_PM'}.{setting}"]
    argv += _firmware_tables(spec.server_id, host.version)
    argv += _channels(descriptors)
    argv += _boot(definition, descriptors)
    for name in _files(definition):
        argv += ["-add-fd", f"fd={descriptors[name]},set={descriptors[name]}"]
    for volume in spec.volumes:
        argv += _volume_nodes(volume, descriptors)
    for node in _disk_nodes(definition, descriptors):
        argv += ["-blockdev", json.dumps(node)]
    volumes = [volume_nodes.device(definition, volume) for volume in spec.volumes if not volume.root]
    for device in (*_devices(definition), *volumes):
        argv += ["-device", json.dumps(device)]
    for nic in spec.nics:
        backend = netdev(nic, str(descriptors[f"tap:{nic.port_id}"]) if nic.backend == "tap" else "")
        argv += ["-netdev", json.dumps(backend)] if backend else []
        argv += ["-device", json.dumps(nic_device(nic, definition))]
    if waits:
        return [*argv, "-incoming", "defer"]
    return [*argv, "-incoming", "defer", "-S"] if restore else argv


def _family(definition: Definition) -> str:
    return "q35" if "q35" in definition.machine else "pc"


def _firmware_tables(server_id: str, version: str) -> list[str]:
    """What cloud-init and others recognise an OpenStack server by."""
    identity = f"type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova,version={version}"
    return ["-smbios", f"{identity},serial={server_id},uuid={server_id},family=Virtual Machine"]


def _channels(descriptors: Mapping[str, int]) -> list[str]:
    """Two monitors, the serial port and its log, the screen."""
    argv = []
    for name in ("qmp", "look"):
        argv += ["-chardev", f"socket,id={name},fd={descriptors[name]},server=on,wait=off"]
        argv += ["-mon", f"chardev={name},mode=control"]
    log = descriptors["console"]
    argv += ["-add-fd", f"fd={log},set={log}"]
    serial = f"socket,id=serial,fd={descriptors['serial']},server=on,wait=off"
    argv += ["-chardev", f"{serial},logfile=/dev/fdset/{log},logappend=on", "-serial", "chardev:serial"]
    return [*argv, "-vnc", f"unix:/proc/self/fd/{descriptors['run']}/vnc"]


def _boot(definition: Definition, descriptors: Mapping[str, int]) -> list[str]:
    spec = definition.spec
    if definition.rescue:
        argv = []
        for option, name in (("-kernel", "rescue-kernel"), ("-initrd", "rescue-ramdisk")):
            argv += [option, f"/proc/self/fd/{descriptors[name]}"] if name in descriptors else []
        return argv
    if not spec.kernel:
        return []
    argv = ["-kernel", f"/proc/self/fd/{descriptors['kernel']}"]
    if spec.ramdisk:
        argv += ["-initrd", f"/proc/self/fd/{descriptors['ramdisk']}"]
    return [*argv, "-append", spec.kernel_arguments] if spec.kernel_arguments else argv


def _disk_nodes(definition: Definition, descriptors: Mapping[str, int]) -> list[dict[str, Any]]:
    """Block nodes, backing files first. The image's header never decides what is opened."""
    spec, nodes = definition.spec, []
    if spec.image:
        nodes.append(_node("base", spec.image_format, descriptors["base"], read_only=True))
    for name in _disks(definition):
        if name == "rescue":
            nodes += _rescue_nodes(definition, descriptors)
        elif name == "root" and definition.root_volume:
            continue  # a volume's nodes are there
        elif name == "root":
            backing = {"backing": "base" if spec.image else None}
            nodes.append(_node(name, "qcow2", descriptors[name], read_only=False) | backing)
        else:
            nodes.append(_node(name, "raw", descriptors[name], read_only=name == "config"))
    return nodes


def _rescue_nodes(definition: Definition, descriptors: Mapping[str, int]) -> list[dict[str, Any]]:
    rescue = definition.rescue
    assert rescue is not None
    if rescue.device == "cdrom":
        return [_node("rescue", rescue.image_format, descriptors["rescue-base"], read_only=True)]
    base = _node("rescue-base", rescue.image_format, descriptors["rescue-base"], read_only=True)
    return [base, _node("rescue", "qcow2", descriptors["rescue"], read_only=False) | {"backing": "rescue-base"}]


def _node(name: str, disk_format: str, descriptor: int, *, read_only: bool) -> dict[str, Any]:
    file = {"driver": "file", "filename": f"/dev/fdset/{descriptor}", "read-only": read_only}
    trim = {} if read_only else {"discard": "unmap"}
    return {"driver": disk_format, "node-name": name, "read-only": read_only, "file": file | trim} | trim


def volume_files(volume: Volume) -> dict[str, bool]:
    """The names of a volume's descriptors; whether each can be written to. With its key, if it has one."""
    found = {f"volume:{volume.volume_id}:{index}": False for index in range(len(volume.layers))}
    if volume.layers and not volume.read_only:
        found[f"volume:{volume.volume_id}:top"] = True
    if volume.remote:
        found[f"volume:{volume.volume_id}:tls"] = False
    return found | ({f"volume:{volume.volume_id}:key": False} if volume.encrypted else {})


def _volume_nodes(volume: Volume, descriptors: Mapping[str, int]) -> list[str]:
    argv, sets, ways = [], [], []
    name = f"volume:{volume.volume_id}"
    for index in range(len(volume.layers)):
        number = descriptors[f"{name}:{index}"]
        argv += ["-add-fd", f"fd={number},set={number},opaque={volume.volume_id}"]
        if index == 0 and not volume.read_only:
            argv += ["-add-fd", f"fd={descriptors[f'{name}:top']},set={number},opaque={volume.volume_id}"]
        sets.append(number)
        block, direct = (f"{name}:{index}:{what}" in descriptors for what in ("block", "direct"))
        ways.append(volume_nodes.Way(block, direct))
    if volume.remote:
        folder = f"/proc/self/fd/{descriptors[f'{name}:tls']}"
        argv += ["-object", json.dumps(volume_nodes.tls(volume, volume.remote, folder))]
    if volume.encrypted:
        key = f"secret,id={volume_nodes.secret_name(volume.volume_id)},file=/proc/self/fd/{descriptors[f'{name}:key']}"
        argv += ["-object", key]
    for node in volume_nodes.nodes(volume, sets, ways):
        argv += ["-blockdev", json.dumps(node)]
    return argv


def _disks(definition: Definition) -> list[str]:
    """With "root" also where that is a volume."""
    there = {"root"} if definition.root_volume else set()
    return [name for name in DISKS if name in there or getattr(definition.disks, name)]


def _files(definition: Definition) -> list[str]:
    """What QEMU may open, by the names of its descriptors."""
    found = ["base"] if definition.spec.image else []
    found += [name for name in _disks(definition) if name != "rescue" and getattr(definition.disks, name)]
    if definition.rescue:
        found += ["rescue-base"] if definition.rescue.device == "cdrom" else ["rescue-base", "rescue"]
    return found


def _devices(definition: Definition) -> list[dict[str, Any]]:
    """Everything but the network cards."""
    properties = definition.spec.image_properties
    found: list[dict[str, Any]] = []
    video = VIDEO.get(properties.get("hw_video_model", "vga"), "VGA")
    if video:
        found.append(_on_bus(definition, "video", video))
    found += [_on_bus(definition, "rng", "virtio-rng-pci"), _on_bus(definition, "balloon", "virtio-balloon-pci")]
    bus = _bus(properties.get("hw_disk_bus", ""))
    buses = dict.fromkeys(_disks(definition), bus)
    if (volume := definition.root_volume) and volume.bus:
        buses["root"] = _bus(volume.bus)
    if "config" in buses and (bus == "ide" or properties.get("hw_cdrom_bus") == "scsi"):
        buses["config"] = "cdrom"  # a CD drive on SCSI; else a read-only virtio disk
    if definition.rescue:
        buses["rescue"] = _rescue_bus(definition.rescue, bus)
    of_volumes = {volume_nodes.bus_of(definition, one) for one in definition.spec.volumes if not one.root}
    if {"scsi", "cdrom"} & {bus, *buses.values(), *of_volumes}:
        found.append(_on_bus(definition, "scsi", "virtio-scsi-pci") | {"id": "scsi"})
    if "usb" in buses.values():
        found.append(_on_bus(definition, "usb", "qemu-xhci") | {"id": "usb"})
    found += [_disk_device(definition, name, on, index) for index, (name, on) in enumerate(buses.items())]
    if _family(definition) == "q35":  # cards that come and go need a port each
        found += volume_nodes.ports()
        for place in range(8):
            port = {"id": f"port{place}", "chassis": place + 1, "multifunction": True}
            found.append({"driver": "pcie-root-port", "bus": "pcie.0", "addr": f"{NICS_AT:#x}.{place}"} | port)
    return found


def _function(definition: Definition, name: str) -> dict[str, Any]:
    """Several ephemeral disks are functions of one place; one alone is what it always was, so that saved memory finds it."""
    if name not in EPHEMERALS or not definition.disks.ephemeral1:
        return {}
    return {"addr": f"{PLACES[EPHEMERALS[0]]:#x}.{EPHEMERALS.index(name)}", "multifunction": True}


def _bus(wished: str) -> str:
    if wished and wished not in DISK_BUSES:
        raise Failure(f"disk bus {wished!r} is asked for; this host has {', '.join(DISK_BUSES)}")
    return wished or "virtio"


def _on_bus(definition: Definition, name: str, driver: str) -> dict[str, Any]:
    place = EPHEMERALS[0] if name in EPHEMERALS else name
    return {"driver": driver, "bus": ROOT_BUS[_family(definition)], "addr": f"{PLACES[place]:#x}"}


def _rescue_bus(rescue: RescueDisk, bus: str) -> str:
    """The bus of a rescue disk; raises ``Failure`` for one that is not here."""
    wished = rescue.bus if rescue.stable else bus
    if wished not in RESCUE_BUSES or rescue.device not in ("disk", "cdrom"):
        raise Failure(f"the image asks to be a {rescue.device!r} on bus {wished!r}; this host has no such rescue disk")
    if rescue.device == "cdrom":
        return "ide-cd" if wished == "ide" else "cdrom"
    return wished


def _place(definition: Definition, name: str) -> str:
    """A rescue disk that is not stable takes the root disk's place, and the other way round."""
    if definition.rescue and not definition.rescue.stable:
        return {"root": "rescue", "rescue": "root"}.get(name, name)
    return name


def _disk_device(definition: Definition, name: str, bus: str, index: int) -> dict[str, Any]:
    disk: dict[str, Any] = {"id": f"disk-{name}", "drive": name}
    if name == "root" and (volume := definition.root_volume):
        disk["drive"] = volume_nodes.top_name(volume)
        if volume.shared:
            disk["share-rw"] = True
        if bus in ("virtio", "scsi"):
            disk["serial"] = volume.volume_id[:20] if bus == "virtio" else volume.volume_id
    if name in ("root", "rescue"):
        disk["bootindex"] = 1 if name == "root" else 0
        last = len(_disks(definition)) - 1
        if _place(definition, name) != name:
            index = last if name == "root" else 0
    if bus == "virtio":
        return _on_bus(definition, _place(definition, name), "virtio-blk-pci") | disk | _function(definition, name)
    if bus == "usb":
        return {"driver": "usb-storage", "bus": "usb.0"} | disk
    if bus == "ide-cd":
        return {"driver": "ide-cd", "bus": "ide.5" if _family(definition) == "q35" else "ide.1"} | disk
    if bus in ("scsi", "cdrom"):
        return {"driver": "scsi-cd" if bus == "cdrom" else "scsi-hd", "bus": "scsi.0", "lun": index} | disk
    if index >= IDE_DISKS[_family(definition)]:
        raise Failure(f"this machine has room for {index} disks on bus 'ide'; the server has more")
    if _family(definition) == "q35":
        return {"driver": "ide-hd", "bus": f"ide.{index}"} | disk
    return {"driver": "ide-hd", "bus": f"ide.{index // 2}", "unit": index % 2} | disk


def netdev(nic: Nic, descriptor: str) -> dict[str, Any] | None:
    """What a card is plugged into, as QAPI's ``netdev_add`` has it; ``descriptor`` is a tap's number or name."""
    identity = {"id": f"net-{nic.port_id}"}
    if nic.backend == "none":
        return None
    if nic.backend == "tap":
        return {"type": "tap", "fd": descriptor, **identity}
    if nic.backend != "user":
        raise Failure(f"this host cannot plug a network interface into {nic.backend!r}")
    options: dict[str, Any] = {}
    for name, value in nic.options.items():
        if name == "hostfwd":
            options[name] = [{"str": rule} for rule in re.split(r"[,\s]+", value.strip()) if rule]
        elif name in USER_OPTIONS:
            options[name] = value in ("on", "yes", "true", "1") if name in ("restrict", "ipv4", "ipv6") else value
    return {"type": "user", **identity, **options}


def nic_device(nic: Nic, definition: Definition) -> dict[str, Any]:
    """A network card, as ``device_add`` has it."""
    driver = NIC_MODELS.get(nic.model)
    if driver is None:
        raise Failure(f"the image asks for network card {nic.model!r}; this host has {', '.join(NIC_MODELS)}")
    place = definition.places[nic.port_id]
    device: dict[str, Any] = {"driver": driver, "id": f"nic-{nic.port_id}", "mac": nic.mac_address, "romfile": ""}
    if _family(definition) == "q35":
        device |= {"bus": f"port{place}", "addr": "0x0"}
    else:
        device |= {"bus": "pci.0", "addr": f"{NICS_AT + place:#x}"}
    if nic.backend != "none":
        device["netdev"] = f"net-{nic.port_id}"
    if nic.model == "virtio":
        device["host_mtu"] = nic.mtu
        if nic.options.get("offload") == "off":  # a userspace switch computes no checksums
            device |= dict.fromkeys(OFFLOADS, False)
    return device
