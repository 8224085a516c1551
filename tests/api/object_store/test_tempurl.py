"""Temporary URLs: what one lets do, for whom, until when, and nothing else."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import quote

import pytest


def url(swift: Any, path: str, method: str = "GET", key: str = "secret", digest: str = "sha256", **more: str) -> str:
    """Of ann's object. ``prefix`` and ``ip`` are signed; ``until`` is 1 hour from now."""
    until = more.pop("until", str(int(swift.clock.time()) + 3600))
    signed = swift.at(path) if "prefix" not in more else f"prefix:{swift.at('/c/')}{more['prefix']}"
    message = f"{method}\n{until}\n{signed}"
    if "ip" in more:
        message = f"ip={more['ip']}\n{message}"
    signature = hmac.new(key.encode(), message.encode(), digest).hexdigest()
    query = f"temp_url_sig={signature}&temp_url_expires={until}"
    names = {"prefix": "temp_url_prefix", "ip": "temp_url_ip_range", "filename": "filename", "inline": "inline"}
    query += "".join(f"&{names[name]}={quote(value)}" for name, value in more.items())
    return f"{quote(swift.at(path))}?{query}"


@pytest.fixture(autouse=True)
async def site(swift: Any) -> None:
    await swift.container()
    await swift.container("other")
    await swift.object("/c/o", b"hello", x_object_meta_mine="1", x_object_meta_public_ours="2")
    await swift.object("/other/o", b"other")
    await swift.ann.post("", headers={"x-account-meta-temp-url-key": "secret"})
    await swift.ann.post("/c", headers={"x-container-meta-temp-url-key-2": "of the container"})


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
async def test_whoever_holds_the_url_reads(swift: Any, digest: str) -> None:
    answer = await swift.nobody.get(url(swift, "/c/o", digest=digest))
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["content-disposition"] == "attachment; filename=\"o\"; filename*=UTF-8''o"
    assert answer.headers["x-object-meta-public-ours"] == "2"
    assert "x-object-meta-mine" not in answer.headers
    assert "expires" in answer.headers


async def test_reading_lets_look_but_not_the_other_way_round(swift: Any) -> None:
    assert (await swift.nobody.request("HEAD", url(swift, "/c/o"))).status == 200
    assert (await swift.nobody.request("HEAD", url(swift, "/c/o", "PUT"))).status == 200
    assert (await swift.nobody.get(url(swift, "/c/o", "HEAD"))).status == 401
    assert (await swift.nobody.put(url(swift, "/c/o"), content=b"x")).status == 401
    assert (await swift.nobody.delete(url(swift, "/c/o"))).status == 401


async def test_it_ends(swift: Any) -> None:
    address = url(swift, "/c/o")
    swift.clock.ahead_s = 4000
    answer = await swift.nobody.get(address)
    assert (answer.status, answer.body) == (401, b"401 Unauthorized: Temp URL invalid\n")
    assert answer.headers["www-authenticate"].startswith("Swift realm=")


@pytest.mark.parametrize(
    "change",
    [
        {"key": "guessed"},
        {"key": ""},
        {"until": "soon"},
        {"until": ""},
        {"ip": "10.0.0.0/8"},
        {"prefix": "x"},
        {"digest": "md5"},
    ],
)
async def test_what_is_not_right_is_401(swift: Any, change: dict[str, str]) -> None:
    assert (await swift.nobody.get(url(swift, "/c/o", **change))).status == 401
    assert (await swift.ann.using(prefix="").get(url(swift, "/c/o", **change))).status == 401


async def test_half_a_ticket_is_none(swift: Any) -> None:
    for query in ("temp_url_sig=abc", "temp_url_expires=9999999999", "temp_url_sig=&temp_url_expires="):
        assert (await swift.nobody.get(f"{swift.at('/c/o')}?{query}")).status == 401


async def test_a_prefix_opens_all_that_begins_so(swift: Any) -> None:
    await swift.object("/c/photos/one", b"1")
    for path, status in (("/c/photos/one", 200), ("/c/o", 401)):
        assert (await swift.nobody.get(url(swift, path, prefix="photos/"))).status == status
    assert (await swift.nobody.get(url(swift, "/c/o", prefix=""))).status == 200
    assert (await swift.nobody.get(url(swift, "/c/o", ip="127.0.0.0/8"))).status == 200


async def test_a_key_of_a_container_opens_that_container_alone(swift: Any) -> None:
    assert (await swift.nobody.get(url(swift, "/c/o", key="of the container"))).status == 200
    assert (await swift.nobody.get(url(swift, "/other/o", key="of the container"))).status == 401
    await swift.object("/c/parts", b"", x_object_manifest="other/o")
    assert (await swift.nobody.get(url(swift, "/c/parts", key="of the container"))).status == 401
    assert (await swift.nobody.get(url(swift, "/c/parts"))).body == b"other"


async def test_writing_through_it(swift: Any) -> None:
    answer = await swift.nobody.put(url(swift, "/c/new", "PUT"), content=b"from outside")
    assert answer.status == 201
    assert (await swift.ann.get("/c/new")).body == b"from outside"
    assert (await swift.nobody.delete(url(swift, "/c/new", "DELETE"))).status == 204


@pytest.mark.parametrize("header", ["x-object-manifest", "x-symlink-target", "x-copy-from"])
async def test_nobody_points_at_what_was_not_meant(swift: Any, header: str) -> None:
    answer = await swift.nobody.put(url(swift, "/c/new", "PUT"), content=b"", headers={header: "other/o"})
    assert answer.status == 400
    assert (await swift.ann.get("/c/new")).status == 404


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"filename": "näme.txt"}, "attachment; filename=\"n%C3%A4me.txt\"; filename*=UTF-8''n%C3%A4me.txt"),
        ({"inline": ""}, "inline"),
        ({"inline": "", "filename": "a"}, "inline; filename=\"a\"; filename*=UTF-8''a"),
    ],
)
async def test_how_a_browser_shall_show_it(swift: Any, more: dict[str, str], said: str) -> None:
    assert (await swift.nobody.get(url(swift, "/c/o", **more))).headers["content-disposition"] == said


async def test_a_query_that_was_not_signed_does_nothing(swift: Any) -> None:
    await swift.object("/c/parts", b"the list itself", x_object_manifest="other/o")
    answer = await swift.nobody.get(url(swift, "/c/parts") + "&multipart-manifest=get")
    assert answer.body == b"other"
