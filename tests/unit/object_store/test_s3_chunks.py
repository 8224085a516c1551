"""Bodies in S3's chunks: whole or torn anywhere, signed or not, with trailers that come, lack, or lie."""

from __future__ import annotations

import hashlib

import pytest

from wolke.object_store.s3.chunks import Decoder
from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.signature.claim import ChunkSigner, Claim, signing_key

SUM = "x-amz-checksum-crc32"


def plain(*declared: str) -> Decoder:
    return Decoder(None, declared, signed_trailers=False)


def decode(decoder: Decoder, body: bytes, step: int = 1 << 20) -> bytes:
    found = b"".join(run for at in range(0, len(body), step) for run in decoder.feed(body[at : at + step]))
    decoder.finish()
    return found


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64])
def test_it_does_not_matter_where_the_network_tears(step: int) -> None:
    body = b"5\r\nhello\r\nB\r\n, you there\r\n0\r\nx-amz-checksum-crc32: AAAA\r\n\r\n"
    decoder = plain(SUM)
    assert decode(decoder, body, step) == b"hello, you there"
    assert decoder.trailers == {SUM: "AAAA"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "IncompleteBody"),
        (b"5\r\nhello\r\n", "IncompleteBody"),
        (b"5\r\nhel", "IncompleteBody"),
        (b"5\nhello\n0\n\n", "IncompleteBody"),
        (b"-5\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
        (b"5\r\nhello!\r\n0\r\n\r\n", "IncompleteBody"),
        (b"f" * 17 + b"\r\n", "IncompleteBody"),
        (b"5;" + b"x" * 600 + b"\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
        (b"0\r\nother: 1\r\n\r\n", "MalformedTrailerError"),
        (b"0\r\nnonsense\r\n\r\n", "MalformedTrailerError"),
    ],
)
def test_a_body_that_breaks_the_rules(body: bytes, code: str) -> None:
    with pytest.raises(Fault) as caught:
        decode(plain(), body)
    assert caught.value.code == code


def test_a_trailer_that_was_announced_must_come() -> None:
    with pytest.raises(Fault, match="MalformedTrailerError"):
        decode(plain(SUM), b"0\r\n\r\n")


def signer() -> ChunkSigner:
    claim = Claim("key", "seed", b"", lambda secret, data: "")
    return ChunkSigner(
        signing_key("secret", "20300101", "r", "s3"), "20300101T000000Z", "20300101/r/s3/aws4_request", "seed", claim
    )


def signed(chunks: list[bytes], trailer: str = "", *, spoil: int = -1) -> bytes:
    one, previous, body = signer(), "seed", b""
    for at, chunk in enumerate([*chunks, b""]):
        previous = one.chunk(previous, hashlib.sha256(chunk).hexdigest())[0]
        shown = previous if at != spoil else "0" * 64
        body += (
            f"{len(chunk):x};chunk-signature={shown}\r\n".encode() + chunk + (b"\r\n" if chunk or not trailer else b"")
        )
    if trailer:
        last = one.trailer(previous, hashlib.sha256(trailer.encode()).hexdigest())[0]
        body += trailer.replace("\n", "\r\n").encode() + f"x-amz-trailer-signature:{last}\r\n\r\n".encode()
    return body


def test_signed_chunks_and_trailers() -> None:
    chunks = [b"a" * 8192, b"b" * 100]
    assert decode(Decoder(signer(), (), signed_trailers=False), signed(chunks), 1000) == b"".join(chunks)
    decoder = Decoder(signer(), (SUM,), signed_trailers=True)
    assert decode(decoder, signed(chunks, f"{SUM}:AAAA\n"), 1000) == b"".join(chunks)
    assert decoder.trailers == {SUM: "AAAA"}


@pytest.mark.parametrize("spoilt", [0, 1, 2])
def test_every_signature_is_looked_at(spoilt: int) -> None:
    with pytest.raises(Fault, match="SignatureDoesNotMatch"):
        decode(Decoder(signer(), (), signed_trailers=False), signed([b"a" * 8192, b"b"], spoil=spoilt))


def test_a_forged_trailer() -> None:
    body = signed([b"a"], f"{SUM}:AAAA\n").replace(b"AAAA", b"BBBB")
    with pytest.raises(Fault, match="SignatureDoesNotMatch"):
        decode(Decoder(signer(), (SUM,), signed_trailers=True), body)


def test_only_the_last_signed_chunk_may_be_small() -> None:
    with pytest.raises(Fault, match="InvalidChunkSizeError"):
        decode(Decoder(signer(), (), signed_trailers=False), signed([b"a" * 100, b"b" * 100]))
