"""Whatever a client sends, the answer is never a 500."""

import pytest

from wolke.network.schema import RESOURCES

NASTY = [
    None, True, 0, -1, 10**30, -(10**30), 1.5, 1e308, "", " ", "x" * 5000, "\ud83d\ude00", "'; --", "%", "0.0.0.0/0", "::/0",
    "10.0.0.1", "fe80::1%eth0", "10.0.0.0/99", [], [None], [[]], [{}], ["x"], [{"subnet_id": 5}], [{"ip_address": "10.0.0.300"}],
    {}, {"a": {"b": []}}, {"network_id": None}, "00000000-0000-4000-8000-000000000000", ["00000000-0000-4000-8000-000000000000"],
    [{"start": "10.0.0.9", "end": "2001:db8::1"}], [{"destination": "::/0", "nexthop": "10.0.0.1"}],
    [{"ip_address": "::/0"}], [{"opt_name": "x", "opt_value": "y" * 300}],
]  # fmt: skip


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: r.plural)
async def test_no_value_of_any_attribute_breaks_it(cloud, resource):
    external, network, subnet, router = await cloud.routed()
    group = await cloud.make("security_group", name="g")
    base = {
        "network": {},
        "subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.7.0.0/24"},
        "port": {"network_id": network["id"]},
        "router": {},
        "floatingip": {"floating_network_id": external["id"]},
        "security_group": {"name": "x"},
        "security_group_rule": {"security_group_id": group["id"], "direction": "ingress"},
    }[resource.noun]
    existing = {"network": network, "subnet": subnet, "router": router, "security_group": group}
    admin, path = cloud.as_("admin"), "/v2.0/" + resource.plural.replace("_", "-")
    for attribute in (*resource.by_name, "tenant_id", "nonsense"):
        for value in NASTY:
            answer = await admin.post(path, {resource.noun: {**base, attribute: value}})
            assert answer.status < 500, (attribute, value, answer.body)
            if answer.status == 201:
                key = answer.json[resource.noun]["id"]
                assert (await admin.delete(f"{path}/{key}")).status == 204
            if resource.noun in existing and attribute not in ("admin_state_up", "name"):
                changed = await admin.put(
                    f"{path}/{existing[resource.noun]['id']}", {resource.noun: {attribute: value}}
                )
                assert changed.status < 500, (attribute, value, changed.body)


QUERIES = [
    "limit=x", "limit=-1", "limit=99999999999999999999", "limit=0", "marker=nope", "sort_key=nope", "sort_key=tags",
    "sort_key=id&sort_dir=up", "sort_dir=asc", "page_reverse=maybe", "fields=nope", "tags=", "tags=,,", "not-tags=a,b",
    "id=", "id=%27", "revision_number=x", "revision_number=99999999999999999999", "project_id=&tenant_id=",
    "name=%F0%9F%98%80", "name=%ff", "name=%00",
]  # fmt: skip


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: r.plural)
async def test_no_query_breaks_it(cloud, resource):
    path = "/v2.0/" + resource.plural.replace("_", "-")
    more = [
        f"{name}={value}" for name in resource.by_name for value in ("", "0", "x", "10.0.0.1", "99999999999999999999")
    ]
    for query in QUERIES + more:
        answer = await cloud.as_("admin").get(f"{path}?{query}")
        assert answer.status < 500, (query, answer.body)
    for name in ("nope", "%27", "x" * 300):
        assert (await cloud.client.get(f"{path}/{name}")).status == 404


async def test_no_body_of_an_action_breaks_it(cloud):
    _, _, _, router = await cloud.routed()
    routers = f"/v2.0/routers/{router['id']}"
    for value in [*NASTY, {"subnet_id": []}, {"port_id": "x"}, {"router": {"routes": 5}}, {"router": {"routes": [5]}}]:
        for path in (
            "add_router_interface",
            "remove_router_interface",
            "add_extraroutes",
            "remove_extraroutes",
            "tags",
        ):
            answer = await cloud.client.put(f"{routers}/{path}", value)
            assert 200 <= answer.status < 500, (path, value, answer.body)
        for body in (value, {"quota": value}, {"quota": {"network": value}}, {"tags": value}):
            assert (await cloud.as_("admin").put("/v2.0/quotas/p", body)).status < 500, body
            assert (await cloud.client.put(f"{routers}/tags", body)).status < 500, body
        assert (await cloud.agent.put("/v1/hosts/h", value)).status < 500
        assert (await cloud.agent.post("/v1/hosts/h/outcome", value)).status < 500
        assert (await cloud.agent.post("/v1/hosts/h/outcome", {"networks": value, "routers": value})).status < 500
