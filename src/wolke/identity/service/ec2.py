"""EC2 key pairs at work: whose key it is, and whether a signature was made with its secret.

A pair is remembered with the epoch in which it was looked up, as tokens are, so that a door which checks a signature for each
request pays a dictionary for it; whatever takes a role, a user or the pair itself away counts the epoch up.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from wolke.core.context import Context
from wolke.identity.errors import AuthenticationRequired, Invalid
from wolke.identity.model import Scope
from wolke.identity.service.credentials import Credentials
from wolke.identity.service.ground import Ground
from wolke.identity.service.tokens import Tokens, Verified, context
from wolke.identity.store import USERS

METHODS = ("ec2credential",)
_CLOCK_SKEW_S = 900.0
_V4 = "AWS4-HMAC-SHA256"


class Signed(msgspec.Struct, frozen=True):
    """A request to EC2 as a service saw it, for Identity to judge."""

    access: str
    signature: str
    host: str = ""
    verb: str = ""
    path: str = ""
    body_hash: str = ""
    params: dict[str, str | int | float | bool | None] = {}
    headers: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Signed(access={self.access!r})"


class SignedText(msgspec.Struct, frozen=True):
    """A request to S3: what was signed, in base64, and with what result."""

    access: str
    signature: str
    token: str

    def __repr__(self) -> str:
        return f"SignedText(access={self.access!r})"


@dataclass(slots=True)
class _Pair:
    epoch: int
    expires_at_s: float
    ctx: Context
    secret: str = field(repr=False)


class Ec2:
    def __init__(self, ground: Ground, tokens: Tokens, credentials: Credentials) -> None:
        self._ground = ground
        self._tokens = tokens
        self._credentials = credentials
        self._remembered: dict[str, _Pair] = {}

    async def secret(self, access: str) -> tuple[Context, str] | None:
        """Who signs with an access key, and its secret; None if it is none, or its user may do nothing there any more."""
        found = self._remembered.get(access)
        if (
            found is not None
            and found.epoch == self._ground.epoch_if_fresh
            and found.expires_at_s > self._ground.clock.time()
        ):
            return found.ctx, found.secret
        epoch = await self._ground.epoch()
        self._remembered.pop(access, None)
        pair = await self._credentials.ec2_pair(access)
        if pair is None or pair[0].project_id is None or not pair[1]:
            return None
        credential, secret = pair
        token = await self._tokens.standing(credential.user_id, Scope(project_id=credential.project_id), METHODS)
        if token is None:
            return None
        now = self._ground.clock.time()
        made = _Pair(epoch, now + self._ground.config.token_lifetime_s, context(token, ""), secret)
        self._remembered[access] = made
        if len(self._remembered) > self._ground.config.token_cache_size:
            del self._remembered[next(iter(self._remembered))]
        return made.ctx, secret

    async def token_for_request(self, body: Any) -> tuple[str, Verified]:
        """A token for who signed an EC2 request; 401 otherwise."""
        signed = _read(body, Signed, ("credentials", "ec2Credentials"))
        return await self._token(signed.access, lambda secret: self._is_good(signed, secret))

    async def token_for_text(self, body: Any) -> tuple[str, Verified]:
        """A token for who signed an S3 request; 401 otherwise."""
        signed = _read(body, SignedText, ("credentials",))
        try:
            text = base64.b64decode(signed.token.encode(), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise Invalid("The token of a signature is not base64.") from None
        return await self._token(
            signed.access, lambda secret: _matches(_text_signature(text, secret), signed.signature)
        )

    async def _token(self, access: str, good: Any) -> tuple[str, Verified]:
        found = await self.secret(access)
        if found is None or not good(found[1]):
            raise AuthenticationRequired
        ctx = found[0]
        user = await self._ground.db.get(USERS, id=ctx.user_id)
        if user is None:
            raise AuthenticationRequired
        sealed, _ = await self._tokens.issue(user, Scope(project_id=ctx.project_id), METHODS)
        return sealed, await self._tokens.verify(sealed)

    def _is_good(self, signed: Signed, secret: str) -> bool:
        headers = {name.lower().strip(): value.strip() for name, value in signed.headers.items()}
        params = {name: _text(value) for name, value in signed.params.items() if name != "Signature"}
        said = headers.get("x-amz-date") or params.get("X-Amz-Date") or params.get("Timestamp")
        if not self._is_now(said):
            return False
        version = params.get("SignatureVersion")
        hosts = [signed.host]
        if ":" in signed.host:  # some clients sign without the port
            hosts.append(signed.host.rpartition(":")[0])
        if version == "2":
            made: list[str | None] = [_v2(secret, signed.verb, host, signed.path, params) for host in hosts]
        elif version in ("0", "1"):
            made = [_v0(secret, params) if version == "0" else _v1(secret, params)]
        else:
            made = [_v4(secret, signed, headers, params)]
        return any(_matches(one, signed.signature) for one in made)

    def _is_now(self, said: str | None) -> bool:
        """Whether a request was signed a moment ago. Only the oldest ways to sign need no time."""
        if said is None:
            return False
        for form in ("%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S"):
            try:
                at = datetime.strptime(said, form).replace(tzinfo=UTC)
            except ValueError:
                continue
            return abs(at.timestamp() - self._ground.clock.time()) <= _CLOCK_SKEW_S
        return False


def _read(body: Any, kind: type[Any], names: tuple[str, ...]) -> Any:
    """The part of a body that says what was signed. A refusal repeats no value."""
    part = next((body[name] for name in names if name in body), None) if isinstance(body, dict) else None
    if isinstance(part, str):  # some clients send the object as text in the object
        try:
            part = msgspec.json.decode(part)
        except (msgspec.DecodeError, RecursionError):
            part = None
    try:
        return msgspec.convert(part, kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"Invalid input for field '{names[0]}': {error}") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _matches(made: str | None, given: str) -> bool:
    return made is not None and hmac.compare_digest(made.encode(), given.encode())


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _v0(secret: str, params: Mapping[str, str]) -> str:
    signed = params.get("Action", "") + params.get("Timestamp", "")
    return _base64(hmac.digest(secret.encode(), signed.encode(), "sha1"))


def _v1(secret: str, params: Mapping[str, str]) -> str:
    signed = "".join(name + params[name] for name in sorted(params, key=str.lower))
    return _base64(hmac.digest(secret.encode(), signed.encode(), "sha1"))


def _v2(secret: str, verb: str, host: str, path: str, params: Mapping[str, str]) -> str:
    algorithm = "sha1" if params.get("SignatureMethod") == "HmacSHA1" else "sha256"
    named = {"SignatureMethod": "HmacSHA256"} | dict(params)
    signed = f"{verb}\n{host}\n{path}\n{_query(named)}"
    return _base64(hmac.digest(secret.encode(), signed.encode(), algorithm))


def _query(params: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(params[name], safe='-_.~')}" for name in sorted(params))


def _v4(secret: str, signed: Signed, headers: Mapping[str, str], params: Mapping[str, str]) -> str | None:
    """Of a request whose Authorization header, or query, says how it was signed; None if it does not."""
    said = headers.get("authorization", "")
    if said.startswith(_V4):
        fields = dict(part.strip().partition("=")[::2] for part in said.removeprefix(_V4).split(","))
        query = dict(params)
    elif params.get("X-Amz-Algorithm") == _V4:
        fields = {name: params.get(f"X-Amz-{name}", "") for name in ("Credential", "SignedHeaders")}
        query = {name: value for name, value in params.items() if name != "X-Amz-Signature"}
    else:
        return None
    names = fields.get("SignedHeaders", "")
    scope = fields.get("Credential", "").split("/")[1:]
    at = headers.get("x-amz-date") or params.get("X-Amz-Date", "")
    if len(scope) != 4 or not scope[0] or not at.startswith(scope[0]):
        return None
    shown = "".join(f"{name}:{headers[name]}\n" for name in names.split(";") if name in headers)
    asked = "" if signed.verb.upper() == "POST" else _query(query)
    request = f"{signed.verb.upper()}\n{signed.path}\n{asked}\n{shown}\n{names}\n{signed.body_hash}"
    text = f"{_V4}\n{at}\n{'/'.join(scope)}\n{hashlib.sha256(request.encode()).hexdigest()}"
    return hmac.digest(_v4_key(secret, scope), text.encode(), "sha256").hex()


def _v4_key(secret: str, scope: list[str]) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _text_signature(text: bytes, secret: str) -> str | None:
    if not text.startswith(b"AWS4"):
        return _base64(hmac.digest(secret.encode(), text, "sha1"))
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError:
        return None
    scope = lines[2].split("/") if len(lines) == 4 else []
    if lines[0] != _V4 or len(scope) != 4 or scope[2:] != ["s3", "aws4_request"]:
        return None
    return hmac.digest(_v4_key(secret, scope), text, "sha256").hex()
