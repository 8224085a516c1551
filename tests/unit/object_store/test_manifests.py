"""The list of segments of a static large object: read, checked and kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wolke.core.errors import BadRequest
from wolke.object_store.filters import manifests
from wolke.object_store.filters.manifests import Segment, Span, Wanted


def parse(found: Any) -> list[Wanted]:
    return manifests.parse(json.dumps(found).encode(), "box/whole")


def test_all_that_an_entry_may_say() -> None:
    found = parse(
        [
            {"path": "/box/a", "etag": "e", "size_bytes": "10", "range": "2-5"},
            {"path": "box/b/c", "etag": None, "size_bytes": None},
            {"data": base64.b64encode(b"hello").decode().rstrip("=")},
        ]
    )
    assert found == [
        Wanted("/box/a", "e", 10, Span(2, 5)),
        Wanted("box/b/c"),
        Wanted(data=b"hello"),
    ]
    assert [one.place for one in found[:2]] == [("box", "a"), ("box", "b/c")]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (1, "not a JSON object"),
        ({}, "expected keys to include one of 'data' or 'path'"),
        ({"path": "/a/b", "more": 1}, 'extraneous keys "more"'),
        ({"path": 1}, '"path" must be a string'),
        ({"path": "/a/b", "etag": 1}, '"etag" must be a string'),
        ({"path": "/a"}, "path does not refer to an object"),
        ({"path": "/a/\x00"}, "without NUL"),
        ({"path": "/a/\ud800"}, "valid UTF-8"),
        ({"path": "/a/b", "size_bytes": "many"}, "invalid size_bytes"),
        ({"path": "/a/b", "size_bytes": 1e300}, "invalid size_bytes"),
        ({"path": "/a/b", "size_bytes": "9" * 5000}, "invalid size_bytes"),
        ({"path": "/a/b", "size_bytes": 0}, "too small"),
        ({"path": "/a/b", "size_bytes": True}, "invalid size_bytes"),
        ({"path": "/box/whole"}, "must not include itself"),
        ({"path": "/a/b", "range": "x"}, "invalid range"),
        ({"path": "/a/b", "range": "-"}, "invalid range"),
        ({"path": "/a/b", "range": "5-2"}, "invalid range"),
        ({"path": "/a/b", "range": 7}, "invalid range"),
        ({"path": "/a/b", "range": "0-1,3-4"}, "multiple ranges"),
        ({"path": "/a/b", "range": "10-", "size_bytes": 10}, "unsatisfiable range"),
        ({"data": 1}, "data must be valid base64"),
        ({"data": "§"}, "data must be valid base64"),
        ({"data": ""}, "too small"),
    ],
)
def test_what_is_wrong_is_said_by_index(entry: Any, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse([{"path": "/a/first"}, entry, {"path": "/a/last", "size_bytes": 0}])
    assert refused.value.message.startswith("Index 1: ")
    assert said in refused.value.message


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadRequest) as refused:
        parse([1, {"path": "/a/b"}, "x"])
    assert refused.value.message == "Index 0: not a JSON object\nIndex 2: not a JSON object\n"


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b"{}", b"7", b"null"])
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="Manifest must be"):
        manifests.parse(body, "box/whole")


def test_data_alone_is_no_large_object() -> None:
    with pytest.raises(BadRequest, match="at least one object-backed segment"):
        parse([{"data": "aGk="}])


_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["path", "etag", "size_bytes", "range", "data", "x"]), _values) | _values,
        max_size=4,
    )
)
def test_any_json_is_read_or_refused(found: Any) -> None:
    try:
        for one in manifests.parse(json.dumps(found).encode("utf-8", "surrogatepass"), "box/whole"):
            assert one.path or one.data
    except BadRequest as refused:
        assert refused.message


@given(st.integers(0, 30) | st.none(), st.integers(0, 30) | st.none(), st.integers(0, 20))
def test_a_range_is_what_python_would_slice(first: int | None, last: int | None, size: int) -> None:
    if (first is None and last is None) or (first is not None and last is not None and first > last):
        return
    data = bytes(range(size))
    if first is None:
        assert last is not None
        wanted = data[-last:] if last else b""
    else:
        wanted = data[first:] if last is None else data[first : last + 1]
    place = Span(first, last).within(size)
    assert (data[place[0] : place[1] + 1] if place else b"") == wanted


def test_what_is_kept_comes_back() -> None:
    segments = [
        Segment("/box/a", 10, "e1", "text/plain", "2026-01-01T00:00:00.000000", "2-5"),
        Segment("/box/b", 4, "e2", sub_slo=True),
        Segment(data="aGk="),
    ]
    data = manifests.stored(segments)
    assert manifests.load(data) == segments
    assert [segment.size for segment in segments] == [4, 4, 2]
    assert json.loads(data)[2] == {"data": "aGk="}
    assert json.loads(manifests.raw(segments)) == [
        {"path": "/box/a", "etag": "e1", "size_bytes": 10, "range": "2-5"},
        {"path": "/box/b", "etag": "e2", "size_bytes": 4},
        {"data": "aGk="},
    ]
    again = manifests.parse(manifests.raw(segments), "box/whole")
    assert again[0].span == Span(2, 5)
