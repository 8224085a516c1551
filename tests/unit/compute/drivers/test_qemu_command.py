"""From a definition to a command line, without running anything."""

from __future__ import annotations

import itertools
import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wolke.compute.drivers.base import GuestSpec, Nic
from wolke.compute.drivers.qemu import command
from wolke.compute.drivers.qemu.definition import Definition, Disks, place_nics, with_nic, without_nic
from wolke.core.drivers import Failure

HOST = command.Host("qemu-system-x86_64", "tcg", 256, "1.0")
NAMES = ("qmp", "look", "serial", "run", "console", "base", "root", "ephemeral", "swap", "config", "kernel", "ramdisk",
         "ephemeral1", "ephemeral2")  # fmt: skip
ALL_DISKS = Disks(1 << 30, 1 << 30, 1 << 20, 1 << 20)


def define(*nics: Nic, machine: str = "pc", disks: Disks = ALL_DISKS, **changes: Any) -> Definition:
    wishes = {"image": Path("/cache/image"), "vcpus": 2, "ram_mib": 512, "root_gib": 1, "name": "n", "nics": nics}
    spec = GuestSpec(server_id=str(uuid.UUID(int=1)), **(wishes | changes))
    return Definition(spec, machine, 1_900_000_001, disks, place_nics(list(nics)))


def line(definition: Definition, **options: Any) -> list[str]:
    taps = {f"tap:{nic.port_id}": 50 + n for n, nic in enumerate(definition.spec.nics)}
    return command.arguments(definition, HOST, {name: n + 10 for n, name in enumerate(NAMES)} | taps, **options)


def values(argv: list[str], option: str) -> list[Any]:
    found = [value for name, value in itertools.pairwise(argv) if name == option]
    return [json.loads(value) if value.startswith("{") else value for value in found]


def nic(number: int, backend: str = "tap", **changes: Any) -> Nic:
    return Nic(f"port-{number}", f"52:54:00:00:00:{number:02x}", backend, f"tap{number}", **changes)


def test_no_path_of_the_host_is_on_the_command_line() -> None:
    definition = define(nic(1), kernel=Path("/cache/kernel"), ramdisk=Path("/cache/ramdisk"))
    assert not any("cache" in word for word in line(definition))


def test_what_a_user_named_cannot_become_an_option() -> None:
    argv = line(define(name="-drive file=/etc/shadow,if=virtio", kernel=Path("k"), kernel_arguments="a, -S quiet"))
    assert not any("shadow" in word for word in argv)
    assert argv[argv.index("-append") + 1] == "a, -S quiet"


def test_every_descriptor_that_is_named_is_handed_over_once() -> None:
    argv = line(define())
    sets = [value.split("=")[-1] for value in values(argv, "-add-fd")]
    assert len(sets) == len(set(sets)) == 6
    named = {node["file"]["filename"].rpartition("/")[2] for node in values(argv, "-blockdev")}
    assert named < set(sets)


def test_the_image_is_read_only_and_the_overlay_names_its_base_itself() -> None:
    nodes = {node["node-name"]: node for node in values(line(define(image_format="raw")), "-blockdev")}
    assert nodes["base"]["driver"] == "raw" and nodes["base"]["read-only"] and nodes["base"]["file"]["read-only"]
    assert nodes["root"]["backing"] == "base"
    blank = {node["node-name"]: node for node in values(line(define(image=None)), "-blockdev")}
    assert "base" not in blank and blank["root"]["backing"] is None


@pytest.mark.parametrize("machine", ["pc", "q35"])
@pytest.mark.parametrize("bus", ["virtio", "scsi", "ide"])
def test_no_two_devices_share_a_place(machine: str, bus: str) -> None:
    definition = define(*(nic(n) for n in range(8)), machine=machine, image_properties={"hw_disk_bus": bus})
    devices = values(line(definition), "-device")
    places = [(device.get("bus"), device.get("addr") or device.get("lun") or device.get("unit")) for device in devices]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_several_ephemeral_disks_share_the_place_of_the_one_that_there_always_was(machine: str) -> None:
    def places(disks: Disks) -> dict[str, tuple[str, bool]]:
        devices = values(line(define(machine=machine, disks=disks)), "-device")
        return {one["id"]: (one["addr"], one.get("multifunction", False)) for one in devices if "drive" in one}

    alone, three = places(ALL_DISKS), places(replace(ALL_DISKS, ephemeral1=1 << 30, ephemeral2=1 << 30))
    assert alone["disk-ephemeral"] == ("0x6", False)
    of_them = [three.pop(f"disk-{name}") for name in ("ephemeral", "ephemeral1", "ephemeral2")]
    assert of_them == [("0x6.0", True), ("0x6.1", True), ("0x6.2", True)]
    assert three == {name: place for name, place in alone.items() if name != "disk-ephemeral"}


@settings(database=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 11)), max_size=30))
def test_a_card_keeps_its_place_whatever_comes_and_goes(changes: list[tuple[bool, int]]) -> None:
    definition = define(nic(100))
    for plug, number in changes:
        port_id, before = f"port-{number}", definition.places
        try:
            if plug and port_id not in before:
                definition = with_nic(definition, nic(number))
            elif not plug:
                definition = without_nic(definition, port_id)
        except Failure:
            assert len(before) == 8
        kept = before.keys() & definition.places.keys()
        assert all(before[port] == definition.places[port] for port in kept)
        assert len(set(definition.places.values())) == len(definition.places) == len(definition.spec.nics)


def test_a_tap_comes_as_a_descriptor_and_user_networking_with_its_rules() -> None:
    user = nic(2, "user", options={"hostfwd": "tcp:127.0.0.1:1-:22, tcp::2-:80", "restrict": "on", "smb": "/etc"})
    argv = line(define(nic(1), user, nic(3, "none")))
    tap, rules = values(argv, "-netdev")
    assert tap == {"type": "tap", "id": "net-port-1", "fd": "50"}
    assert rules["hostfwd"] == [{"str": "tcp:127.0.0.1:1-:22"}, {"str": "tcp::2-:80"}]
    assert rules["restrict"] is True and "smb" not in rules
    cards = {device["id"]: device for device in values(argv, "-device") if "mac" in device}
    assert cards["nic-port-1"]["host_mtu"] == 1500 and "netdev" not in cards["nic-port-3"]


def test_offloads_can_be_turned_off_for_a_userspace_switch() -> None:
    card = command.nic_device(off := nic(1, options={"offload": "off"}), define(off))
    assert all(card[offload] is False for offload in command.OFFLOADS)


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        (define(image_properties={"hw_disk_bus": "usb"}), "disk bus 'usb'"),
        (
            define(image_properties={"hw_disk_bus": "ide"}, disks=replace(ALL_DISKS, ephemeral1=1, ephemeral2=1)),
            "room for 4 disks on bus 'ide'",
        ),
        (define(nic(1, model="ne2k_pci")), "network card 'ne2k_pci'"),
        (define(nic(1, "vde")), "into 'vde'"),
    ],
)
def test_what_this_host_has_not_is_refused_when_the_server_is_made(definition: Definition, reason: str) -> None:
    with pytest.raises(Failure, match=reason):
        command.check(definition)


@pytest.mark.parametrize("wished", ["pc", "q35", "pc-q35-7.2", "pc-i440fx-7.2"])
def test_an_image_may_choose_its_machine_from_ours(wished: str) -> None:
    assert command.machine_type({"hw_machine_type": wished}, "pc") == wished
    assert command.machine_type({}, "q35") == "q35"


@pytest.mark.parametrize("wished", ["microvm", "pc,accel=kvm", "none", "q35 -S"])
def test_an_image_may_not_choose_another_machine(wished: str) -> None:
    with pytest.raises(Failure, match="machine type"):
        command.machine_type({"hw_machine_type": wished}, "pc")


def test_it_is_confined_by_tools_that_exec_one_another() -> None:
    argv = command.confined(["qemu"], define())
    assert argv[0] == "prlimit" and "setpriv" in argv and argv[-1] == "qemu"
    assert "--reuid=1900000001" in argv and "--bounding-set=-all" in argv
    assert "setpriv" not in command.confined(["qemu"], replace(define(), uid=None))


def test_openstack_is_what_the_guest_sees() -> None:
    (table,) = values(line(define()), "-smbios")
    assert "manufacturer=OpenStack Foundation,product=OpenStack Nova" in table
    assert f"uuid={uuid.UUID(int=1)}" in table


def test_saved_memory_is_waited_for_only_on_restore() -> None:
    assert line(define(), restore=True)[-3:] == ["-incoming", "defer", "-S"]
    assert "-incoming" not in line(define())
