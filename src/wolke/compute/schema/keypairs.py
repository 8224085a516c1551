"""Bodies about key pairs."""

from __future__ import annotations

from wolke.core.schema import body, one_of, string

CREATE = body(
    "keypair",
    {
        "name": string(least=1, most=255, pattern=r"^[a-zA-Z0-9@._ -]+$"),
        "type": one_of("ssh", "x509"),
        "public_key": string(least=1, most=65535),
        "user_id": string(least=1, most=255),
    },
    required=("name", "public_key"),
)
