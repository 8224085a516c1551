"""Every table is complete: routes have rules and tests, rules are used, pages are fresh, the schema is the records'."""

import runpy
import sqlite3
from importlib import import_module
from pathlib import Path

import pytest

from wolke.business.migrations import BUSINESS
from wolke.core.config import describe
from wolke.core.http import Route
from wolke.migrations import CLOUD

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "image", "placement", "network", "block_storage", "compute")
TABLES = [(service, route) for service in SERVICES for route in import_module(f"wolke.{service}.api").ROUTES]


def name(entry: tuple[str, Route]) -> str:
    return f"{entry[0]} {entry[1].method} {entry[1].path}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_rule_that_a_route_names_is_there(service: str) -> None:
    rules = {rule.name for rule in import_module(f"wolke.{service}.policy").RULES}
    named = {route.rule for one, route in TABLES if one == service and route.rule}
    assert named <= rules


@pytest.mark.parametrize("service", SERVICES)
def test_every_rule_has_a_check_that_compiles(service: str) -> None:
    from wolke.core.policy import Policy

    Policy(import_module(f"wolke.{service}.policy").RULES)


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_that_takes_json_has_a_schema(service: str) -> None:
    for one, route in TABLES:
        if one == service and route.body is not None:
            assert route.body.get("type") == "object" or "anyOf" in route.body or "oneOf" in route.body or route.body


def test_every_filter_of_the_object_store_has_its_place() -> None:
    from wolke.object_store.filters import PIPELINE

    folder = ROOT / "src/wolke/object_store/filters"
    modules = [import_module(f"wolke.object_store.filters.{path.stem}") for path in folder.glob("[!_]*.py")]
    made = [value for module in modules for key, value in vars(module).items() if key == f"filter_{_last(module)}"]
    assert sorted(map(_name, PIPELINE)) == sorted(map(_name, made))


def test_an_operation_of_s3_is_said_once() -> None:
    from wolke.object_store.s3.routes import ROWS

    said = [(row.method, row.noun, row.sub) for row in ROWS]
    assert len(said) == len(set(said))


def _last(module: object) -> str:
    return str(getattr(module, "__name__", "")).rpartition(".")[2]


def _name(one: object) -> str:
    return str(getattr(one, "__name__", ""))


def test_every_option_is_explained() -> None:
    from wolke.app import SECTIONS

    for section, kind in SECTIONS.items():
        for option, _, _, help_text in describe(kind):
            assert help_text.endswith((".", ")")), f"[{section}] {option} needs a sentence"


def test_the_reference_pages_are_fresh() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    for page, content in generate["pages"]().items():
        assert (ROOT / "docs/reference" / page).read_text() == content, f"run: just reference ({page})"


HISTORIES = {"wolke": CLOUD, "wolke.business": BUSINESS}


@pytest.mark.parametrize("package", HISTORIES)
async def test_the_migrations_make_what_the_records_say(package: str, tmp_path: Path) -> None:
    import sqlalchemy as sa
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from wolke.core.records import METADATA

    history = HISTORIES[package]
    history.load()
    await history.upgrade(f"sqlite:///{tmp_path}/scratch.db")
    engine = sa.create_engine(f"sqlite:///{tmp_path}/scratch.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        known = set(history.tables())
        differences = [d for d in compare_metadata(context, METADATA) if touches(d, known)]
    engine.dispose()
    assert differences == [], f"run: python -m {package}.migrations 'what changed'"
    connection = sqlite3.connect(tmp_path / "scratch.db")
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (history.head(),)
    connection.close()


def touches(difference: object, known: set[str]) -> bool:
    """Tests declare tables of their own in the same registry; those are nobody's schema."""
    return any(f"'{table}'" in str(difference) or f"({table}." in str(difference) for table in known)
