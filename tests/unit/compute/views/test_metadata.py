from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from wolke.compute.model import FlavorCopy, Server
from wolke.compute.views.metadata import AddressFacts, DiskFacts, Facts, NicFacts, answer, config_drive

_BLANK: dict[str, Any] = {field.name: None for field in msgspec.structs.fields(Server)}
SERVER = Server(
    **{
        **_BLANK, "id": "11111111-2222-4333-8444-555555555555", "project_id": "p", "name": "Web 1", "hostname": "web-1",
        "flavor": FlavorCopy("1", "m1.tiny", 1, 512, 1), "image_id": "aaaaaaaa-0000-4000-8000-000000000000", "image": {}, "block_devices": [],
        "key": {"name": "mine", "type": "ssh", "public_key": "ssh-ed25519 AAAA me"}, "metadata": {"role": "web"},
        "user_data": "IyEvYmluL3NoCg==", "personality": [{"path": "/etc/motd", "contents": "aGk="}],
        "reservation_id": "r-1", "launch_index": 0, "root_device_name": "/dev/vda",
    }
)  # fmt: skip
DHCP = AddressFacts("10.0.0.5", 4, 24, "10.0.0.1", ("10.0.0.2",))
STATIC = AddressFacts("fd00::5", 6, 64, "fd00::1", ("fd00::2",), (("fd01::/64", "fd00::9"),), by_dhcp=False)
NIC = NicFacts("9f000000-0000-4000-8000-000000000000", "net-1", "fa:16:3e:00:00:01", 1450, (DHCP, STATIC))
FACTS = Facts(SERVER, "nova", (NIC,), ("default",), "203.0.113.9")


def text(path: str, facts: Facts = FACTS) -> str | None:
    found = answer(facts, path)
    return None if found is None else found.decode()


def test_meta_data_is_what_cloud_init_reads() -> None:
    found = json.loads(text("openstack/latest/meta_data.json") or "")
    assert found["uuid"] == SERVER.id
    assert found["hostname"] == "web-1"
    assert found["public_keys"] == {"mine": "ssh-ed25519 AAAA me"}
    assert found["keys"] == [{"name": "mine", "type": "ssh", "data": "ssh-ed25519 AAAA me"}]
    assert found["meta"] == {"role": "web"}
    assert found["availability_zone"] == "nova"
    assert found["files"] == [{"path": "/etc/motd", "content_path": "/content/0000"}]
    assert {"random_seed", "project_id", "devices", "dedicated_cpus", "launch_index"} <= set(found)


def test_volumes_are_told_by_name_and_those_with_tags_as_devices() -> None:
    flavor = FlavorCopy("1", "m1.tiny", 1, 512, 1, ephemeral_gib=1, swap_mib=64)
    disks = (DiskFacts("vol-1", "/dev/vda", "root"), DiskFacts("vol-2", "/dev/vdd"))
    facts = replace(FACTS, server=msgspec.structs.replace(SERVER, flavor=flavor), disks=disks)
    [device] = json.loads(text("openstack/latest/meta_data.json", facts) or "")["devices"]
    assert (device["type"], device["serial"], device["path"], device["tags"]) == ("disk", "vol-1", "/dev/vda", ["root"])
    path = "latest/meta-data/block-device-mapping"
    assert (text(path, facts) or "").split() == ["ami", "ebs0", "ebs1", "ephemeral0", "root", "swap"]
    names = [text(f"{path}/{name}", facts) for name in ("ami", "root", "ephemeral0", "swap", "ebs1")]
    assert names == ["vda", "/dev/vda", "/dev/vdb", "/dev/vdc", "/dev/vdd"]
    half = {"target": "local", "source": "blank", "guest_format": None, "size": 1}
    server = msgspec.structs.replace(facts.server, block_devices=[half, half])
    names = [text(f"{path}/{name}", replace(facts, server=server)) for name in ("ephemeral0", "ephemeral1", "swap")]
    assert names == ["/dev/vdb", "/dev/vdc", "/dev/vdd"]


def test_old_clients_see_old_files() -> None:
    old = json.loads(text("openstack/2012-08-10/meta_data.json") or "")
    assert not {"random_seed", "project_id", "devices"} & set(old)
    assert text("openstack/2012-08-10/network_data.json") is None
    assert (text("openstack/2012-08-10") or "").split() == ["meta_data.json", "user_data"]
    assert "network_data.json" in (text("openstack/latest/") or "").split()


def test_network_data() -> None:
    found = json.loads(text("openstack/latest/network_data.json") or "")
    [link] = found["links"]
    assert (link["ethernet_mac_address"], link["mtu"]) == ("fa:16:3e:00:00:01", 1450)
    dhcp, static = found["networks"]
    assert (dhcp["type"], dhcp["link"]) == ("ipv4_dhcp", link["id"])
    assert (static["type"], static["ip_address"], static["netmask"]) == ("ipv6", "fd00::5", "ffff:ffff:ffff:ffff::")
    assert static["routes"][0] == {"network": "::", "netmask": "::", "gateway": "fd00::1"}
    assert static["routes"][1]["gateway"] == "fd00::9"
    assert found["services"] == [{"type": "dns", "address": "10.0.0.2"}, {"type": "dns", "address": "fd00::2"}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("latest/user-data", "#!/bin/sh\n"),
        ("openstack/latest/user_data", "#!/bin/sh\n"),
        ("openstack/content/0000", "hi"),
        ("openstack/content/0001", None),
        ("openstack/content/x", None),
        ("openstack/1999-01-01/meta_data.json", None),
        ("latest", "meta-data/\nuser-data"),
        ("latest/meta-data/instance-id", "i-11111111"),
        ("2009-04-04/meta-data/local-ipv4", "10.0.0.5"),
        ("latest/meta-data/public-ipv4", "203.0.113.9"),
        ("latest/meta-data/placement/availability-zone", "nova"),
        ("latest/meta-data/placement/", "availability-zone"),
        ("latest/meta-data/public-keys/", "0=mine"),
        ("latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA me"),
        ("latest/meta-data/public-keys/0/_name", None),
        ("latest/meta-data/hostname/x", None),
        ("latest/api/token", None),
        ("nothing", None),
    ],
)
def test_paths(path: str, expected: str | None) -> None:
    assert text(path) == expected


def test_without_user_data_and_key() -> None:
    bare = msgspec.structs.replace(SERVER, user_data=None, key=None, personality=[])
    facts = Facts(bare, "nova")
    assert text("latest/user-data", facts) is None
    assert text("latest", facts) == "meta-data/"
    assert "public-keys" not in (text("latest/meta-data/", facts) or "")
    assert "user_data" not in (text("openstack/latest", facts) or "").split()
    assert "keys" not in json.loads(text("openstack/latest/meta_data.json", facts) or "")


def test_the_config_drive_is_the_same_as_files() -> None:
    files = config_drive(FACTS)
    assert {
        "openstack/latest/meta_data.json", "openstack/latest/network_data.json", "openstack/latest/user_data",
        "openstack/latest/vendor_data.json", "openstack/content/0000", "ec2/latest/meta-data.json", "ec2/latest/user-data",
    } <= set(files)  # fmt: skip
    assert json.loads(files["ec2/latest/meta-data.json"])["public-keys"] == {
        "0": {"openssh-key": "ssh-ed25519 AAAA me"}
    }
