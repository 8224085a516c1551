"""S3's XML, in and out.

In: expat, with everything that an attacker wants of it turned off. Entities beyond the five of XML itself are never expanded
(an internal one reads as nothing, an external one is never fetched), depth and number of elements are bounded, and the text
comes in one bounded piece. Names lose their namespace: clients differ in whether they send it.

Out: strings. A listing of 1,000 keys is a few thousand concatenations, where a tree would be as many objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.parsers import expat
from xml.sax.saxutils import escape as _escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DEPTH = 12
_ELEMENTS = 60_000
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_SPACE = re.compile(r"\s")
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

#: An element to be: a name with text, or XML that is ready.
Part = tuple[str, str] | str


class Malformed(Exception):
    """It is no XML, or more of it than anybody needs."""


class Node:
    """One element: ``name`` without namespace, ``text`` as it stands, ``kind`` its xsi:type."""

    __slots__ = ("children", "kind", "name", "text")

    def __init__(self, name: str, kind: str = "") -> None:
        self.name = name
        self.kind = kind
        self.text = ""
        self.children: list[Node] = []

    def find(self, path: str) -> Node | None:
        node: Node | None = self
        for name in path.split("/"):
            node = next((child for child in node.children if child.name == name), None) if node else None
        return node

    def all(self, name: str) -> Iterator[Node]:
        return (child for child in self.children if child.name == name)

    def get(self, path: str) -> str | None:
        """The text of an element below, stripped; None if it is not there."""
        found = self.find(path)
        return None if found is None else found.text.strip()

    def names(self) -> set[str]:
        return {child.name for child in self.children}


class _Reader:
    def __init__(self) -> None:
        self.root: Node | None = None
        self.stack: list[Node] = []
        self.texts: list[list[str]] = []
        self.count = 0
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        # With a handler of its own expat hands internal entities over unexpanded; nobody asks for them.
        parser.DefaultHandler = _nothing
        parser.ExternalEntityRefHandler = _skip_entity

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > _ELEMENTS or len(self.stack) >= _DEPTH:
            raise Malformed
        kind = next((value for key, value in attributes.items() if key.endswith(" type")), "")
        node = Node(name.rpartition(" ")[2], kind.rpartition(":")[2])
        if self.stack:
            self.stack[-1].children.append(node)
        elif self.root is None:
            self.root = node
        self.stack.append(node)
        self.texts.append([])

    def end(self, name: str) -> None:
        self.stack.pop().text = "".join(self.texts.pop())

    def characters(self, text: str) -> None:
        if self.texts:
            self.texts[-1].append(text)


def _nothing(data: str) -> None:
    """Comments, processing instructions, entity references."""


def _skip_entity(*_: object) -> int:
    return 1


def parse(data: bytes, root: str) -> Node:
    """The document, whose outermost element must be ``root``. Raises ``Malformed``. The caller bounds ``data``."""
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, UnicodeError, ValueError):
        raise Malformed from None
    if reader.root is None or reader.root.name != root:
        raise Malformed
    return reader.root


def escape(text: str) -> str:
    return _escape(text, {"\r": "&#13;"})


def printable(text: str) -> str:
    """Without what XML 1.0 cannot hold at all."""
    return _FORBIDDEN.sub("\ufffd", text)


def element(name: str, *parts: Part) -> str:
    inside = "".join(part if isinstance(part, str) else _leaf(*part) for part in parts)
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


def _leaf(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>"


def tree(node: Node) -> str:
    """An element as it was read, without namespaces and what stood between elements."""
    if node.children:
        return element(node.name, *(tree(child) for child in node.children))
    return _leaf(node.name, node.text)


def leaf(name: str, text: str) -> str:
    return _leaf(name, text)


def optional(name: str, text: str | None) -> str:
    return "" if text is None else _leaf(name, text)


def document(name: str, *parts: Part, namespace: bool = True) -> bytes:
    inside = "".join(part if isinstance(part, str) else _leaf(*part) for part in parts)
    head = f'{name} xmlns="{NAMESPACE}"' if namespace else name
    return f"{_DECLARATION}<{head}>{inside}</{name}>".encode("utf-8", "replace")


def boolean(value: bool) -> str:
    return "true" if value else "false"
