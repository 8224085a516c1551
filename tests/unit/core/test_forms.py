"""multipart/form-data, however the network cuts it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wolke.core.http.forms import BadForm, Form, parameters

BOUNDARY = "----edge"


async def _cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def written(parts: list[tuple[dict[str, str], bytes]], boundary: str = BOUNDARY) -> bytes:
    lines = []
    for headers, data in parts:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        lines.append(f"--{boundary}\r\n{head}\r\n".encode() + data + b"\r\n")
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


async def read(data: bytes, size: int = 7, boundary: str = BOUNDARY) -> list[tuple[dict[str, str], bytes]]:
    found = []
    async for part in Form(_cut(data, size), boundary):
        found.append((part.headers, b"".join([chunk async for chunk in part.chunks()])))
    return found


@settings(max_examples=80, deadline=None)
@given(
    parts=st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(["content-type", "x-a"]), st.text("abc/ ;=", max_size=9).map(str.strip)),
            st.lists(st.sampled_from([b"\r\n", b"--", b"----edge", b"-", b"x", b"\r", b"\0"]), max_size=12).map(
                b"".join
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    size=st.integers(1, 60),
)
async def test_what_was_written_is_read_however_it_is_cut(parts: list[tuple[dict[str, str], bytes]], size: int) -> None:
    parts = [(headers, data.replace(b"----edge", b"----edg")) for headers, data in parts]
    assert await read(written(parts), size) == parts


@settings(max_examples=150, deadline=None)
@given(
    data=st.lists(
        st.sampled_from([b"------edge", b"\r\n", b"--", b"a: b", b"\xff", b":", b"\0", b" ", b"\n"]), max_size=14
    ).map(b"".join),
    size=st.integers(1, 20),
)
async def test_anything_is_read_or_refused(data: bytes, size: int) -> None:
    try:
        await read(data, size)
    except BadForm as refused:
        assert str(refused)


async def test_a_part_nobody_reads_is_passed_over() -> None:
    data = written([({"content-disposition": 'form-data; name="a"'}, b"x" * 5000), ({"x-a": "1"}, b"y")])
    assert [part.headers async for part in Form(_cut(data, 100), BOUNDARY)][1] == {"x-a": "1"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hello", "invalid starting boundary"),
        (b"------edge\r\na: b\r\n\r\ndata", "unexpected end of the form"),
        (b"------edge\r\n" + b"a: " + b"b" * 40_000 + b"\r\n\r\n\r\n------edge--", "part headers too long"),
        (b"------edge\r\n" + b"a" * 40_000, "part headers too long"),
        (b"------edge garbage\r\n\r\n", "invalid boundary"),
    ],
)
async def test_what_is_no_form_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(BadForm, match=said):
        await read(data, 8192)


async def test_a_field_too_long_is_refused_before_it_is_in_memory() -> None:
    with pytest.raises(BadForm, match="field too long"):
        async for part in Form(_cut(written([({}, b"x" * 100_000)]), 4096), BOUNDARY):
            await part.text(1000)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('form-data; name="a"; filename="b c.txt"', ("form-data", {"name": "a", "filename": "b c.txt"})),
        (r'Form-Data; NAME="a\"b"', ("form-data", {"name": 'a"b'})),
        ("multipart/form-data; boundary=abc", ("multipart/form-data", {"boundary": "abc"})),
        ("", ("", {})),
        ('x; a="unclosed', ("x", {})),
    ],
)
def test_parameters_of_a_header(value: str, expected: tuple[str, dict[str, str]]) -> None:
    word, found = parameters(value)
    assert word == expected[0]
    assert {name: text for name, text in found.items() if text} == expected[1]
