"""The route table and the trie that finds a row in 2 µs, however many rows there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wolke.core.microversion import Version, parse

Handler = Callable[..., Awaitable[Any]]

BODY_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Route:
    """One row: what a method on a path does and who may.

    ``path``        ``/servers/{server_id}``; a last ``{name*}`` takes the rest with its slashes.
    ``handler``     ``async (service, ctx, request) -> dict | list | None | Response``.
    ``rule``        the policy rule asked before the handler, with the caller's own project as the target; None where the
                    handler asks itself because the target is a resource (it must, then) or anyone with a token may.
    ``status``      of an answer that is not a ``Response``.
    ``body``        JSON schema of the newest body; without it a body is not read. ``noun`` names it in ``versions.py``.
    ``query``       the parameters of the query string; others are refused ``strict`` onwards (a microversion), which for a
                    GET may be said once for all, in ``Api.strict_queries``.
    ``view``        the noun of the answer in ``versions.py``: found under its own name or its plural in the answer.
    ``since``/``until``  the microversions in which the route is there.
    ``auth``        False: no token needed.
    ``stream``      the body is not JSON: the handler reads ``request.stream()``.
    """

    method: str
    path: str
    handler: Handler
    rule: str | None = None
    status: int = 200
    body: Mapping[str, Any] | None = None
    noun: str = ""
    query: Collection[str] = ()
    strict: str = ""
    view: str = ""
    since: str = "0.0"
    until: str = "9999.0"
    auth: bool = True
    stream: bool = False
    body_limit_bytes: int = BODY_LIMIT_BYTES
    window: tuple[Version, Version] = field(init=False, repr=False, compare=False, default=((0, 0), (9999, 0)))
    strict_since: Version | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        low = (0, 0) if self.since == "0.0" else parse(self.since)
        object.__setattr__(self, "window", (low, parse(self.until)))
        if self.strict:
            object.__setattr__(self, "strict_since", parse(self.strict))

    def served(self, version: Version) -> bool:
        return self.window[0] <= version <= self.window[1]


class _Node:
    __slots__ = ("any", "any_name", "methods", "rest", "rest_name", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.any_name = ""
        self.rest: _Node | None = None
        self.rest_name = ""
        self.methods: dict[str, list[Route]] = {}


class Trie:
    """``find`` prefers a literal word to a parameter, and a parameter to the rest of the path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node, names = self._root, []
            for word in _words(route.path):
                node, name = _step(node, word)
                if name:
                    names.append(name)
            node.methods.setdefault(route.method, []).append(route)
            if route.method == "GET":
                node.methods.setdefault("HEAD", [])

    def find(self, path: str) -> tuple[Mapping[str, Sequence[Route]], dict[str, str]] | None:
        """The rows of each method at ``path``, and its parameters by name. ``path`` is already percent-decoded."""
        words = _words(path)
        params: list[tuple[str, str]] = []
        node = _walk(self._root, words, 0, params)
        return None if node is None else (node.methods, dict(params))


def _words(path: str) -> list[str]:
    path = path.strip("/")
    return path.split("/") if path else []


def _step(node: _Node, word: str) -> tuple[_Node, str]:
    if word.startswith("{") and word.endswith("*}"):
        node.rest = node.rest or _Node()
        node.rest_name = word[1:-2]
        return node.rest, node.rest_name
    if word.startswith("{"):
        node.any = node.any or _Node()
        if node.any_name not in ("", word[1:-1]):
            raise ValueError(f"one place in a path has two names: {node.any_name} and {word[1:-1]}")
        node.any_name = word[1:-1]
        return node.any, node.any_name
    return node.words.setdefault(word, _Node()), ""


def _walk(node: _Node, words: list[str], at: int, params: list[tuple[str, str]]) -> _Node | None:
    if at == len(words):
        return node if node.methods else None
    word = words[at]
    following = node.words.get(word)
    if following is not None:
        found = _walk(following, words, at + 1, params)
        if found is not None:
            return found
    if node.any is not None and word:
        params.append((node.any_name, word))
        found = _walk(node.any, words, at + 1, params)
        if found is not None:
            return found
        params.pop()
    if node.rest is not None:
        params.append((node.rest_name, "/".join(words[at:])))
        return node.rest
    return None
