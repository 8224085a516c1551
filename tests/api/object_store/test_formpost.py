"""Uploads from a browser's form."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

BOUNDARY = "----edge"


def form(swift: Any, files: dict[str, bytes], path: str = "/c/up-", key: str = "secret", **fields: str) -> bytes:
    """``digest``, and ``signature`` in place of the right one; other fields as they are."""
    digest = fields.pop("digest", "sha256")
    fields = {
        "redirect": "", "max_file_size": "100", "max_file_count": "3",
        "expires": str(int(swift.clock.time()) + 60), **fields,
    }  # fmt: skip
    message = "\n".join(
        (swift.at(path), *(fields[n] for n in ("redirect", "max_file_size", "max_file_count", "expires")))
    )
    fields.setdefault("signature", hmac.new(key.encode(), message.encode(), digest).hexdigest())
    parts = [f'Content-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()]
    for name, data in files.items():
        head = (
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/{len(name)}\r\n\r\n'
        )
        parts.append(head.encode() + data + b"\r\n")
    edge = f"--{BOUNDARY}\r\n".encode()
    return edge + edge.join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def send(swift: Any, body: bytes, path: str = "/c/up-") -> Any:
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    cut = [body[at : at + 37] for at in range(0, len(body), 37)]
    return await swift.nobody.request("POST", swift.at(path), content=cut, headers=headers)


@pytest.fixture(autouse=True)
async def site(swift: Any) -> None:
    await swift.container()
    await swift.ann.post("", headers={"x-account-meta-temp-url-key": "secret"})


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
async def test_several_files_at_once(swift: Any, digest: str) -> None:
    answer = await send(swift, form(swift, {"a": b"one", "bc": b"two\r\n--"}, digest=digest))
    assert (answer.status, answer.body) == (201, b"201 Created")
    assert await swift.names("/c") == ["up-a", "up-bc"]
    found = await swift.ann.get("/c/up-bc")
    assert (found.body, found.headers["content-type"]) == (b"two\r\n--", "text/2")


async def test_the_container_itself_takes_files(swift: Any) -> None:
    for path in ("/c", "/c/"):
        assert (await send(swift, form(swift, {"a": b"1"}, path), path)).status == 201
        assert await swift.names("/c") == ["a"]


async def test_what_is_too_large_leaves_nothing(swift: Any) -> None:
    answer = await send(swift, form(swift, {"a": b"ok", "b": b"x" * 101, "c": b"never"}))
    assert (answer.status, answer.body) == (400, b"FormPost: max_file_size exceeded")
    assert await swift.names("/c") == ["up-a"]
    assert (await send(swift, form(swift, {"d": b"x" * 100}))).status == 201


async def test_too_many_files(swift: Any) -> None:
    answer = await send(swift, form(swift, {"a": b"1", "b": b"2"}, max_file_count="1"))
    assert (answer.status, answer.body) == (400, b"400 Bad Request\r\nFormPost: Max File Count Exceeded")


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"signature": "f" * 64}, 401, b"FormPost: Invalid Signature"),
        ({"signature": "nonsense"}, 401, b"FormPost: Invalid Signature"),
        ({"expires": "1000"}, 401, b"FormPost: Form Expired"),
        ({"expires": "later"}, 400, b"FormPost: expires not an integer"),
        ({"max_file_size": "big"}, 400, b"FormPost: max_file_size not an integer"),
        ({"max_file_count": "²"}, 400, b"FormPost: max_file_count not an integer"),
        ({"x_delete_at": "soon"}, 400, b"FormPost: x_delete_at not an integer: Unix timestamp required."),
        ({"redirect": "x" * 5000}, 400, b"FormPost: field too long"),
    ],
)
async def test_what_is_refused(swift: Any, fields: dict[str, str], status: int, said: bytes) -> None:
    answer = await send(swift, form(swift, {"a": b"1"}, **fields))
    assert (answer.status, answer.body) == (status, said)
    assert await swift.names("/c") == []


async def test_a_form_that_breaks_off_leaves_nothing(swift: Any) -> None:
    whole = form(swift, {"a": b"x" * 90})
    answer = await send(swift, whole[:-60])
    assert (answer.status, answer.body) == (400, b"FormPost: unexpected end of the form")
    assert (await send(swift, b"no form at all")).body == b"FormPost: invalid starting boundary"
    assert await swift.names("/c") == []


async def test_an_account_without_keys_takes_no_forms(swift: Any) -> None:
    await swift.ann.post("", headers={"x-account-meta-temp-url-key": ""})
    assert (await send(swift, form(swift, {"a": b"1"}))).status == 401


async def test_the_browser_is_sent_on(swift: Any) -> None:
    answer = await send(swift, form(swift, {"a": b"1"}, redirect="https://site.example/done?x=1"))
    assert answer.status == 303
    assert answer.headers["location"] == "https://site.example/done?x=1&status=201&message="
    answer = await send(swift, form(swift, {}, redirect="https://site.example/done"))
    assert answer.headers["location"].endswith("done?status=400&message=no%20files%20to%20process")


async def test_files_may_go_by_themselves(swift: Any) -> None:
    assert (await send(swift, form(swift, {"a": b"1"}, x_delete_after="60"))).status == 201
    assert "x-delete-at" in (await swift.ann.get("/c/up-a")).headers
