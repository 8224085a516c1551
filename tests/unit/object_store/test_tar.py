"""Archives: what the tar command and Python write is read, and anything else is refused within bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wolke.object_store.filters.tar import BadTar, Tar, unpacked


async def _cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def packed(files: dict[str, bytes], kind: int = tarfile.PAX_FORMAT, pax: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.pax_headers = pax or {}
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


async def read(data: bytes, size: int = 100, packing: str = "") -> dict[str, bytes]:
    tar = Tar(unpacked(_cut(data, size), packing))
    return {
        member.name.decode(errors="replace"): b"".join([piece async for piece in tar.data()])
        async for member in tar
        if member.regular
    }


@settings(max_examples=60, deadline=None)
@given(
    files=st.dictionaries(st.text("ab/é.", min_size=1, max_size=300), st.binary(max_size=2000), min_size=1, max_size=4),
    kind=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    size=st.integers(1, 3000),
)
async def test_what_is_packed_comes_out_however_it_is_cut(files: dict[str, bytes], kind: int, size: int) -> None:
    files = {name.strip("/") or "x": data for name, data in files.items()}
    assert await read(packed(files, kind), size) == files


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 2047), value=st.integers(0, 255), end=st.integers(0, 10_240))
async def test_a_damaged_archive_is_read_or_refused(at: int, value: int, end: int) -> None:
    data = bytearray(packed({"a" * 120: b"x" * 700, "b": b"y"}))
    data[at] = value
    try:
        await read(bytes(data[:end]))
    except BadTar as refused:
        assert str(refused)


@pytest.mark.parametrize(("packing", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress)])
async def test_packed_archives(packing: str, pack: object) -> None:
    files = {f"box/{i}": bytes([i]) * 5000 for i in range(20)}
    data = pack(packed(files))  # type: ignore[operator]
    assert await read(data, 777, packing) == files
    with pytest.raises(BadTar):
        await read(data[: len(data) // 2], 777, packing)
    with pytest.raises(BadTar, match="not packed as it says"):
        await read(b"hello, this is not packed", 777, packing)


async def test_a_bomb_ends_early() -> None:
    """One gigabyte of zeros in 800 bytes of bzip2: 20,000 times and more."""
    packer = bz2.BZ2Compressor()
    bomb = packer.compress(packed({"box/zeros": b""})[:0])
    info = tarfile.TarInfo("box/zeros")
    info.size = 1 << 30
    bomb += packer.compress(info.tobuf())
    for _ in range(64):
        bomb += packer.compress(bytes(1 << 20))
    bomb += packer.flush()
    tar, seen = Tar(unpacked(_cut(bomb, 4096), "bz2")), 0
    with pytest.raises(BadTar, match="unfolds"):
        async for _member in tar:
            async for piece in tar.data():
                seen += len(piece)
                assert len(piece) <= 256 * 1024
    assert seen < 18 << 20


async def test_a_size_beyond_all_measure_takes_no_memory() -> None:
    info = tarfile.TarInfo("box/huge")
    info.size = 1 << 60
    with pytest.raises(BadTar, match="unexpected end"):
        await read(info.tobuf(tarfile.GNU_FORMAT) + b"little")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty file"),
        (b"x" * 512, "bad checksum|invalid header"),
        (b"x" * 100, "truncated header"),
    ],
)
async def test_what_is_no_archive_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(BadTar, match=said):
        await read(data)


async def test_attributes_of_a_file() -> None:
    data = packed({"box/a": b"1"}, pax={"SCHILY.xattr.user.mime_type": "text/é"})
    async for member in Tar(_cut(data, 100)):
        assert member.attributes["SCHILY.xattr.user.mime_type"].decode() == "text/é"


async def test_a_pax_header_too_large_is_refused() -> None:
    with pytest.raises(BadTar, match="too large"):
        await read(packed({"a": b""}, pax={"comment": "x" * 100_000}))


async def test_folders_and_links_have_no_data() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("d", tarfile.DIRTYPE),
            ("l", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("n", tarfile.CHRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "../../etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("file")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    assert await read(out.getvalue()) == {"file": b"abc"}
