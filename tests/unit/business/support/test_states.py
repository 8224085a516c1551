"""The clock of a ticket: when an answer is owed, from nothing but what has happened."""

from datetime import UTC, datetime, timedelta

from wolke.business.support.model import CUSTOMER, MESSAGE, NOTE, PRIORITY, PROVIDER, STATE, Event
from wolke.business.support.states import MAY_BECOME, answer
from wolke.core.clock import Instant, instant

_MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(hours: float) -> Instant:
    return instant(_MONDAY + timedelta(hours=hours))


def story(*said: tuple[float, str, str, str]) -> list[Event]:
    return [
        Event("t", n, at(hours), "p", "P", side, kind, value, "")
        for n, (hours, side, kind, value) in enumerate(said, 1)
    ]


OPENED = ((0, CUSTOMER, PRIORITY, "high"), (0, CUSTOMER, MESSAGE, ""))


def test_a_new_ticket_is_owed_an_answer_by_its_priority() -> None:
    assert answer(story(*OPENED)).due_at == at(4)


def test_an_answer_stops_the_clock_and_is_the_first() -> None:
    said = answer(
        story(*OPENED, (3, PROVIDER, MESSAGE, ""), (3, PROVIDER, STATE, "waiting"), (9, PROVIDER, MESSAGE, ""))
    )
    assert (said.due_at, said.left_s, said.answered_at) == (None, None, at(3))


def test_a_note_is_no_answer() -> None:
    assert answer(story(*OPENED, (1, PROVIDER, NOTE, ""))).due_at == at(4)


def test_the_clock_stands_still_while_the_customer_is_asked_and_keeps_what_has_passed() -> None:
    waited = story(*OPENED, (1, PROVIDER, STATE, "waiting"))
    assert (answer(waited).due_at, answer(waited).left_s) == (None, 3 * 3600)
    on = story(*OPENED, (1, PROVIDER, STATE, "waiting"), (11, CUSTOMER, MESSAGE, ""), (11, CUSTOMER, STATE, "open"))
    assert answer(on).due_at == at(14)


def test_what_the_customer_writes_after_an_answer_is_owed_one_with_all_its_time() -> None:
    said = story(
        *OPENED, (3, PROVIDER, MESSAGE, ""), (3, PROVIDER, STATE, "waiting"), (20, CUSTOMER, MESSAGE, ""), (20, CUSTOMER, STATE, "open")
    )  # fmt: skip
    assert answer(said).due_at == at(24)
    assert answer(said).answered_at == at(3)


def test_a_second_question_does_not_move_the_first_ones_answer() -> None:
    assert answer(story(*OPENED, (2, CUSTOMER, MESSAGE, ""))).due_at == at(4)


def test_a_change_of_priority_changes_the_time_allowed_and_keeps_what_has_passed() -> None:
    assert answer(story(*OPENED, (3, PROVIDER, PRIORITY, "normal"))).due_at == at(24)
    late = answer(story(*OPENED, (3, PROVIDER, PRIORITY, "urgent")))
    assert (late.due_at, late.left_s) == (at(1), -2 * 3600)


def test_a_solved_ticket_owes_nothing_until_it_is_opened_again() -> None:
    solved = (*OPENED, (2, PROVIDER, STATE, "solved"))
    assert answer(story(*solved)).due_at is None
    assert answer(story(*solved, (50, PROVIDER, STATE, "open"))).due_at == at(52)


def test_nothing_becomes_new_again() -> None:
    assert all("new" not in may for may in MAY_BECOME.values())
