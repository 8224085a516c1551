"""Orders beyond a budget or a limit: refused with what is missing, asked for, decided."""

from __future__ import annotations

from typing import Any

import pytest

from wolke.business.errors import NeedsApproval, NotAllowed, NotNow, NotThere
from wolke.business.mail import MAILS
from wolke.business.resources.store import ACTIONS, LIMITS, SERVERS
from wolke.business.who import APPROVER, BUYER


async def test_orders_stop_before_the_budget_is_overspent(business: Any) -> None:
    await business.call("projects.budget", {"budget_minor": 1})
    with pytest.raises(NeedsApproval) as refused:
        await business.call("servers.order", await business.new_server("dear"))
    assert "where its budget is 0.01 EUR" in str(refused.value)
    assert not await business.desk.needs.db.count(SERVERS, project_id=business.project_id)


async def test_what_was_ordered_counts_before_it_is_there(business: Any) -> None:
    """The budget holds one such server and not two; the first has not even begun when the second is ordered."""
    asked = await business.new_server("one", public_address=False)
    reckoner, db = business.desk.resources.reckoner, business.desk.needs.db
    project = await business.desk.customers.projects.seen(business.who, business.project_id)
    company = await business.desk.customers.companies.of(business.who)
    from wolke.business.resources.costs import Planned

    one = (await reckoner.costs(db, project, company, [Planned(asked["plan_id"], 1)])).forecast_minor
    await business.call("projects.budget", {"budget_minor": one + 1})
    await business.call("servers.order", asked)
    with pytest.raises(NeedsApproval):
        await business.call("servers.order", {**asked, "name": "two"})


async def test_an_approver_decides_by_the_mails_link(business: Any, hire: Any) -> None:
    await business.call("projects.budget", {"budget_minor": 1})
    company_id = business.who.company_id
    buyer = await hire(business.desk, company_id, "Bo Buyer", BUYER)
    await hire(business.desk, company_id, "Ann Approver", APPROVER)
    asked = await business.new_server("wanted", ask=True, note="For the sale in December.")
    made = await business.call("servers.order", asked, who=buyer)
    assert made.request_id and not made.object_id
    with pytest.raises(NotAllowed):
        await business.call("requests.approve", {}, who=buyer, request_id=made.request_id)
    mails = await business.desk.needs.db.find(MAILS, recipient="ann@kramer.example")
    token = mails[0].text.split("/decide/")[1].split()[0]
    assert "For the sale in December." in mails[0].text
    seen = await business.call("requests.look", {"token": token})
    assert seen.state == "open" and "wanted" in seen.summary
    decided = await business.call("requests.decide", {"token": token, "approve": True})
    assert decided.state == "approved"
    with pytest.raises(NotThere):
        await business.call("requests.decide", {"token": token, "approve": True})
    server = await business.desk.needs.db.get(SERVERS, id=decided.object_id)
    assert server.name == "wanted"
    (action,) = await business.desk.needs.db.find(ACTIONS, object_id=server.id)
    assert action.person_id == buyer.person_id
    with pytest.raises(NotNow):
        await business.call("requests.refuse", {}, request_id=made.request_id)


async def test_what_is_refused_is_not_ordered(business: Any, hire: Any) -> None:
    await business.call("projects.budget", {"budget_minor": 1})
    buyer = await hire(business.desk, business.who.company_id, "Bo Buyer", BUYER)
    made = await business.call("servers.order", await business.new_server("toy", ask=True), who=buyer)
    refused = await business.call("requests.refuse", {"answer": "Not this year."}, request_id=made.request_id)
    assert refused.state == "refused"
    assert not await business.desk.needs.db.count(SERVERS, project_id=business.project_id)
    mails = await business.desk.needs.db.find(MAILS, recipient="bo@kramer.example")
    assert "Not this year." in mails[-1].text


async def test_an_approved_order_beyond_the_limits_raises_them(business: Any) -> None:
    limits = {"servers": 0, "vcpus": 0, "ram_mib": 0, "disk_gib": 0, "addresses": 0}
    staff = type(business.who)("itself", staff=frozenset({"administrator"}))
    await business.call("limits.set", limits, who=staff)
    asked = await business.new_server("first", public_address=False)
    with pytest.raises(NeedsApproval, match="1 servers, where 0 are allowed"):
        await business.call("servers.order", asked)
    made = await business.call("servers.order", {**asked, "ask": True})
    await business.call("requests.approve", {}, request_id=made.request_id)
    async with business.at_work():
        decided = await business.call("requests.show", request_id=made.request_id)
        await business.server(decided.object_id, "running")
    raised = await business.desk.needs.db.get(LIMITS, project_id=business.project_id)
    assert (raised.servers, raised.vcpus, raised.ram_mib, raised.told) == (1, 1, 2048, True)


async def test_people_are_warned_once_when_most_of_a_budget_is_used(business: Any) -> None:
    await business.call("projects.budget", {"budget_minor": 1})
    budgets, db = business.desk.resources.budgets, business.desk.needs.db
    await budgets.look(business.project_id)
    assert not await db.count(MAILS)
    from wolke.business.metering import Usage
    from wolke.business.resources.intervals import hour_of

    plan = await business.plan()
    usage = Usage(
        "servers", "s1", "web", business.project_id, business.who.company_id, plan.id, hour_of(business.desk.needs.clock.now()), "1"
    )  # fmt: skip
    async with db.transaction() as tx:
        await business.desk.metering.record(tx, [usage])
    await budgets.look(business.project_id)
    await budgets.look(business.project_id)
    (mail,) = await db.find(MAILS)
    assert mail.recipient == "kim@kramer.example" and "used up soon" in mail.subject
