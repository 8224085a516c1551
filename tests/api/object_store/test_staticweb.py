"""Containers as web sites."""

from __future__ import annotations

import hmac
from typing import Any

import pytest


@pytest.fixture
async def site(swift: Any) -> Any:
    await swift.container("site", x_container_read=".r:*,.rlistings")
    await swift.object("/site/index.html", b"<home>", content_type="text/html")
    await swift.object("/site/dir/index.html", b"<dir>", content_type="text/html")
    await swift.object("/site/dir/deep/file.txt", b"x" * 2048)
    await swift.object("/site/404error.html", b"<lost>", content_type="text/html")
    return swift


async def browse(swift: Any, path: str, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await swift.nobody.get(swift.at(f"/site{path}"), headers=sent)


async def setting(swift: Any, **values: str) -> None:
    headers = {f"x-container-meta-web-{name.replace('_', '-')}": value for name, value in values.items()}
    assert (await swift.ann.post("/site", headers=headers)).status == 204


async def test_a_container_without_settings_is_a_container(site: Any) -> None:
    assert b"dir/index.html\n" in (await browse(site, "")).body
    assert (await browse(site, "/gone")).status == 404
    assert (await browse(site, "/dir/")).status == 404


async def test_an_index_for_each_folder(site: Any) -> None:
    await setting(site, index="index.html")
    assert (await browse(site, "/")).body == b"<home>"
    answer = await browse(site, "/dir/")
    assert (answer.body, answer.headers["content-type"]) == (b"<dir>", "text/html")
    for path in ("", "/dir"):
        answer = await browse(site, path)
        assert (answer.status, answer.headers["location"]) == (301, f"http://cloud.test{site.at('/site')}{path}/")
    assert (await browse(site, "/dir/deep/")).status == 404


async def test_folders_are_listed(site: Any) -> None:
    await setting(site, listings="true")
    await site.object("/site/dir/%22%3E%3Cscript%3E%26%20.html", b"evil", content_type='text/"><b>')
    answer = await browse(site, "/dir/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=UTF-8")
    text = answer.body.decode()
    assert '<a href="./deep/">deep/</a>' in text
    assert '<a href="../">../</a>' in text
    assert "<script>" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;" in text
    assert '<td class="colsize">2Ki</td>' in (await browse(site, "/dir/deep/")).body.decode()
    assert (await browse(site, "/dir/nothing/")).status == 404
    assert (await browse(site, "/dir/deep")).status == 301


async def test_how_a_list_looks(site: Any) -> None:
    await setting(site, listings="true", listings_css="style.css", listings_label="My & Site")
    text = (await browse(site, "/dir/deep/")).body.decode()
    assert 'href="../../style.css"' in text
    assert "<title>Listing of My &amp; Site/dir/deep/</title>" in text


async def test_a_page_of_its_own_for_what_is_not_there(site: Any) -> None:
    await setting(site, index="index.html", error="error.html")
    answer = await browse(site, "/gone")
    assert (answer.status, answer.body) == (404, b"<lost>")
    await site.ann.delete("/site/404error.html")
    assert (await browse(site, "/gone")).status == 404


async def test_and_for_what_nobody_may_see(site: Any) -> None:
    await setting(site, index="index.html", error="error.html")
    await site.object("/site/401error.html", b"<go away>")
    await site.ann.post("/site", headers={"x-container-read": ".r:*"})
    answer = await browse(site, "/")
    assert (answer.status, answer.body) == (401, b"<go away>")


async def test_a_list_that_is_switched_off_says_so(site: Any) -> None:
    await setting(site, index="missing.html")
    answer = await browse(site, "/dir/")
    assert answer.status == 404
    assert b"Web Listing Disabled" in answer.body
    assert b"missing.html" in answer.body


async def test_objects_that_stand_for_folders(site: Any) -> None:
    await setting(site, index="index.html")
    await site.object("/site/dir", b"", content_type="application/directory")
    assert (await browse(site, "/dir")).status == 301
    await site.object("/site/odd", b"", content_type="text/folder")
    assert (await browse(site, "/odd")).status == 200
    await setting(site, directory_type="text/folder")
    assert (await browse(site, "/odd")).status == 404


async def test_owners_see_the_container_unless_they_ask_for_the_site(site: Any) -> None:
    await setting(site, index="index.html")
    assert (await site.ann.get("/site/")).body.startswith(b"404error.html\n")
    assert (await site.ann.get("/site/", headers={"x-web-mode": "true"})).body == b"<home>"
    await site.container("plain")
    assert (await site.ann.get("/plain", headers={"x-web-mode": "true"})).status == 404


async def test_a_site_behind_a_signed_url(swift: Any, site: Any) -> None:
    await site.ann.post("/site", headers={"x-container-read": "", "x-container-meta-temp-url-key": "key"})
    await setting(site, listings="true")
    until = int(site.clock.time()) + 60
    message = f"GET\n{until}\nprefix:{site.at('/site/dir/')}"
    signature = hmac.new(b"key", message.encode(), "sha256").hexdigest()
    query = f"?temp_url_prefix=dir/&temp_url_expires={until}&temp_url_sig={signature}"
    answer = await browse(site, f"/dir/{query}")
    assert (answer.status, answer.headers["content-disposition"]) == (200, "inline")
    assert f'<a href="./deep/{query}">deep/</a>'.replace("&", "&amp;") in answer.body.decode()
    assert b'id="parent"' not in answer.body
    assert (await browse(site, f"/dir/deep/file.txt{query}")).status == 200
    assert (await browse(site, f"/{query}")).status == 401


async def test_looking_is_like_reading(site: Any) -> None:
    await setting(site, index="index.html", error="error.html")
    for path in ("/", "/dir/", "/gone", "/dir"):
        got = await browse(site, path)
        head = await site.nobody.request("HEAD", site.at(f"/site{path}"))
        assert head.status == got.status
