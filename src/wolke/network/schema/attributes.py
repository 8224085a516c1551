"""How a resource's attributes are written down, and how bodies are read by them.

An ``Attribute`` says once what an attribute is called, what it may hold, whether it may be named at birth and later, how it
is filtered by, and how it is shown. Bodies, views, filters and sorting all follow from the same row, as they do upstream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from wolke.core.clock import seconds
from wolke.core.db import Table, Where
from wolke.network.errors import HTTPBadRequest

Check = Callable[[Any], Any]  # a value as it should be kept; ValueError says what is wrong with it


#: What every body is at least; the attribute tables say the rest, in Neutron's words.
OBJECT = {"type": "object"}


class _Missing:
    def __repr__(self) -> str:
        return "…"


REQUIRED = _Missing()
ABSENT = _Missing()  # no default: the verb works it out


@dataclass(frozen=True, slots=True)
class Attribute:
    """``kept`` is the record's field; ``show`` makes the shown value from the record, if it is not simply that field.
    ``filtered`` turns a query's text into the column's value; None: not to be filtered by."""

    name: str
    check: Check | None = None
    default: Any = ABSENT
    post: bool = True
    put: bool = True
    kept: str = ""
    show: Callable[[Any], Any] | None = None
    shown: bool = True
    filtered: Callable[[str], Any] | None = None
    sorted: bool = True

    @property
    def field(self) -> str:
        return self.kept or self.name


@dataclass(frozen=True, slots=True)
class Body:
    """``values`` by the record's fields, defaults filled in; ``given`` are the names on the wire that were there."""

    values: dict[str, Any]
    given: frozenset[str]

    def __contains__(self, field_name: str) -> bool:
        return field_name in self.values


@dataclass(frozen=True)
class Resource:
    """One noun: its table of attributes. ``filters`` are those that are no plain column."""

    noun: str
    plural: str
    table: Table[Any]
    attributes: tuple[Attribute, ...]
    filters: Mapping[str, Callable[[list[str]], Where]] = field(default_factory=dict)
    tags: bool = True
    by_name: Mapping[str, Attribute] = field(init=False)
    getters: tuple[tuple[str, Callable[[Any], Any]], ...] = field(init=False)
    sort_columns: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        by_name = {a.name: a for a in self.attributes}
        shown = [(a.name, a.show or attrgetter(a.field)) for a in self.attributes if a.shown]
        columns = set(self.table.columns)
        object.__setattr__(self, "by_name", by_name)
        object.__setattr__(self, "getters", tuple(shown))
        sort = {a.name: a.field for a in self.attributes if a.sorted and a.filtered and a.field in columns}
        object.__setattr__(self, "sort_columns", sort)

    def read_create(self, values: Any) -> Body:
        given = self._given(values)
        read: dict[str, Any] = {}
        for attribute in self.attributes:
            if attribute.check is None or not attribute.post:
                if attribute.name in given:
                    raise HTTPBadRequest(f"Attribute '{attribute.name}' not allowed in POST")
                continue
            if attribute.name in given:
                read[attribute.field] = _checked(attribute, given[attribute.name])
            elif attribute.default is REQUIRED:
                raise HTTPBadRequest(f"Failed to parse request. Required attribute '{attribute.name}' not specified")
            elif attribute.default is not ABSENT:
                read[attribute.field] = attribute.default
        return Body(read, frozenset(given))

    def read_update(self, values: Any) -> Body:
        given = self._given(values)
        read: dict[str, Any] = {}
        for name, value in given.items():
            attribute = self.by_name[name]
            if attribute.check is None or not attribute.put:
                raise HTTPBadRequest(f"Cannot update read-only attribute {name}")
            read[attribute.field] = _checked(attribute, value)
        return Body(read, frozenset(given))

    def _given(self, values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise HTTPBadRequest(f"Invalid input for {self.noun}. Reason: it is not an object.")
        fields: dict[str, Any] = dict(values)
        same = fields.setdefault("project_id", fields["tenant_id"]) if "tenant_id" in fields else None
        if same != fields.pop("tenant_id", None):
            raise HTTPBadRequest("'project_id' and 'tenant_id' do not match")
        unknown = sorted(set(fields) - set(self.by_name))
        if unknown:
            raise HTTPBadRequest(f"Unrecognized attribute(s) '{', '.join(unknown)[:500]}'")
        return fields


def _checked(attribute: Attribute, value: Any) -> Any:
    assert attribute.check is not None
    try:
        return attribute.check(value)
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for {attribute.name}. Reason: {error}.") from None


def unwrap(resource: Resource, body: Any) -> tuple[list[Any], bool]:
    """The bodies of one or many resources, and whether they came as many."""
    if not isinstance(body, dict) or not body:
        raise HTTPBadRequest("Resource body required")
    if resource.plural in body:
        many = body[resource.plural]
        if not isinstance(many, list) or not many:
            raise HTTPBadRequest("Resources required")
        return many, True
    if resource.noun not in body:
        raise HTTPBadRequest(f"Unable to find '{resource.noun}' in request body")
    return [body[resource.noun]], False


def project(most: int = 255) -> Attribute:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not value or len(value) > most:
            raise ValueError(f"{str(value)[:64]!r} is not a project's id")
        return value

    return Attribute("project_id", check, put=False, filtered=str)


def standard(*, tags: bool = True) -> tuple[Attribute, ...]:
    """What every resource has at its end."""
    last = (
        Attribute("created_at", show=lambda r: seconds(r.created_at), filtered=str),
        Attribute("updated_at", show=lambda r: seconds(r.updated_at), filtered=str),
        Attribute("revision_number", filtered=int),
    )
    return (Attribute("tags"), *last) if tags else last
