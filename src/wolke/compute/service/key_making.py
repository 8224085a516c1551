"""Making keys and certificates. Imported when the first is wanted: ``cryptography.x509`` takes its time."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_RSA_BITS = 2048  # what every SSH client and server of the last twenty years can read
_TEN_YEARS = datetime.timedelta(days=3650)


def fingerprint(pem: str) -> bytes:
    """Of a certificate; ``ValueError`` if it is none."""
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1())  # noqa: S303 - a name, not a seal


def generate(certified_for: str | None) -> tuple[str, str]:
    """(public, private): an SSH key, or with a user's id a certificate for them."""
    key = rsa.generate_private_key(65537, _RSA_BITS)
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, plain).decode()
    if certified_for is not None:
        return _certificate(key, certified_for), private
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{public.decode()} Generated-by-Wolke", private


def _certificate(key: rsa.RSAPrivateKey, user_id: str) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user_id[:64] or "user")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _TEN_YEARS)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
