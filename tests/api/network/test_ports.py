import asyncio


async def test_a_port_gets_what_it_needs(cloud):
    network, subnet = await cloud.network()
    port = await cloud.make("port", network_id=network["id"], name="p")
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.2"}]
    assert port["mac_address"].startswith("fa:16:3e:")
    assert (port["status"], port["port_security_enabled"]) == ("DOWN", True)
    groups = (await cloud.client.get("/v2.0/security-groups?name=default")).json["security_groups"]
    assert port["security_groups"] == [groups[0]["id"]]
    assert "binding:host_id" not in port
    shown = (await cloud.as_("admin").get(f"/v2.0/ports/{port['id']}")).json["port"]
    assert shown["binding:vif_type"] == "unbound"
    assert (await cloud.client.delete(f"/v2.0/ports/{port['id']}")).status == 204
    assert (await cloud.client.get(f"/v2.0/ports/{port['id']}")).status == 404


async def test_addresses_are_chosen_checked_and_given_back(cloud, kind):
    network, subnet = await cloud.network("10.0.0.0/29")
    client = cloud.client

    async def ask(**fixed):
        return await client.post("/v2.0/ports", {"port": {"network_id": network["id"], "fixed_ips": [fixed]}})

    first = await ask(ip_address="10.0.0.5")
    assert first.json["port"]["fixed_ips"][0]["ip_address"] == "10.0.0.5"
    assert kind(await ask(ip_address="10.0.0.5", subnet_id=subnet["id"])) == (409, "IpAddressAlreadyAllocated")
    assert kind(await ask(ip_address="10.0.0.7", subnet_id=subnet["id"])) == (400, "InvalidIpForSubnet")
    assert kind(await ask(ip_address="10.9.0.7")) == (400, "InvalidIpForNetwork")
    assert kind(await ask(subnet_id="00000000-0000-4000-8000-000000000000")) == (400, "InvalidInput")
    got = [(await ask(subnet_id=subnet["id"])).json["port"]["fixed_ips"][0]["ip_address"] for _ in range(4)]
    assert got == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.6"]
    full = await client.post("/v2.0/ports", {"port": {"network_id": network["id"]}})
    assert kind(full) == (409, "IpAddressGenerationFailure")
    assert "No more IP addresses available on network" in full.json["NeutronError"]["message"]
    assert (await client.delete(f"/v2.0/ports/{first.json['port']['id']}")).status == 204
    assert (await ask(subnet_id=subnet["id"])).json["port"]["fixed_ips"][0]["ip_address"] == "10.0.0.5"


async def test_many_at_once_get_different_addresses(cloud):
    network, _ = await cloud.network("10.0.0.0/26")
    body = {"port": {"network_id": network["id"]}}
    answers = await asyncio.gather(*(cloud.client.post("/v2.0/ports", body) for _ in range(40)))
    assert {a.status for a in answers} == {201}
    assert len({a.json["port"]["fixed_ips"][0]["ip_address"] for a in answers}) == 40
    assert len({a.json["port"]["mac_address"] for a in answers}) == 40


async def test_ipv6_guests_choose_their_own_addresses(cloud, kind):
    network = await cloud.make("network")
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    subnet = await cloud.make("subnet", network_id=network["id"], cidr="2001:db8::/64", ip_version=6, **modes)
    assert subnet["gateway_ip"] == "2001:db8::1"
    port = await cloud.make("port", "admin", network_id=network["id"], mac_address="fa:16:3e:00:00:01")
    assert port["fixed_ips"][0]["ip_address"] == "2001:db8::f816:3eff:fe00:1"
    wide = await cloud.make("subnet", network_id=network["id"], cidr="2001:db8:1::/64", ip_version=6)
    address = {"subnet_id": wide["id"], "ip_address": "2001:db8:1::42"}
    port = await cloud.make("port", network_id=network["id"], fixed_ips=[address])
    assert port["fixed_ips"] == [address]
    bad = {"network_id": network["id"], "cidr": "2001:db8:2::/80", "ip_version": 6, **modes}
    assert kind(await cloud.client.post("/v2.0/subnets", {"subnet": bad})) == (400, "InvalidInput")


async def test_subnets_that_cannot_be(cloud, kind):
    network, _ = await cloud.network()
    base = {"network_id": network["id"], "ip_version": 4}
    for values, expected in (
        ({"cidr": "10.0.0.128/25"}, (400, "InvalidInput")),
        ({"cidr": "10.1.0.0/24", "ip_version": 6}, (400, "InvalidInput")),
        ({"cidr": "nonsense"}, (400, "HTTPBadRequest")),
        ({"cidr": "224.0.0.0/24"}, (400, "InvalidInput")),
        ({}, (400, "BadRequest")),
        ({"cidr": "10.1.0.0/24", "gateway_ip": "10.2.0.1"}, (400, "InvalidInput")),
        (
            {"cidr": "10.1.0.0/24", "gateway_ip": "10.1.0.9", "allocation_pools": [{"start": "10.1.0.5", "end": "10.1.0.20"}]},
            (409, "GatewayConflictWithAllocationPools"),
        ),
        ({"cidr": "10.1.0.0/24", "allocation_pools": [{"start": "10.1.0.9", "end": "10.1.0.5"}]}, (400, "InvalidAllocationPool")),
        ({"cidr": "10.1.0.0/24", "allocation_pools": [{"start": "10.1.0.9", "end": "10.2.0.5"}]}, (400, "OutOfBoundsAllocationPool")),
        (
            {
                "cidr": "10.1.0.0/24",
                "allocation_pools": [
                    {"start": "10.1.0.9", "end": "10.1.0.15"},
                    {"start": "10.1.0.15", "end": "10.1.0.25"},
                ],
            },
            (409, "OverlappingAllocationPools"),
        ),
        ({"cidr": "10.1.0.0/24", "network_id": "00000000-0000-4000-8000-000000000000"}, (404, "NetworkNotFound")),
    ):  # fmt: skip
        assert kind(await cloud.client.post("/v2.0/subnets", {"subnet": base | values})) == expected, values


async def test_a_subnet_changes(cloud, kind):
    _, subnet = await cloud.network()
    path = f"/v2.0/subnets/{subnet['id']}"
    changes = {"dns_nameservers": ["1.1.1.1"], "gateway_ip": None, "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]}  # fmt: skip
    shown = (await cloud.client.put(path, {"subnet": changes})).json["subnet"]
    assert {name: shown[name] for name in changes} == changes
    assert kind(await cloud.client.put(path, {"subnet": {"cidr": "10.1.0.0/24"}})) == (400, "HTTPBadRequest")


async def test_a_port_changes(cloud, kind):
    network, subnet = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    path = f"/v2.0/ports/{port['id']}"
    both = [{"subnet_id": subnet["id"], "ip_address": "10.0.0.2"}, {"subnet_id": subnet["id"]}]
    shown = (await cloud.client.put(path, {"port": {"fixed_ips": both}})).json["port"]
    assert sorted(f["ip_address"] for f in shown["fixed_ips"]) == ["10.0.0.2", "10.0.0.3"]
    pair = [{"ip_address": "10.0.0.99"}]
    shown = (await cloud.client.put(path, {"port": {"allowed_address_pairs": pair}})).json["port"]
    assert shown["allowed_address_pairs"] == [{"ip_address": "10.0.0.99", "mac_address": port["mac_address"]}]
    answer = await cloud.client.put(path, {"port": {"port_security_enabled": False}})
    assert kind(answer) == (409, "PortSecurityPortHasSecurityGroup")
    naked = {"port_security_enabled": False, "security_groups": [], "allowed_address_pairs": []}
    assert (await cloud.client.put(path, {"port": naked})).json["port"]["security_groups"] == []
    assert kind(await cloud.client.put(path, {"port": {"binding:host_id": "h"}})) == (403, "PolicyNotAuthorized")
    bound = await cloud.as_("admin").put(path, {"port": {"binding:host_id": "h"}})
    assert bound.json["port"]["binding:vif_type"] == "bridge"


async def test_ports_are_found_by_address_subnet_and_group(cloud, kind):
    network, subnet = await cloud.network()
    one = await cloud.make("port", network_id=network["id"])
    await cloud.make("port", network_id=network["id"])

    async def found(query):
        return [p["id"] for p in (await cloud.client.get("/v2.0/ports?" + query)).json["ports"]]

    assert await found("fixed_ips=ip_address%3D10.0.0.2") == [one["id"]]
    assert len(await found(f"fixed_ips=subnet_id%3D{subnet['id']}")) == 2
    assert await found(f"fixed_ips=subnet_id%3D{subnet['id']}&fixed_ips=ip_address%3D10.0.0.2") == [one["id"]]
    assert await found("fixed_ips=ip_address_substr%3D0.0.2") == [one["id"]]
    assert len(await found(f"security_groups={one['security_groups'][0]}")) == 2
    assert await found("mac_address=" + one["mac_address"].upper()) == [one["id"]]
    assert kind(await cloud.client.get("/v2.0/ports?fixed_ips=colour%3Dred")) == (400, "HTTPBadRequest")


async def test_on_a_shared_network_the_owner_decides_about_addresses(cloud, kind):
    network, subnet = await cloud.network(token="admin", shared=True)
    ask = {"network_id": network["id"], "fixed_ips": [{"subnet_id": subnet["id"]}]}
    mine = await cloud.make("port", **ask)
    answer = await cloud.client.post(
        "/v2.0/ports", {"port": {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.77"}]}}
    )
    assert kind(answer) == (403, "PolicyNotAuthorized")
    answer = await cloud.client.post(
        "/v2.0/ports", {"port": {"network_id": network["id"], "mac_address": "fa:16:3e:0:0:1"}}
    )
    assert kind(answer) == (400, "HTTPBadRequest")
    assert kind(await cloud.as_("other").get(f"/v2.0/ports/{mine['id']}")) == (404, "PortNotFound")


async def test_a_mac_address_is_unique_on_its_network(cloud, kind):
    network, _ = await cloud.network()
    body = {"network_id": network["id"], "mac_address": "fa:16:3e:12:34:56"}
    await cloud.make("port", **body)
    assert kind(await cloud.client.post("/v2.0/ports", {"port": body})) == (409, "MacAddressInUse")
