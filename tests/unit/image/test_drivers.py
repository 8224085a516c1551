"""Every driver keeps the contract of image/drivers/base.py."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.stored_images import object_store
from wolke.core import drivers, ids
from wolke.image.drivers import DRIVERS
from wolke.image.drivers import object_store as in_object_store
from wolke.image.drivers.base import Blob, NoBlob


@pytest.fixture(params=sorted(DRIVERS))
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    if request.param == "object_store":
        async with object_store(tmp_path) as made:
            yield made
    else:
        yield drivers.load("image", DRIVERS, request.param)(tmp_path / "images")


async def content(driver, blob: str, start: int = 0, length: int = 1 << 30) -> bytes:
    return b"".join([piece async for piece in driver.read(blob, start, length)])


async def test_a_blob_is_whole_once_it_is_committed(driver) -> None:
    blob = ids.uuid()
    writer = await driver.begin(blob)
    await writer.append(b"one ")
    await writer.append(b"two")
    assert await driver.blobs() == [Blob(blob, whole=False, live=True)]
    with pytest.raises(NoBlob):
        await content(driver, blob)
    await writer.commit()
    assert await driver.blobs() == [Blob(blob, whole=True, live=True)]
    assert not await driver.delete(blob)
    for _ in range(2):
        await writer.close()
    assert await driver.blobs() == [Blob(blob, whole=True, live=False)]
    assert await content(driver, blob) == b"one two"
    assert await content(driver, blob, 4, 2) == b"tw"
    assert await content(driver, blob, 4, 100) == b"two"
    if (path := driver.path(blob)) is not None:
        assert path.read_bytes() == b"one two"
    assert await driver.delete(blob)
    assert await driver.delete(blob)
    assert await driver.blobs() == []


async def test_what_is_closed_without_a_commit_is_gone(driver) -> None:
    writer = await driver.begin(ids.uuid())
    await writer.append(b"x" * 100_000)
    await writer.close()
    assert await driver.blobs() == []


async def test_one_without_data_is_whole_too(driver) -> None:
    blob = ids.uuid()
    writer = await driver.begin(blob)
    await writer.commit()
    await writer.close()
    assert await driver.blobs() == [Blob(blob, whole=True, live=False)]
    assert await content(driver, blob, 0, 10) == b""
    assert await driver.delete(blob)


async def test_in_the_object_store_a_large_one_is_many_segments(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(in_object_store, "_SEGMENT_BYTES", 100_000)
    data, blob = os.urandom(350_000), ids.uuid()
    async with object_store(tmp_path) as driver:
        writer = await driver.begin(blob)
        for at in range(0, len(data), 130_000):
            await writer.append(data[at : at + 130_000])
        await writer.commit()
        await writer.close()
        assert await content(driver, blob) == data
        assert await content(driver, blob, 99_990, 200_020) == data[99_990:300_010]
        assert len(await driver._names("")) == 5
        assert await driver.delete(blob)
        assert await driver._names("") == []


async def test_in_the_object_store_an_upload_dies_with_its_mark(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(in_object_store, "_LIVE_S", 1)
    blob = ids.uuid()
    async with object_store(tmp_path) as driver:
        writer = await driver.begin(blob)
        await writer.append(b"half")
        await writer._segments[0].abandon()  # as if its process were gone
        writer._renewing.cancel()
        assert not await driver.delete(blob)
        await asyncio.sleep(1.6)
        assert [one.live for one in await driver.blobs()] in ([False], [])
        assert await driver.delete(blob)


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    driver = drivers.load("image", DRIVERS, "file")(tmp_path / "images")
    blob = ids.uuid()
    writer = await driver.begin(blob)
    await writer.commit()
    await writer.close()
    assert stat.S_IMODE((tmp_path / "images").stat().st_mode) == 0o700
    assert stat.S_IMODE(driver.path(blob).stat().st_mode) == 0o600
    for name in ("../escape", "", "x", blob + "/.."):
        with pytest.raises(ValueError, match="UUID"):
            driver.path(name)


UPLOADER = """
import asyncio, sys
from pathlib import Path
from wolke.image.drivers.file import FileDriver
async def main():
    writer = await FileDriver(Path(sys.argv[1])).begin(sys.argv[2])
    await writer.append(b"half")
    print("half", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_an_upload_lives_exactly_as_long_as_its_process(tmp_path: Path) -> None:
    driver, blob = drivers.load("image", DRIVERS, "file")(tmp_path), ids.uuid()
    process = subprocess.Popen([sys.executable, "-c", UPLOADER, str(tmp_path), blob], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        assert await driver.blobs() == [Blob(blob, whole=False, live=True)]
        assert not await driver.delete(blob)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert await driver.blobs() == [Blob(blob, whole=False, live=False)]
    assert await driver.delete(blob)
    assert list(tmp_path.iterdir()) == []
