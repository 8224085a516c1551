"""How a ticket goes on, and what the clock says: pure functions over its events.

    new ──answer──▶ open ◀──────── the customer writes ────────┐
     │               │ ▲                                       │
     │               ▼ └───────────┐                           │
     └──────────▶ waiting ──────▶ solved ──seven days──▶ closed│
                     └──────────────┴──────────────────────────┘

The provider owes an answer from the customer's first message that has none yet. The time for it depends on the priority and stands still
while the ticket waits for the customer or is solved; a change of priority changes the time allowed and keeps what has passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from wolke.business.support.model import (
    CLOSED,
    CUSTOMER,
    HIGH,
    LOW,
    MESSAGE,
    NEW,
    NORMAL,
    OPEN,
    PRIORITY,
    SOLVED,
    STATE,
    URGENT,
    WAITING,
    Event,
)
from wolke.core.clock import Instant, instant, moment

#: What a ticket becomes when its customer writes. A closed one takes no more.
WRITTEN: Mapping[str, str] = {NEW: NEW, OPEN: OPEN, WAITING: OPEN, SOLVED: OPEN}
#: What the provider may make of it.
MAY_BECOME: Mapping[str, frozenset[str]] = {
    NEW: frozenset({OPEN, WAITING, SOLVED, CLOSED}),
    OPEN: frozenset({WAITING, SOLVED, CLOSED}),
    WAITING: frozenset({OPEN, SOLVED, CLOSED}),
    SOLVED: frozenset({OPEN, CLOSED}),
    CLOSED: frozenset({OPEN}),
}
RUNNING = frozenset({NEW, OPEN})
UNSETTLED = frozenset({NEW, OPEN, WAITING})
#: Hours until an answer is owed.
HOURS: Mapping[str, int] = {URGENT: 1, HIGH: 4, NORMAL: 24, LOW: 72}
CLOSED_AFTER_DAYS = 7


@dataclass(frozen=True, slots=True)
class Answer:
    """``due_at`` None: nothing is owed, or the clock stands still. ``left_s``: what is left of the time allowed when it last began to run or
    stood still, None if nothing is owed; below 0 it was too late even then."""

    due_at: Instant | None
    answered_at: Instant | None
    left_s: float | None


def answer(events: Iterable[Event]) -> Answer:
    """From a ticket's events in their order; the first says its priority."""
    state, priority, answered = NEW, NORMAL, None
    owed, spent, since = False, timedelta(), None
    for event in events:
        now = moment(event.at)
        if since is not None:
            spent, since = spent + (now - since), None
        if event.kind == MESSAGE and event.side == CUSTOMER:
            owed = True
        elif event.kind == MESSAGE:
            owed, spent, answered = False, timedelta(), answered or event.at
        elif event.kind == STATE:
            state = event.value
        elif event.kind == PRIORITY:
            priority = event.value
        if owed and state in RUNNING:
            since = now
    left = timedelta(hours=HOURS[priority]) - spent
    due = instant(since + left) if since is not None else None
    return Answer(due, answered, left.total_seconds() if owed else None)
