async def test_a_router_between_a_network_and_the_world(cloud, kind):
    external, _, subnet, router = await cloud.routed()
    shown = (await cloud.client.get(f"/v2.0/routers/{router['id']}")).json["router"]
    info = shown["external_gateway_info"]
    assert (info["network_id"], info["enable_snat"]) == (external["id"], True)
    assert info["external_fixed_ips"][0]["ip_address"] == "203.0.113.2"
    ports = (await cloud.client.get(f"/v2.0/ports?device_id={router['id']}")).json["ports"]
    assert [(p["device_owner"], p["fixed_ips"][0]["ip_address"]) for p in ports] == [
        ("network:router_interface", "10.0.0.1")
    ]
    assert kind(await cloud.client.delete(f"/v2.0/ports/{ports[0]['id']}")) == (409, "ServicePortInUse")
    assert kind(await cloud.client.delete(f"/v2.0/routers/{router['id']}")) == (409, "RouterInUse")
    path = f"/v2.0/routers/{router['id']}"
    removed = await cloud.client.put(path + "/remove_router_interface", {"subnet_id": subnet["id"]})
    assert removed.json["port_id"] == ports[0]["id"]
    assert (await cloud.client.delete(path)).status == 204
    assert (await cloud.as_("admin").get("/v2.0/ports")).json["ports"] == []


async def test_interfaces_that_cannot_be(cloud, kind):
    _, network, subnet, router = await cloud.routed()
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    nowhere = "00000000-0000-4000-8000-000000000000"
    assert kind(await cloud.client.put(path, {})) == (400, "BadRequest")
    assert kind(await cloud.client.put(path, {"subnet_id": 5})) == (400, "BadRequest")
    assert kind(await cloud.client.put(path, {"subnet_id": subnet["id"]})) == (400, "BadRequest")
    assert kind(await cloud.client.put(path, {"subnet_id": nowhere})) == (404, "SubnetNotFound")
    _, same = await cloud.network()
    assert kind(await cloud.client.put(path, {"subnet_id": same["id"]})) == (400, "BadRequest")
    used = await cloud.make("port", network_id=network["id"], device_id="something")
    assert kind(await cloud.client.put(path, {"port_id": used["id"]})) == (409, "PortInUse")
    remove = f"/v2.0/routers/{router['id']}/remove_router_interface"
    assert kind(await cloud.client.put(remove, {"port_id": nowhere})) == (404, "RouterInterfaceNotFound")
    assert kind(await cloud.client.put(remove, {"subnet_id": nowhere})) == (404, "RouterInterfaceNotFoundForSubnet")


async def test_an_interface_by_port(cloud):
    router = await cloud.make("router")
    network, subnet = await cloud.network("10.5.0.0/24")
    port = await cloud.make("port", network_id=network["id"], fixed_ips=[{"ip_address": "10.5.0.9"}])
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    answer = (await cloud.client.put(path, {"port_id": port["id"]})).json
    assert (answer["port_id"], answer["subnet_ids"]) == (port["id"], [subnet["id"]])
    shown = (await cloud.client.get(f"/v2.0/ports/{port['id']}")).json["port"]
    assert (shown["device_owner"], shown["security_groups"]) == ("network:router_interface", [])


async def test_extra_routes(cloud, kind):
    _, _, subnet, router = await cloud.routed()
    path = f"/v2.0/routers/{router['id']}"
    route = {"destination": "192.168.0.0/24", "nexthop": "10.0.0.9"}
    shown = await cloud.client.put(path, {"router": {"routes": [route]}})
    assert shown.json["router"]["routes"] == [route]
    far = {"destination": "192.168.0.0/24", "nexthop": "10.77.0.9"}
    assert kind(await cloud.client.put(path, {"router": {"routes": [far]}})) == (400, "InvalidRoutes")
    more = {"destination": "192.168.1.0/24", "nexthop": "10.0.0.9"}
    added = await cloud.client.put(path + "/add_extraroutes", {"router": {"routes": [route, more]}})
    assert added.json["router"]["routes"] == [route, more]
    answer = await cloud.client.put(path + "/remove_router_interface", {"subnet_id": subnet["id"]})
    assert kind(answer) == (409, "RouterInterfaceInUseByRoute")
    left = await cloud.client.put(path + "/remove_extraroutes", {"router": {"routes": [route]}})
    assert left.json["router"]["routes"] == [more]


async def test_only_admins_turn_snat_off(cloud, kind):
    external, _ = await cloud.outside()
    info = {"network_id": external["id"], "enable_snat": False}
    answer = await cloud.client.post("/v2.0/routers", {"router": {"external_gateway_info": info}})
    assert kind(answer) == (403, "PolicyNotAuthorized")
    inside, _ = await cloud.network()
    answer = await cloud.client.post(
        "/v2.0/routers", {"router": {"external_gateway_info": {"network_id": inside["id"]}}}
    )
    assert kind(answer) == (400, "BadRequest")
    router = await cloud.make("router", "admin", external_gateway_info=info)
    assert router["external_gateway_info"]["enable_snat"] is False
    cleared = await cloud.as_("admin").put(f"/v2.0/routers/{router['id']}", {"router": {"external_gateway_info": {}}})
    assert cleared.json["router"]["external_gateway_info"] is None


async def test_a_floating_ip_comes_and_goes(cloud, kind):
    external, network, subnet, router = await cloud.routed()
    port = await cloud.make("port", network_id=network["id"])
    floating = await cloud.make("floatingip", floating_network_id=external["id"])
    assert (floating["status"], floating["port_id"], floating["router_id"]) == ("DOWN", None, None)
    path = f"/v2.0/floatingips/{floating['id']}"
    shown = (await cloud.client.put(path, {"floatingip": {"port_id": port["id"]}})).json["floatingip"]
    assert (shown["fixed_ip_address"], shown["router_id"]) == ("10.0.0.2", router["id"])
    assert shown["port_details"]["network_id"] == network["id"]
    remove = await cloud.client.put(
        f"/v2.0/routers/{router['id']}/remove_router_interface", {"subnet_id": subnet["id"]}
    )
    assert kind(remove) == (409, "RouterInterfaceInUseByFloatingIP")
    second = await cloud.client.post(
        "/v2.0/floatingips", {"floatingip": {"floating_network_id": external["id"], "port_id": port["id"]}}
    )
    assert kind(second) == (409, "FloatingIPPortAlreadyAssociated")
    gateway = await cloud.client.put(f"/v2.0/routers/{router['id']}", {"router": {"external_gateway_info": None}})
    assert kind(gateway) == (409, "RouterExternalGatewayInUseByFloatingIp")
    await cloud.client.delete(f"/v2.0/ports/{port['id']}")
    shown = (await cloud.client.get(path)).json["floatingip"]
    assert (shown["port_id"], shown["fixed_ip_address"], shown["status"]) == (None, None, "DOWN")
    assert (await cloud.client.delete(path)).status == 204
    assert (await cloud.as_("admin").get("/v2.0/ports?device_owner=network:floatingip")).json["ports"] == []


async def test_floating_ips_that_cannot_be(cloud, kind):
    external, network, _, _ = await cloud.routed()
    lonely, _ = await cloud.network("10.8.0.0/24")
    port = await cloud.make("port", network_id=lonely["id"])

    async def ask(token="member", **values):
        return await cloud.as_(token).post("/v2.0/floatingips", {"floatingip": values})

    assert kind(await ask(floating_network_id=network["id"])) == (400, "BadRequest")
    assert kind(await ask(floating_network_id=external["id"], port_id=port["id"])) == (
        404,
        "ExternalGatewayForFloatingIPNotFound",
    )
    assert kind(await ask(floating_network_id=external["id"], floating_ip_address="203.0.113.9")) == (
        403,
        "PolicyNotAuthorized",
    )
    chosen = await ask("admin", floating_network_id=external["id"], floating_ip_address="203.0.113.9")
    assert chosen.json["floatingip"]["floating_ip_address"] == "203.0.113.9"
    again = await ask("admin", floating_network_id=external["id"], floating_ip_address="203.0.113.9")
    assert kind(again) == (409, "IpAddressAlreadyAllocated")
    assert kind(await ask(floating_network_id=external["id"], fixed_ip_address="10.0.0.9")) == (400, "BadRequest")
    assert kind(await ask("other", floating_network_id=external["id"], port_id=port["id"])) == (404, "PortNotFound")
