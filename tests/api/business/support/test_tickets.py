"""Tickets between a customer and the provider's people."""

import asyncio
from typing import Any

import pytest

from wolke.business.audit import ENTRIES
from wolke.business.errors import Invalid, NotAllowed, NotNow, NotSignedIn, NotThere
from wolke.business.support.verbs import (
    NewAnswer,
    NewMessage,
    NewTicket,
    ProviderTicketPage,
    TicketChange,
    TicketPage,
    TicketShown,
)
from wolke.business.who import ACCOUNTANT, NOBODY, TECHNICIAN, Who

_DAY_S = 86400.0


async def opened(shop: Any, who: Who, subject: str = "My server is slow", **more: Any) -> TicketShown:
    return await shop.desk.call(who, "tickets.open", NewTicket(subject, "Since this morning.", **more))


def said(shown: TicketShown) -> list[tuple[str, str]]:
    return [(event.side, event.kind) for event in shown.events]


async def test_a_question_is_answered_and_solved(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    ticket = (await opened(shop, customer)).ticket
    assert (ticket.number, ticket.state, ticket.due_at) == (1, "new", "2026-03-03T09:00:00.000000Z")
    answer = await shop.desk.call(staff, "provider.tickets.answer", NewAnswer("Which one?"), ticket_id=ticket.id)
    assert (answer.ticket.state, answer.ticket.due_at, answer.ticket.assignee_name) == ("waiting", None, "Sam Support")
    shop.clock.move(60)
    back = await shop.desk.call(customer, "tickets.write", NewMessage("web-1"), ticket_id=ticket.id)
    assert (back.ticket.state, back.ticket.due_at) == ("open", "2026-03-03T09:01:00.000000Z")
    solved = await shop.desk.call(customer, "tickets.solve", ticket_id=ticket.id)
    assert (solved.ticket.state, solved.ticket.due_at) == ("solved", None)


async def test_notes_and_who_has_it_stay_with_the_provider(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    ticket = (await opened(shop, customer)).ticket
    before = len(await shop.mails())
    noted = await shop.desk.call(
        staff, "provider.tickets.note", NewMessage("Looks like the disk."), ticket_id=ticket.id
    )
    assert said(noted)[-1] == ("provider", "note")
    await shop.desk.call(
        staff, "provider.tickets.change", TicketChange(assignee_id=staff.person_id), ticket_id=ticket.id
    )
    seen = await shop.desk.call(customer, "tickets.show", ticket_id=ticket.id)
    assert said(seen) == [("customer", "priority"), ("customer", "message")]
    assert len(await shop.mails()) == before


async def test_each_message_goes_out_by_mail_to_the_other_side(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    ticket = (await opened(shop, customer, "Broken\r\nBcc: everybody@mail.example")).ticket
    assert ticket.subject == "Broken Bcc: everybody@mail.example"
    await shop.desk.call(staff, "provider.tickets.answer", NewAnswer("{0} is {writer}"), ticket_id=ticket.id)
    await shop.desk.needs.mailbox.loop(None).drain()
    to_staff, to_customer = sorted(shop.sent, key=lambda m: str(m["To"]).startswith("kim"))
    assert (str(to_staff["To"])[:3], to_staff["Bcc"], str(to_staff["Subject"])[:4]) == ("sam", None, "[#1]")
    assert "{0} is {writer}" in to_customer.get_content()
    assert f"https://cloud.example/tickets/{ticket.id}" in to_customer.get_content()


async def test_whoever_left_the_company_hears_no_more(shop: Any) -> None:
    from wolke.business.customers.store import MEMBERS

    customer, staff = await shop.company(), await shop.staff()
    ticket = (await opened(shop, customer)).ticket
    async with shop.desk.needs.db.transaction() as tx:
        await tx.delete(MEMBERS, person_id=customer.person_id)
    before = len(await shop.mails())
    await shop.desk.call(staff, "provider.tickets.answer", NewAnswer("Done."), ticket_id=ticket.id)
    assert len(await shop.mails()) == before


async def test_a_ticket_is_not_there_for_another_company_nor_for_whoever_works_with_other_projects(shop: Any) -> None:
    customer, stranger = await shop.company(), await shop.company("Fremd AG")
    ticket = (await opened(shop, customer)).ticket
    for name, asked in (("tickets.show", None), ("tickets.write", NewMessage("Hi")), ("tickets.solve", None)):
        with pytest.raises(NotThere):
            await shop.desk.call(stranger, name, asked, ticket_id=ticket.id)
        with pytest.raises(NotSignedIn):
            await shop.desk.call(NOBODY, name, asked, ticket_id=ticket.id)
    assert (await shop.desk.call(stranger, "tickets.list", TicketPage())).items == []
    for name in ("provider.tickets.list", "provider.tickets.show"):
        with pytest.raises(NotAllowed):
            await shop.desk.call(
                customer, name, ProviderTicketPage(), **({} if "list" in name else {"ticket_id": ticket.id})
            )
    elsewhere = await shop.colleague(customer, TECHNICIAN, projects=["another"])
    assert (await shop.desk.call(elsewhere, "tickets.show", ticket_id=ticket.id)).ticket.id == ticket.id
    async with shop.desk.needs.db.transaction() as tx:
        from wolke.business.support.store import TICKETS

        await tx.update(TICKETS, {"project_id": "one"}, id=ticket.id)
    with pytest.raises(NotThere):
        await shop.desk.call(elsewhere, "tickets.show", ticket_id=ticket.id)


async def test_a_ticket_about_a_bill_is_for_those_who_see_bills_and_whoever_asked(shop: Any) -> None:
    from wolke.business.support.store import TICKETS

    owner = await shop.company()
    technician, accountant = await shop.colleague(owner, TECHNICIAN), await shop.colleague(owner, ACCOUNTANT)
    ticket = (await opened(shop, owner)).ticket
    async with shop.desk.needs.db.transaction() as tx:
        await tx.update(TICKETS, {"private": True}, id=ticket.id)
    assert (await shop.desk.call(accountant, "tickets.list", TicketPage())).total == 1
    assert (await shop.desk.call(technician, "tickets.list", TicketPage())).total == 0
    with pytest.raises(NotThere):
        await shop.desk.call(technician, "tickets.show", ticket_id=ticket.id)


async def test_a_ticket_about_a_server_has_its_history_and_what_it_costs(shop: Any) -> None:
    from wolke.business.resources.model import Action, Server
    from wolke.business.resources.store import ACTIONS, SERVERS

    customer, stranger = await shop.company(), await shop.company("Fremd AG")
    now = shop.clock.now()
    async with shop.desk.needs.db.transaction() as tx:
        project = await shop.desk.customers.projects.add(tx, customer.company_id, "Web shop")
        server = Server(
            id="s-1", company_id=customer.company_id, project_id=project.id, name="web-1", state="running", doing="", reason=None,
            plan_id="", size_name="M", vcpus=2, ram_mib=4096, disk_gib=40, image_id="i", image_name="Debian 12", key_id=None,
            public_address="203.0.113.7", private_addresses=[], cloud_id=None, host="", ordered_at=now, began_at=now, changed_at=now,
            gone_at=None, words="web-1", touched_at=now,
        )  # fmt: skip
        await tx.insert(SERVERS, server)
        action = Action(
            id="a-1", company_id=customer.company_id, project_id=project.id, kind="server", object_id="s-1", verb="restart", details={},
            person_id=None, state="done", reason=None, at=now, due_at=None, done_at=now,
        )  # fmt: skip
        await tx.insert(ACTIONS, action)
    shown = await opened(shop, customer, about_kind="server", about_id="s-1")
    facts = {fact.name: fact.value for fact in shown.about.facts}
    assert (facts["Public address"], facts["2026-03-02T09:00:00Z"]) == ("203.0.113.7", "restart done")
    assert facts["Its project's costs this month, before tax"] == "0.00 EUR"
    assert shown.ticket.project_id == project.id
    with pytest.raises(NotThere):
        await opened(shop, stranger, about_kind="server", about_id="s-1")
    with pytest.raises(Invalid):
        await opened(shop, customer, about_kind="weather", about_id="s-1")


async def test_solved_tickets_close_by_themselves_and_a_closed_one_takes_no_more(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    ticket = (await opened(shop, customer)).ticket
    await shop.desk.call(staff, "provider.tickets.answer", NewAnswer("Done.", "solved"), ticket_id=ticket.id)
    (loop,) = shop.desk.support.loops(None)
    shop.clock.move(6 * _DAY_S)
    await loop.drain()
    assert (await shop.desk.call(customer, "tickets.show", ticket_id=ticket.id)).ticket.state == "solved"
    shop.clock.move(2 * _DAY_S)
    await loop.drain()
    assert (await shop.desk.call(customer, "tickets.show", ticket_id=ticket.id)).ticket.state == "closed"
    for who, name, asked in (
        (customer, "tickets.write", NewMessage("Still slow")),
        (staff, "provider.tickets.answer", NewAnswer("Hm")),
        (staff, "provider.tickets.change", TicketChange(state="solved")),
    ):
        with pytest.raises(NotNow):
            await shop.desk.call(who, name, asked, ticket_id=ticket.id)


async def test_only_the_providers_people_take_tickets_and_are_told(shop: Any) -> None:
    customer, staff, other = await shop.company(), await shop.staff(), await shop.staff(name="Ada Admin")
    ticket = (await opened(shop, customer)).ticket
    with pytest.raises(Invalid):
        await shop.desk.call(
            staff, "provider.tickets.change", TicketChange(assignee_id=customer.person_id), ticket_id=ticket.id
        )
    before = len(await shop.mails())
    await shop.desk.call(
        staff, "provider.tickets.change", TicketChange(assignee_id=other.person_id), ticket_id=ticket.id
    )
    assert len(await shop.mails()) == before + 1
    await shop.desk.call(customer, "tickets.write", NewMessage("Hello?"), ticket_id=ticket.id)
    assert len(await shop.mails()) == before + 2  # to the one who has it, not to both


async def test_lists_are_searched_sorted_and_paged_in_sql(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    for n in range(5):
        await opened(shop, customer, f"Question {n}", priority="urgent" if n == 3 else "normal")
        shop.clock.move(60)
    first = await shop.desk.call(customer, "tickets.list", TicketPage(sort="number", limit=2))
    assert ([row.number for row in first.items], first.total) == ([1, 2], 5)
    rest = await shop.desk.call(customer, "tickets.list", TicketPage(sort="number", limit=9, after=first.after))
    assert ([row.number for row in rest.items], rest.after) == ([3, 4, 5], "")
    found = await shop.desk.call(staff, "provider.tickets.list", ProviderTicketPage(search="kramer #2"))
    assert [row.subject for row in found.items] == ["Question 1"]
    shop.clock.move(3600)
    late = await shop.desk.call(staff, "provider.tickets.list", ProviderTicketPage(late=True, assignee_id="nobody"))
    assert [(row.subject, row.late) for row in late.items] == [("Question 3", True)]
    await shop.desk.call(staff, "provider.tickets.answer", NewAnswer("Hm?"), ticket_id=late.items[0].id)
    owed = await shop.desk.call(staff, "provider.tickets.list", ProviderTicketPage(sort="due_at"))
    assert [row.number for row in owed.items] == [1, 2, 3, 5]
    with pytest.raises(Invalid):
        await shop.desk.call(customer, "tickets.list", TicketPage(sort="words"))


async def test_every_write_is_in_the_audit_log(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    ticket = (await opened(shop, customer)).ticket
    await shop.desk.call(staff, "provider.tickets.answer", NewAnswer("Hi"), ticket_id=ticket.id)
    entries = await shop.desk.needs.db.find(ENTRIES, object_id=ticket.id)
    assert [(e.action, e.company_id) for e in entries] == [
        ("tickets.open", customer.company_id), ("provider.tickets.answer", customer.company_id)
    ]  # fmt: skip


async def test_whoever_looks_at_a_ticket_hears_that_something_was_said(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    ticket = (await opened(shop, customer)).ticket
    turns = shop.desk.support.watch.turns()
    assert await anext(turns), "what was said before is looked at once"
    following = asyncio.ensure_future(anext(turns))
    await asyncio.sleep(0)
    await shop.desk.call(staff, "provider.tickets.answer", NewAnswer("Which one?"), ticket_id=ticket.id)
    async with asyncio.timeout(10):
        assert await following
    await turns.aclose()
