"""The shell: lines become requests, answers become tables, completion knows what is left to say."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from wolke.business.shell import Refused, Shell, completions, explain, render

PAGE = {
    "paths": {
        "/projects/{project_id}/servers": {
            "get": {
                "operationId": "servers.list", "summary": "List servers", "x-roles": ["owner"],
                "parameters": [
                    {"name": "project_id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "search", "in": "query", "required": False, "schema": {"type": "string"}},
                ],
            },
            "post": {
                "operationId": "servers.order", "summary": "Order a server",
                "parameters": [{"name": "project_id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
            },
        },
    },
    "components": {
        "schemas": {
            "Order": {
                "type": "object", "required": ["name"],
                "properties": {"name": {"type": "string"}, "count": {"type": "integer"}, "size": {"enum": ["S", "M"]}},
            }
        }
    },
}  # fmt: skip


class Portal(BaseHTTPRequestHandler):
    """A door that answers what it was asked."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/api/v1/openapi.json":
            said: Any = PAGE
        elif b"refuse" in body:
            said = {"error": {"message": "Please check.", "fields": {"name": "Not \x1b[31mthat\x1b[0m."}}}
        else:
            said = {"method": self.command, "path": self.path, "body": json.loads(body or b"null"),
                    "key": self.headers.get("Authorization")}  # fmt: skip
        raw = json.dumps(said).encode()
        self.send_response(400 if "error" in said else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = answer

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    server = HTTPServer(("127.0.0.1", 0), Portal)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Shell(f"http://127.0.0.1:{server.server_port}", "k1")
    server.shutdown()
    thread.join()
    server.server_close()


def test_places_come_first_and_the_rest_by_name(shell: Shell) -> None:
    asked = shell.run("servers.list p/1 search='web 1'")
    assert asked["path"] == "/api/v1/projects/p%2F1/servers?search=web+1"
    assert asked["key"] == "Bearer k1"
    asked = shell.run("servers.order p1 name=42 count=2 size=S")
    assert (asked["method"], asked["body"]) == ("POST", {"name": "42", "count": 2, "size": "S"})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("servers.order p1", "needs name"),
        ("servers.list", "needs project_id"),
        ("servers.list p1 more", "takes no 'more'"),
        ("servers.lst", "There is no 'servers.lst'"),
        ("list", "Is it servers.list?"),
        ("servers.list 'p1", "cannot be read"),
    ],
)
def test_a_line_that_cannot_be_says_why(shell: Shell, line: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        shell.run(line)


def test_a_refusal_names_the_fields_and_steers_no_terminal(shell: Shell) -> None:
    with pytest.raises(Refused) as refused:
        shell.run("servers.order p1 name=refuse")
    assert "Please check.\n  name: Not" in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_nobody_there_is_said() -> None:
    with pytest.raises(Refused, match="does not answer"):
        Shell("http://127.0.0.1:9", "")
    with pytest.raises(Refused, match="no address"):
        Shell("file:///etc", "")


def test_completion_offers_verbs_then_what_is_left_to_say(shell: Shell) -> None:
    def offered(before: str) -> list[str]:
        return [text for text, _ in completions(shell.commands, before)]

    assert offered("servers.o") == ["servers.order"]
    assert offered("help servers.") == ["servers.list", "servers.order"]
    assert offered("servers.order p1 name=x ") == ["count=", "size="]
    assert offered("servers.order p1 size=") == ["size=S", "size=M"]


def test_a_list_is_a_table_and_says_where_it_goes_on() -> None:
    rows = [{"name": "web", "cost": "8.57", "tags": []}, {"name": "日本", "cost": None, "tags": []}]
    lines = list(render({"items": rows, "total": 5, "after": "x1"}))
    assert lines == ["name  cost", "────  ────", "web   8.57", "日本  –", "2 of 5, the next: after=x1"]


def test_help_shows_what_a_verb_takes(shell: Shell) -> None:
    text = explain(shell.commands["servers.order"])
    assert "servers.order project_id name=…" in text
    assert "S|M" in text
