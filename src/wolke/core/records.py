"""Tables from records: a frozen ``msgspec.Struct`` says once what a row is, and the table, its statements and the way to
and from SQL follow from it.

    class Flavor(msgspec.Struct, frozen=True): ...
    FLAVORS = Table("compute_flavors", Flavor, key=("id",), indexes=(("name",),))

``str``, ``int``, ``float`` and ``bool`` fields are columns of that kind, optional ones may be NULL, and anything else
(lists, mappings, other structs) is one JSON column. Reads and writes name equalities by keyword and anything more as
``Where(column, op, value)``. The SQL for each shape of question is compiled once with SQLAlchemy Core and kept; binding
values costs a dictionary. That is as fast as hand-written SQL (docs/decisions), and the same for SQLite and PostgreSQL.
"""

from __future__ import annotations

import copy
import hashlib
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

METADATA = sa.MetaData()
_LONGEST_NAME = 63
R = TypeVar("R", bound=msgspec.Struct)
S = TypeVar("S", bound=msgspec.Struct)

# Sorted by code point in both databases, so that a page ends at the same row everywhere.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COLUMN_TYPES: dict[type, Any] = {str: TEXT, int: sa.BigInteger(), float: sa.Float(53), bool: sa.SmallInteger()}


class Where(NamedTuple):
    """A condition beyond equality. ``op``: eq ne lt le gt ge in notin like, isnull (value: bool), any (value: lists of
    conditions of which one list must hold; the column is then ""), or within and without (value: ``Related``)."""

    column: str
    op: str
    value: Any


class Related(NamedTuple):
    """The values of ``column`` in those rows of another table that fulfil ``where``: ``WHERE id IN (SELECT …)``."""

    table: Table[Any]
    column: str
    where: Sequence[Where]


class Order(NamedTuple):
    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL of one dialect and the names of its values in order; ``fixed`` are values that SQLAlchemy added itself, ``writes``
    is the table that it changes."""

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    writes: str = ""

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        fixed = self.fixed
        return [values[name] if name in values else fixed[name] for name in self.names]


def compile_statement(statement: Any, dialect: Any) -> Statement:
    compiled = statement.compile(dialect=dialect)
    writes = str(statement.table) if isinstance(statement, sa.UpdateBase) else ""
    return Statement(str(compiled), tuple(compiled.positiontup or ()), dict(compiled.params), writes)


class Query:
    """A statement of any kind with ``bindparam``s, compiled once per dialect: for joins, sums and the like. Its rows
    come back as plain tuples."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[str, Statement] = {}

    def compiled(self, dialect: Any) -> Statement:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = compile_statement(self._statement, dialect)
        return found


class Table(Generic[R]):
    """One table and its record. ``key`` is the primary key; ``indexes`` and ``unique`` are tuples of column names, ``sparse``
    are indexes of only those rows whose first column is not NULL. ``counted`` is a column that every update moves on by one, whoever makes it: what was worked out from a row holds as long as it stands."""

    def __init__(
        self,
        name: str,
        record: type[R],
        *,
        key: tuple[str, ...] = ("id",),
        indexes: Iterable[tuple[str, ...]] = (),
        unique: Iterable[tuple[str, ...]] = (),
        sparse: Iterable[tuple[str, ...]] = (),
        counted: str | None = None,
    ) -> None:
        self.name = name
        self.counted = counted
        self.record = record
        self.key = key
        fields = msgspec.structs.fields(record)
        self.columns = tuple(field.name for field in fields)
        kinds = [_kind(field.type) for field in fields]
        self._encoders: dict[str, Callable[[Any], Any]] = {}
        self._decoders = _decoders(fields)
        columns = []
        for field, (kind, optional) in zip(fields, kinds, strict=True):
            columns.append(sa.Column(field.name, _COLUMN_TYPES.get(kind, TEXT), nullable=optional))
            encode, _ = _codec(kind, field.type)
            if encode is not None:
                self._encoders[field.name] = _optional(encode)
        self.sql = sa.Table(name, METADATA, *columns, sa.PrimaryKeyConstraint(*key, name=f"{name}_pkey"))
        for names in indexes:
            sa.Index(_index_name(name, names, "idx"), *(self.sql.c[n] for n in names))
        for names in sparse:
            there = self.sql.c[names[0]].is_not(None)
            columns_ = (self.sql.c[n] for n in names)
            sa.Index(_index_name(name, names, "idx"), *columns_, sqlite_where=there, postgresql_where=there)
        for names in unique:
            sa.Index(_index_name(name, names, "key"), *(self.sql.c[n] for n in names), unique=True)
        self._statements: dict[Any, Statement] = {}

    def narrow(self, record: type[S]) -> Table[S]:
        """The same table, read as a record of fewer columns: for long lists. A field of type ``msgspec.Raw`` keeps its JSON
        as it is, to be sent on unread."""
        other: Any = copy.copy(self)
        fields = msgspec.structs.fields(record)
        other.record, other.columns = record, tuple(field.name for field in fields)
        other._decoders, other._statements = _decoders(fields), {}
        return other  # type: ignore[no-any-return]

    def decode(self, row: Sequence[Any]) -> R:
        if not self._decoders:
            return self.record(*row)
        values = list(row)
        for index, convert in self._decoders:
            values[index] = convert(values[index])
        return self.record(*values)

    def encode(self, values: Mapping[str, Any]) -> dict[str, Any]:
        encoders = self._encoders
        return {name: encoders[name](value) if name in encoders else value for name, value in values.items()}

    def row(self, record: R) -> dict[str, Any]:
        return self.encode({name: getattr(record, name) for name in self.columns})

    # -- statements, by shape

    def insert(self, dialect: Any) -> Statement:
        return self._statement((dialect.name, "insert"), dialect, lambda: sa.insert(self.sql))

    def select(
        self, dialect: Any, where: Sequence[Where], order: Sequence[Order], *, limited: bool, lock: bool = False
    ) -> Statement:
        shape = (dialect.name, "select", _shape(where), tuple(order), limited, lock)

        def build() -> Any:
            statement = sa.select(*(self.sql.c[name] for name in self.columns)).where(*self._conditions(where))
            statement = statement.order_by(*(self._ordering(o) for o in order))
            if limited:
                statement = statement.limit(sa.bindparam("limit_"))
            return statement.with_for_update() if lock else statement

        return self._statement(shape, dialect, build)

    def select_equal(self, dialect: Any, equal: Mapping[str, Any]) -> tuple[Statement, dict[str, Any]]:
        """``select`` and its values for equalities alone, none of them NULL: the shape of most reads, found fastest."""
        shape = (dialect.name, "equal", *equal)
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = self.select(dialect, equalities(equal), (), limited=False)
        return statement, {f"w{index}": value for index, value in enumerate(self.encode(equal).values())}

    def aggregate(self, dialect: Any, where: Sequence[Where], sums: tuple[str, ...]) -> Statement:
        """COUNT(*) and, after it, the sum of each column in ``sums`` (0 when there are no rows)."""

        def build() -> Any:
            columns = [sa.func.coalesce(sa.func.sum(self.sql.c[name]), 0) for name in sums]
            whole = [sa.cast(column, sa.BigInteger) for column in columns]
            return sa.select(sa.func.count(), *whole).select_from(self.sql).where(*self._conditions(where))

        return self._statement((dialect.name, "aggregate", _shape(where), sums), dialect, build)

    def count_to(self, dialect: Any, where: Sequence[Where]) -> Statement:
        """How many there are, of which no more than ``limit_`` are looked at."""

        def build() -> Any:
            some = sa.select(sa.literal(1).label("one")).select_from(self.sql).where(*self._conditions(where))
            return sa.select(sa.func.count()).select_from(some.limit(sa.bindparam("limit_")).subquery())

        return self._statement((dialect.name, "count_to", _shape(where)), dialect, build)

    def update(self, dialect: Any, where: Sequence[Where], changed: tuple[str, ...]) -> Statement:
        def build() -> Any:
            values: dict[Any, Any] = {
                self.sql.c[name]: sa.bindparam("set_" + name, type_=self.sql.c[name].type) for name in changed
            }
            if self.counted is not None:
                values[self.sql.c[self.counted]] = self.sql.c[self.counted] + 1
            return sa.update(self.sql).where(*self._conditions(where)).values(values)

        return self._statement((dialect.name, "update", _shape(where), changed), dialect, build)

    def delete(self, dialect: Any, where: Sequence[Where]) -> Statement:
        return self._statement(
            (dialect.name, "delete", _shape(where)),
            dialect,
            lambda: sa.delete(self.sql).where(*self._conditions(where)),
        )

    def _statement(self, shape: Any, dialect: Any, build: Callable[[], Any]) -> Statement:
        found = self._statements.get(shape)
        if found is None:
            found = self._statements[shape] = compile_statement(build(), dialect)
        return found

    def _ordering(self, order: Order) -> Any:
        column = self.sql.c[order.column]
        if not column.nullable:
            return column.desc() if order.descending else column.asc()
        return column.desc().nulls_last() if order.descending else column.asc().nulls_first()

    def _conditions(self, where: Sequence[Where], path: str = "w") -> list[Any]:
        return [self._condition(f"{path}{index}", w) for index, w in enumerate(where)]

    def _condition(self, name: str, where: Where) -> Any:
        op, value = where.op, where.value
        if op == "any":
            groups = [sa.and_(sa.true(), *self._conditions(group, f"{name}_{n}_")) for n, group in enumerate(value)]
            return sa.or_(*groups) if groups else sa.false()
        column = self.sql.c[where.column]
        if op in ("within", "without"):
            other = value.table
            rows = sa.select(other.sql.c[value.column]).where(*other._conditions(value.where, f"{name}_"))
            return column.in_(rows) if op == "within" else column.not_in(rows)
        if op == "isnull":
            return column.is_(None) if value else column.is_not(None)
        if op in ("contains", "lacks"):
            found = _position(column, sa.bindparam(name, type_=TEXT))
            return found > 0 if op == "contains" else found == 0
        if op in ("in", "notin"):
            names = [sa.bindparam(f"{name}_{n}", type_=column.type) for n in range(_bucket(len(value)))]
            if not names:
                return sa.false() if op == "in" else sa.true()
            return column.in_(names) if op == "in" else column.not_in(names)
        return _COMPARISONS[op](column, sa.bindparam(name, type_=column.type))

    def bind_where(self, where: Sequence[Where], path: str = "w") -> dict[str, Any]:
        """The values of conditions, named as ``_condition`` names them."""
        values: dict[str, Any] = {}
        for index, (column, op, value) in enumerate(where):
            name = f"{path}{index}"
            if op == "isnull":
                continue
            if op in ("within", "without"):
                values |= value.table.bind_where(value.where, f"{name}_")
                continue
            if op == "any":
                for n, group in enumerate(value):
                    values |= self.bind_where(group, f"{name}_{n}_")
                continue
            encode = self._encoders.get(column)
            if op in ("in", "notin"):
                items = list(value)
                items += items[-1:] * (_bucket(len(items)) - len(items))
                for n, item in enumerate(items):
                    values[f"{name}_{n}"] = encode(item) if encode else item
            elif op in ("contains", "lacks", "like"):
                values[name] = value
            else:
                values[name] = encode(value) if encode else value
        return values


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
    "like": lambda column, value: column.like(value, escape="\\"),
}


class _position(sa.sql.functions.GenericFunction[int]):
    """Where a text begins in another, counted from 1; 0 if it is not there. LIKE would fold case in SQLite alone."""

    type = sa.Integer()
    inherit_cache = True


@compiles(_position, "sqlite")
def _instr(element: Any, compiler: Any, **more: Any) -> str:
    return f"instr({compiler.process(element.clauses, **more)})"


@compiles(_position, "postgresql")
def _strpos(element: Any, compiler: Any, **more: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **more)})"


def escape_like(text: str) -> str:
    """``text`` as itself inside a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def equalities(values: Mapping[str, Any]) -> list[Where]:
    """``{column: value}`` as conditions; a value of None asks for NULL."""
    return [
        Where(column, "isnull", True) if value is None else Where(column, "eq", value)
        for column, value in values.items()
    ]


def _index_name(table: str, columns: tuple[str, ...], kind: str) -> str:
    """PostgreSQL's names have at most 63 bytes; a longer one is cut and told apart by a hash."""
    name = f"{table}_{'_'.join(columns)}_{kind}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 13]}_{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}_{kind}"


def _shape(where: Sequence[Where]) -> tuple[Any, ...]:
    return tuple((w.column, w.op, _value_shape(w.op, w.value)) for w in where)


def _value_shape(op: str, value: Any) -> Any:
    """Whatever of a value changes the SQL."""
    if op == "isnull":
        return bool(value)
    if op in ("in", "notin"):
        return _bucket(len(value))
    if op in ("within", "without"):
        return value.table.name, value.column, _shape(value.where)
    return tuple(_shape(group) for group in value) if op == "any" else None


def _bucket(count: int) -> int:
    """Lists of values are padded to a power of two, so that few shapes of SQL serve all lengths."""
    return 1 << (count - 1).bit_length() if count > 1 else count


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The plain type of a field and whether it may be None."""
    if get_origin(annotation) in (Union, types.UnionType):
        plain = [a for a in get_args(annotation) if a is not type(None)]
        return (plain[0] if len(plain) == 1 else object), type(None) in get_args(annotation)
    return annotation, False


def _codec(kind: Any, annotation: Any) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    if kind is bool:
        return int, bool
    if kind in _COLUMN_TYPES:
        return None, None
    if isinstance(kind, type) and issubclass(kind, str):
        return str, kind
    if kind is msgspec.Raw:
        return (lambda value: bytes(value).decode()), msgspec.Raw
    decoder = msgspec.json.Decoder(annotation)
    return (lambda value: msgspec.json.encode(value).decode()), decoder.decode


def _decoders(fields: Iterable[Any]) -> list[tuple[int, Callable[[Any], Any]]]:
    """By position, for the columns that are not taken as they come."""
    found: list[tuple[int, Callable[[Any], Any]]] = []
    for index, field in enumerate(fields):
        kind, optional = _kind(field.type)
        _, decode = _codec(kind, field.type)
        if decode is not None:
            found.append((index, _optional(decode) if optional else decode))
    return found


def _optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)
