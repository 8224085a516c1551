"""The sentences that need a translation, and the catalogues that have them: ``python -m wolke.business.web.catalogues`` puts new ones into each
``messages.po`` and takes out those that nothing says any more.

They are found in templates and where ``_`` is called; in refusals (the first argument, and what stands beside fields); in tables of words (states,
roles, menus, deeds); and in the constants of those modules that tell how a price came about.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

import wolke.business
from wolke.business import sentences as sentences_kept
from wolke.business import verb
from wolke.business.openstack import reading
from wolke.business.resources import acts, files, fleet, known, views
from wolke.business.web import deeds, menu, signs
from wolke.business.web.words import FOLDER, LANGUAGES

_BUSINESS = Path(wolke.business.__file__).parent
_REFUSALS = frozenset(
    {"BusinessError", "Invalid", "NotSignedIn", "NotAllowed", "NotThere", "NotNow", "NeedsApproval", "TooOften", "CloudUnreachable"}
)  # fmt: skip
#: Calls whose argument at that place is a sentence for people.
_SAID = {"go": 1, "does": 2, "gettext": 0, "Step": 0, "Common": 0, "Fact": 0}
#: How a price came about is told in sentences, too; and what is wrong with a password.
_ARITHMETIC = ("rating/", "invoicing/due.py", "customers/password_rules.py")
#: What a server is in the middle of as soon as that is wished (``resources.verbs.servers``, ``resources.orders``).
_WISHED = ("starting", "stopping", "restarting", "being deleted", "being made", "changing its size")


def sentences() -> set[str | tuple[str, str]]:
    """Pairs are one and many."""
    return {*_templates(), *_code(), *_tables()} - {""}


def _templates() -> Iterator[str | tuple[str, str]]:
    for path in sorted((FOLDER.parent / "templates").glob("*.html")):
        options = {"trimmed": "false", "newstyle_gettext": "true"}
        with path.open("rb") as file:
            for _, _, message, _ in babel_extract(file, ("_", "gettext", "ngettext"), (), options):
                one, many = message[:2] if isinstance(message, tuple) else (message, None)
                if one:
                    yield (str(one), str(many)) if many else str(one)


def _code() -> Iterator[str]:
    for path in sorted(_BUSINESS.rglob("*.py")):
        if "demo" in path.parts or "migrations" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from _called(node)
            elif isinstance(node, ast.Assign):
                yield from _assigned(node)
        if path.relative_to(_BUSINESS).as_posix().startswith(_ARITHMETIC):
            yield from _constants(tree)


def _constants(tree: ast.Module) -> Iterator[str]:
    """What a module says under names of its own, where it says sentences."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from (text for text in _texts([node.value]) if " " in text)


def _called(call: ast.Call) -> Iterator[str]:
    name = (
        call.func.id
        if isinstance(call.func, ast.Name)
        else call.func.attr
        if isinstance(call.func, ast.Attribute)
        else ""
    )
    if name in _REFUSALS:
        yield from _texts(call.args[:1])
        yield from (
            text
            for word in call.keywords
            if word.arg == "fields" and isinstance(word.value, ast.Dict)
            for text in _texts(word.value.values)
        )
    elif name in _SAID:
        yield from _texts(call.args[_SAID[name] : _SAID[name] + 1])


def _assigned(node: ast.Assign) -> Iterator[str]:
    """``wrong["amount"] = "..."``: what stands beside fields, where it is gathered."""
    target = node.targets[0]
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id == "wrong":
        yield from _texts([node.value])


def _texts(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.IfExp):
            yield from _texts([node.body, node.orelse])


def _tables() -> Iterator[str]:
    yield from (sign.word for kinds in signs.SIGNS.values() for sign in kinds.values())
    yield from (text for pair in signs.ROLES.values() for text in pair)
    for words in (signs.STAFF, signs.STAFF_FOR, signs.KINDS, signs.ACCOUNTS, signs.WHY, signs.PAID_WITH, signs.MODELS):
        yield from words.values()
    yield from (*deeds.DEEDS.values(), *deeds.ACTS.values(), *deeds.NOUNS.values())
    yield from (*sentences_kept.TEMPLATES, *views.every_sentence(), *(said for _, said in verb.SENTENCES))
    yield from (
        *reading.DOING.values(),
        *reading.TASKS.values(),
        reading.AT_WORK,
        reading.NO_ROOM,
        reading.BROKEN,
        *_WISHED,
    )
    yield from (name for name, _ in known.FIELDS)
    yield from (verb.SECOND_STEP_FIRST, files.TOO_LARGE, fleet.NOT_RUNNING, acts.TOO_LONG, acts.WENT)
    for group in (*menu.CUSTOMER, *menu.PROVIDER):
        yield group.word
        yield from (item.word for item in group.items)


def read(language: str) -> Catalog:
    path = FOLDER / language / "LC_MESSAGES/messages.po"
    if not path.exists():
        return Catalog(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def missing(language: str) -> list[str | tuple[str, str]]:
    """What nobody has translated yet."""
    catalogue = read(language)
    found = []
    for sentence in sentences():
        message = catalogue.get(sentence if isinstance(sentence, str) else sentence[0])
        if message is None or not message.string or not all(message.string):
            found.append(sentence)
    return sorted(found, key=str)


def main() -> None:
    for language in LANGUAGES:
        if language == "en":
            continue
        old, new = read(language), Catalog(language)
        for sentence in sorted(sentences(), key=str):
            message = old.get(sentence if isinstance(sentence, str) else sentence[0])
            new.add(
                sentence,
                message.string
                if message is not None and message.string
                else ("", "")
                if isinstance(sentence, tuple)
                else "",
            )
        path = FOLDER / language / "LC_MESSAGES/messages.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, new, width=160, omit_header=False, no_location=True)
        print(f"{language}: {len(missing(language))} to translate", file=sys.stderr)


if __name__ == "__main__":
    main()
