"""``wolke shell``: every verb of the point of purchase at a prompt, with completion, tables and JSON.

It knows nothing but the address: the verbs come from the portal's own OpenAPI page, so that a shell serves a portal that is newer than itself.

    servers.list PROJECT search=web limit=5
    invoices.explain INVOICE LINE
    help servers.order

The parameters of the path come first, in order, everything else is ``name=value``; a value that is JSON is taken as such.
"""

from __future__ import annotations

import json
import shlex
import ssl
import sys
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TIMEOUT_S = 60
_ANSWER_BYTES = 64 << 20
_WIDEST = 48  # columns of one cell
_COLUMNS = 9
_PREFIX = "/api/v1"


class Refused(Exception):
    """What the portal, or the line itself, has to say against it."""


@dataclass(frozen=True)
class Command:
    """One operation of the OpenAPI page. ``fields`` by name with their schemas; ``needed`` of them must be said."""

    name: str
    method: str
    path: str
    summary: str
    places: tuple[str, ...]
    fields: Mapping[str, Any]
    needed: frozenset[str]
    roles: tuple[str, ...]


def commands(page: Mapping[str, Any]) -> dict[str, Command]:
    """Every operation of an OpenAPI page, by its name."""
    found = {}
    for path, operations in page["paths"].items():
        for method, operation in operations.items():
            parameters = operation.get("parameters", [])
            fields = {one["name"]: one["schema"] for one in parameters if one["in"] == "query"}
            needed = {one["name"] for one in parameters if one["in"] == "query" and one.get("required")}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if body is not None:
                body = _resolved(body, page)
                fields |= {name: _resolved(schema, page) for name, schema in body.get("properties", {}).items()}
                needed |= set(body.get("required", ()))
            places = tuple(one["name"] for one in parameters if one["in"] == "path")
            name = operation["operationId"]
            roles = tuple(operation.get("x-roles", ()))
            found[name] = Command(
                name, method.upper(), path, operation.get("summary", ""), places, fields, frozenset(needed), roles
            )
    return dict(sorted(found.items()))


def _resolved(schema: Mapping[str, Any], page: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    return page["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema


class Shell:
    def __init__(self, url: str, key: str, certificate: Path | None = None) -> None:
        self._url = url.rstrip("/") + _PREFIX
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise Refused(f"{url!r} is no address of a portal: it must begin with http:// or https://.")
        self._key = key
        self._tls = ssl.create_default_context(cafile=str(certificate) if certificate else None)
        self.commands = commands(self._ask("GET", "/openapi.json"))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, method=method)  # noqa: S310 - http or https, as checked
        request.add_header("Accept", "application/json")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self._key:
            request.add_header("Authorization", f"Bearer {self._key}")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=self._tls) as answer:  # noqa: S310
                return _read(answer.headers.get_content_type(), answer.read(_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            raise Refused(_refusal(error.read(_ANSWER_BYTES), error.code)) from None
        except (OSError, ValueError) as error:
            raise Refused(f"{self._url} does not answer: {getattr(error, 'reason', error)}") from None

    def run(self, line: str) -> Any:
        """What the verb on this line answers. ``Refused`` with the reason."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise Refused(f"The line cannot be read: {error}.") from None
        command = self.commands.get(words[0])
        if command is None:
            near = [name for name in self.commands if words[0].lower() in name]
            raise Refused(f"There is no {words[0]!r}." + (f" Is it {', '.join(near[:5])}?" if near else " See: help"))
        places, fields = _arguments(command, words[1:])
        path = command.path
        for name, value in zip(command.places, places, strict=True):
            path = path.replace(f"{{{name}}}", urllib.parse.quote(value, safe=""))
        if command.method == "GET":
            query = urllib.parse.urlencode({name: _text(value) for name, value in fields.items()})
            return self._ask("GET", path + (f"?{query}" if query else ""))
        return self._ask(command.method, path, fields)


def _arguments(command: Command, words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    places: list[str] = []
    fields: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name in command.fields:
            fields[name] = _value(value, command.fields[name])
        elif len(places) < len(command.places):
            places.append(word)
        else:
            raise Refused(f"{command.name} takes no {word!r}. See: help {command.name}")
    missing = [*command.places[len(places) :], *sorted(command.needed - set(fields))]
    if missing:
        raise Refused(f"{command.name} needs {', '.join(missing)}. See: help {command.name}")
    return places, fields


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    """Text stays text where text is wanted, so that a name may be 42."""
    if schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read(kind: str, raw: bytes) -> Any:
    return json.loads(raw) if raw and kind.endswith("json") else (raw or None)


def _refusal(raw: bytes, status: int) -> str:
    try:
        error = json.loads(raw)["error"]
        lines = [str(error["message"]), *(f"  {name}: {text}" for name, text in error.get("fields", {}).items())]
    except (ValueError, KeyError, TypeError):
        return f"The portal answered {status}."
    return "\n".join(map(_printable, lines))


# -- what is shown


def explain(command: Command) -> str:
    """For ``help NAME``."""
    words = [command.name, *command.places, *(f"{name}=…" for name in command.fields if name in command.needed)]
    lines = [command.summary, "", "  " + " ".join(words), f"  {command.method} {_PREFIX}{command.path}"]
    if command.roles:
        lines.append(f"  for: {', '.join(command.roles)}")
    if command.fields:
        lines.append("")
    for name, schema in command.fields.items():
        kind = "|".join(map(str, schema["enum"])) if "enum" in schema else schema.get("type", "")
        lines.append(f"  {name:<20} {kind}{' (needed)' if name in command.needed else ''}")
    return "\n".join(lines)


def render(answer: Any) -> Iterator[str]:
    """A list as a table, a record as its fields, anything else as it is."""
    if isinstance(answer, dict) and isinstance(answer.get("items"), list):
        yield from _table(answer["items"])
        yield f"{len(answer['items'])} of {answer.get('total', len(answer['items']))}" + (
            f", the next: after={answer['after']}" if answer.get("after") else ""
        )
    elif isinstance(answer, list):
        yield from _table(answer)
    elif isinstance(answer, dict):
        width = max(map(len, answer), default=0)
        yield from (f"{name:<{width}}  {_cell(value, 400)}" for name, value in answer.items())
    elif answer is not None:
        yield _cell(answer, 4000)


def _table(rows: Sequence[Any]) -> Iterator[str]:
    if not rows:
        return
    if not all(isinstance(row, dict) for row in rows):
        yield from (_cell(row, 200) for row in rows)
        return
    names = [name for name in rows[0] if not isinstance(rows[0][name], dict | list)][:_COLUMNS]
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(_width(line[at]) for line in cells) for at in range(len(names))]
    for number, line in enumerate(cells):
        yield "  ".join(text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)).rstrip()
        if number == 0:
            yield "  ".join("─" * width for width in widths)


def _cell(value: Any, most: int = _WIDEST) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    text = _printable(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _printable(text: str) -> str:
    """Names are other people's: nothing of them may steer a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


# -- at the prompt


def completions(known: Mapping[str, Command], before: str) -> Iterable[tuple[str, str]]:
    """What may stand where the cursor is, and what it means."""
    words = before.split(" ")
    if len(words) == 1 or (len(words) == 2 and words[0] == "help"):
        extra = [("help", "what there is"), ("exit", "")] if len(words) == 1 else []
        every = [*((name, command.summary) for name, command in known.items()), *extra]
        return [(name, meaning) for name, meaning in every if name.startswith(words[-1])]
    command = known.get(words[0])
    if command is None:
        return []
    name, equals, value = words[-1].partition("=")
    if equals:
        values = command.fields.get(name, {}).get("enum", ())
        return [(f"{name}={one}", "") for one in values if str(one).startswith(value)]
    said = {word.partition("=")[0] for word in words[1:-1]}
    left = [one for one in command.fields if one.startswith(words[-1]) and one not in said]
    return [(f"{one}=", "needed" if one in command.needed else "") for one in left]


def run(url: str, key: str, line: Sequence[str], *, certificate: Path | None, as_json: bool) -> int:
    """``line``: one command, else a prompt. Exit code 1 if it was refused."""
    try:
        shell = Shell(url, key, certificate)
        if line:
            _show(_said(shell, shlex.join(line)), as_json=as_json)
            return 0
    except Refused as error:
        print(f"wolke: {error}", file=sys.stderr)
        return 1
    return _prompt(shell, url, as_json=as_json)


def _said(shell: Shell, line: str) -> Any:
    word, _, rest = line.strip().partition(" ")
    if word != "help":
        return shell.run(line)
    if rest.strip():
        command = shell.commands.get(rest.strip())
        if command is None:
            raise Refused(f"There is no {rest.strip()!r}.")
        return explain(command).encode()
    width = max(map(len, shell.commands), default=0)
    return "\n".join(f"{name:<{width}}  {command.summary}" for name, command in shell.commands.items()).encode()


def _show(answer: Any, *, as_json: bool) -> None:
    if isinstance(answer, bytes):
        sys.stdout.flush()
        sys.stdout.buffer.write(answer + (b"" if answer.endswith(b"\n") or not sys.stdout.isatty() else b"\n"))
        sys.stdout.buffer.flush()
    elif as_json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        for text in render(answer):
            print(text)


def _prompt(shell: Shell, url: str, *, as_json: bool) -> int:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.history import InMemoryHistory

    class Verbs(Completer):
        def get_completions(self, document: Any, event: Any) -> Iterator[Completion]:
            before = document.text_before_cursor
            for text, meaning in completions(shell.commands, before):
                yield Completion(text, -len(before.rpartition(" ")[2]), display_meta=meaning)

    # Kept in memory alone: a line may hold a password.
    session: PromptSession[str] = PromptSession(
        history=InMemoryHistory(), completer=Verbs(), complete_while_typing=False
    )
    print(f"{len(shell.commands)} verbs at {url}. Tab completes, `help NAME` explains, Ctrl-D ends.")
    while True:
        try:
            line = session.prompt("wolke> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if line in ("exit", "quit"):
            return 0
        if line:
            try:
                _show(_said(shell, line), as_json=as_json)
            except Refused as error:
                print(error, file=sys.stderr)
