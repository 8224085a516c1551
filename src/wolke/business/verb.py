"""A verb: one row says what can be done, by whom, what it takes and gives, and under which address. The REST API, its OpenAPI page, the
shell and the pages are all made from the same rows.

    VERBS = (
        Verb("tickets.open", "POST", "/tickets", open_ticket, SIGNED_IN, "Ask for help", takes=NewTicket, gives=Ticket, status=201),
    )

``run`` is ``async (desk, who, asked, **places)``: ``asked`` is a ``takes``, ``places`` the parameters of the path. Whoever is not in ``may`` is
refused before it runs; whether the *object* is theirs is for the verb: a foreign one is ``NotThere``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from wolke.business import who as people
from wolke.business.errors import Invalid, NotAllowed, NotSignedIn
from wolke.business.who import Who
from wolke.core import paging
from wolke.core.db import Order, Reader, Table, Where

R = TypeVar("R", bound=msgspec.Struct)

ANYONE = frozenset({"anyone"})
SIGNED_IN = frozenset({"signed in"})  # with or without a company
MEMBERS = frozenset(people.COMPANY_ROLES)
OWNERS = frozenset({people.OWNER})
BUYERS = frozenset({people.OWNER, people.BUYER})
TECHNICIANS = frozenset({people.OWNER, people.BUYER, people.TECHNICIAN})
APPROVERS = frozenset({people.OWNER, people.APPROVER})
ACCOUNTANTS = frozenset({people.OWNER, people.ACCOUNTANT})
STAFF = frozenset(people.STAFF_ROLES)
ADMINISTRATORS = frozenset({people.ADMINISTRATOR})

SECOND_STEP_FIRST = "Please set up the second step of signing in first: the provider's people need it."
Run = Callable[..., Awaitable[Any]]
LONGEST_PAGE, _MOST_WORDS = 200, 8
#: So many rows of a list are counted, and no more.
MOST_COUNTED = 10_000
_PLACE = re.compile(r"{(\w+)}")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What every list takes: ``sort`` is a column, with a minus before it for the other way round; ``after`` is the last row's id."""

    search: str = msgspec.field(default="")
    sort: str = ""
    after: str = ""
    limit: int = 50


class Found(msgspec.Struct, frozen=True):
    """What every list gives: the rows, how many there are in all, and where the next page begins (empty: it was the last). ``total`` of 10,000: that
    many, or more."""

    items: list[Any]
    total: int
    after: str = ""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """``csrf``: what each write with the session's cookie must say in ``X-CSRF-Token``. ``needs_code``: the second step is still to come."""

    csrf: str
    needs_code: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What a verb answers that signs a browser in, or on as something else: the door puts ``token`` into the session's cookie and shows the rest."""

    token: str
    shown: Signed


@dataclass(frozen=True, slots=True)
class File:
    """What a verb answers that gives a file to keep, rather than something to be shown. ``size_bytes``: of a content that comes as it comes."""

    name: str
    media_type: str
    content: bytes | AsyncIterator[bytes]
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """What a verb that ``carries`` is asked: its ``takes`` and, as they come, the bytes and of which kind they say that they are. ``size_bytes``: how
    many will come, if that was said."""

    asked: Any
    kind: str
    chunks: AsyncIterator[bytes]
    size_bytes: int | None = None


async def find(
    reader: Reader,
    table: Table[R],
    asked: Page,
    *,
    sorts: Mapping[str, str],
    default: str,
    words: str = "",
    where: Sequence[Where] = (),
    shown: Callable[[R], Any] = lambda record: record,
    **equal: Any,
) -> Found:
    """One page of those rows of ``table`` that fulfil ``where`` and ``equal``, each as ``shown``. ``sorts``: the names that ``asked.sort`` may
    say, and their columns; ``default`` as in ``asked.sort``. ``words``: the column (in lower case) in which each word of the search must be."""
    named = asked.sort or default
    column = sorts.get(named.removeprefix("-"))
    if column is None:
        raise Invalid(
            "This list cannot be sorted like that.", fields={"sort": "Please choose one of those that are offered."}
        )
    where = [*where, *(Where(words, "contains", word) for word in asked.search.lower().split()[:_MOST_WORDS] if words)]
    descending = named.startswith("-")
    order = (Order(column, descending),) if column == "id" else (Order(column, descending), Order("id", descending))
    marker = await reader.find(table, where=[*where, Where("id", "eq", asked.after)], **equal) if asked.after else []
    if asked.after and not marker:
        raise Invalid("This page of the list is not there any more. Please begin at its first one.")
    limit = max(1, min(asked.limit, LONGEST_PAGE))
    page = paging.Page(order, limit + 1)
    rows = await paging.find_page(reader, table, page, where=where, marker=marker[0] if marker else None, **equal)
    more = len(rows) > limit
    last: Any = rows[limit - 1] if more else None
    total = await counted(reader, table, asked, rows, more, where, equal)
    return Found([shown(row) for row in rows[:limit]], total, last.id if more else "")


async def counted(
    reader: Reader, table: Table[R], asked: Page, rows: Sequence[Any], more: bool, where: Sequence[Where], equal: Mapping[str, Any]
) -> int:  # fmt: skip
    """A list's total. A first page that is the last one as well says it by itself."""
    return await reader.count_to(MOST_COUNTED, table, where=where, **equal) if asked.after or more else len(rows)


@dataclass(frozen=True, slots=True)
class Verb:
    """``takes``: a struct, from the JSON body, or from the query of a GET. ``gives``: what it answers, for the reference. ``carries``: the body is bytes, the
    rest is in the query, and ``run`` is asked ``Carried``."""

    name: str
    method: str
    path: str
    run: Run
    may: frozenset[str]
    summary: str
    takes: type[msgspec.Struct] | None = None
    gives: Any = None
    status: int = 200
    carries: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(_PLACE.findall(self.path))

    @property
    def writes(self) -> bool:
        return self.method != "GET"


def check_may(who: Who, may: frozenset[str]) -> None:
    """``NotSignedIn`` or ``NotAllowed``."""
    if may is ANYONE:
        return
    if who.person_id is None:
        raise NotSignedIn("Please sign in first.")
    if may is not SIGNED_IN and who.owes_second_step:
        raise NotAllowed(SECOND_STEP_FIRST)
    if may is not SIGNED_IN and not may & (who.roles | who.staff):
        raise NotAllowed("Your role does not allow this. An owner of your company can change that.")


def read(kind: type[msgspec.Struct], given: Mapping[str, Any], *, strict: bool = True) -> Any:
    """``given`` as ``kind``, or ``Invalid`` with a sentence for each field that is not as it must be. ``strict`` False: values are text, as
    forms and queries have them."""
    fields = msgspec.structs.fields(kind)
    wrong = (
        {name: "There is no such field." for name in given if name not in {f.encode_name for f in fields}}
        if strict
        else {}
    )
    values: dict[str, Any] = {}
    for field in fields:
        if field.encode_name not in given:
            if field.required:
                wrong[field.encode_name] = "This is needed."
            continue
        try:
            values[field.name] = msgspec.convert(given[field.encode_name], field.type, strict=strict)
        except msgspec.ValidationError as error:
            wrong[field.encode_name] = _sentence(str(error))
    if wrong:
        raise Invalid("Please check what is marked below.", fields=wrong)
    return kind(**values)


SENTENCES: tuple[tuple[str, str], ...] = (
    (r"Expected `str` of length >= 1\b.*", "This is needed."),
    (r"Expected `str` of length >= (\d+).*", "At least {0} characters, please."),
    (r"Expected `str` of length <= (\d+).*", "At most {0} characters, please."),
    (r"Expected `str` matching regex.*", "This does not look right."),
    (r"Expected `int`.* >= (-?\d+).*", "At least {0}, please."),
    (r"Expected `int`.* <= (-?\d+).*", "At most {0}, please."),
    (r"Expected `(int|decimal|float)`.*", "This must be a number."),
    (r"Invalid decimal.*", "This must be a number."),
    (r"Invalid enum value.*", "Please choose one of those that are offered."),
)


def _sentence(message: str) -> str:
    """msgspec's message in a person's words."""
    for pattern, sentence in SENTENCES:
        if found := re.match(pattern, message):
            return sentence.format(*found.groups())
    return "This is not as it must be."
