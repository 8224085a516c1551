"""From the body of ``POST /v3/auth/tokens`` to a token: who is it (methods), and where do they want to act (scope).

Whatever is wrong about a name, a secret or a right is one and the same 401, after the same work; only a body that is not
the documented shape is a 400, whose text never repeats a value.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.core.clock import moment
from wolke.core.errors import NotFound
from wolke.identity.errors import AuthenticationRequired, Invalid, MethodNotSupported, NotAllowed
from wolke.identity.model import UNSCOPED, ApplicationCredential, Project, Scope, Token, User
from wolke.identity.service.ground import Ground
from wolke.identity.service.passwords import Passwords
from wolke.identity.service.standing import Standing
from wolke.identity.service.tokens import Tokens
from wolke.identity.store import APPLICATION_CREDENTIALS, PASSWORDS, PROJECTS, USERS

METHODS = ("password", "token", "application_credential")


class DomainReference(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None


class ProjectReference(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None
    domain: DomainReference | None = None


class UserReference(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None
    domain: DomainReference | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"UserReference(id={self.id!r}, name={self.name!r})"


class PasswordMethod(msgspec.Struct, frozen=True):
    user: UserReference


class TokenMethod(msgspec.Struct, frozen=True):
    id: str

    def __repr__(self) -> str:
        return "TokenMethod()"


class CredentialMethod(msgspec.Struct, frozen=True):
    secret: str
    id: str | None = None
    name: str | None = None
    user: UserReference | None = None

    def __repr__(self) -> str:
        return f"CredentialMethod(id={self.id!r}, name={self.name!r})"


class IdentityPart(msgspec.Struct, frozen=True):
    methods: list[str]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None
    application_credential: CredentialMethod | None = None


class SystemReference(msgspec.Struct, frozen=True):
    all: bool | None = None


class ScopePart(msgspec.Struct, frozen=True):
    project: ProjectReference | None = None
    domain: DomainReference | None = None
    system: SystemReference | None = None
    unscoped: dict[str, Any] | None = None
    trust: dict[str, Any] | None = msgspec.field(default=None, name="OS-TRUST:trust")


class Auth(msgspec.Struct, frozen=True):
    identity: IdentityPart
    scope: ScopePart | str | None = None


class AuthBody(msgspec.Struct, frozen=True):
    auth: Auth


class Proven(msgspec.Struct, frozen=True):
    """Who it is, as one method has shown."""

    user: User
    token: Token | None = None
    credential: ApplicationCredential | None = None


def parse(body: Any) -> Auth:
    try:
        auth = msgspec.convert(body, AuthBody).auth
    except msgspec.ValidationError as error:
        raise Invalid(f"Invalid input for the authentication request: {error}") from None
    if not auth.identity.methods:
        raise Invalid("Invalid input for field 'identity/methods': at least one method is needed.")
    return auth


class Authentication:
    def __init__(self, ground: Ground, standing: Standing, tokens: Tokens, passwords: Passwords) -> None:
        self._db = ground.db
        self._clock = ground.clock
        self._standing = standing
        self._tokens = tokens
        self._passwords = passwords

    async def login(self, body: Any) -> tuple[str, Token]:
        """A new token for a request's body."""
        auth = parse(body)
        methods = list(dict.fromkeys(auth.identity.methods))
        if not set(methods) <= set(METHODS):
            raise MethodNotSupported(METHODS)
        scope = _one_scope(auth.scope)
        proofs = [await self._prove(method, auth.identity) for method in methods]
        if len({proof.user.id for proof in proofs}) != 1:
            raise AuthenticationRequired
        user = proofs[0].user
        parent = next((proof.token for proof in proofs if proof.token), None)
        credential = next((proof.credential for proof in proofs if proof.credential), None)
        if credential is not None:
            if scope is not None:
                raise AuthenticationRequired
            where = Scope(project_id=credential.project_id)
        else:
            where = await self._scope(user, scope)
        used = dict.fromkeys([*(parent.methods if parent else ()), *methods])
        return await self._tokens.issue(user, where, tuple(used), credential=credential, parent=parent)

    # -- methods

    async def _prove(self, method: str, identity: IdentityPart) -> Proven:
        if method == "password":
            return await self._by_password(identity.password)
        if method == "token":
            return await self._by_token(identity.token)
        return await self._by_credential(identity.application_credential)

    async def _by_password(self, given: PasswordMethod | None) -> Proven:
        if given is None or given.user.password is None:
            raise Invalid("Expecting to find password in identity. The server could not comply with the request.")
        user = await self._user(given.user)
        stored = await self._db.get(PASSWORDS, user_id=user.id) if user is not None else None
        if not await self._passwords.verify(stored.hash if stored else None, given.user.password) or user is None:
            raise AuthenticationRequired
        return Proven(user)

    async def _by_token(self, given: TokenMethod | None) -> Proven:
        if given is None:
            raise Invalid("Expecting to find token in identity. The server could not comply with the request.")
        try:
            token = (await self._tokens.verify(given.id)).token
        except NotFound:
            raise AuthenticationRequired from None
        if token.application_credential is not None:
            raise NotAllowed("A token from an application credential cannot be exchanged for another.")
        return Proven(token.user, token=token)

    async def _by_credential(self, given: CredentialMethod | None) -> Proven:
        if given is None:
            raise Invalid("Expecting to find application_credential in identity.")
        found = None
        if given.id is not None:
            found = await self._db.get(APPLICATION_CREDENTIALS, id=given.id)
        elif given.name is None or given.user is None:
            raise Invalid("An application credential is named by its id, or by its name and its user.")
        elif (owner := await self._user(given.user)) is not None:
            found = await self._db.get(APPLICATION_CREDENTIALS, user_id=owner.id, name=given.name)
        right = await self._passwords.verify(found.secret_hash if found else None, given.secret)
        if not right or found is None:
            raise AuthenticationRequired
        if found.expires_at is not None and moment(found.expires_at).timestamp() <= self._clock.time():
            raise AuthenticationRequired
        user = await self._db.get(USERS, id=found.user_id)
        if user is None:
            raise AuthenticationRequired
        return Proven(user, credential=found)

    async def _user(self, given: UserReference) -> User | None:
        if given.id is not None:
            return await self._db.get(USERS, id=given.id)
        if given.name is None or given.domain is None:
            raise Invalid("A user is named by id, or by name and domain.")
        domain_id = await self._domain_id(given.domain)
        return await self._db.get(USERS, domain_id=domain_id, name=given.name) if domain_id is not None else None

    async def _domain_id(self, given: DomainReference) -> str | None:
        if given.id is not None:
            return given.id
        if given.name is None:
            raise Invalid("A domain is named by id or by name.")
        domain = await self._db.get(PROJECTS, domain_id="", name=given.name)
        return domain.id if domain is not None else None

    # -- scopes

    async def _scope(self, user: User, asked: ScopePart | None) -> Scope:
        if asked is None:
            return await self._default_scope(user)
        if asked.project is not None:
            project = await self._project(asked.project)
            if project is None:
                raise AuthenticationRequired
            return Scope(project_id=project.id)
        if asked.domain is not None:
            domain_id = await self._domain_id(asked.domain)
            if domain_id is None:
                raise AuthenticationRequired
            return Scope(domain_id=domain_id)
        return Scope(system=True) if asked.system is not None else UNSCOPED

    async def _default_scope(self, user: User) -> Scope:
        """The user's default project, if there is one that they may use."""
        if user.default_project_id is None:
            return UNSCOPED
        project = await self._db.get(PROJECTS, id=user.default_project_id)
        scope = Scope(project_id=user.default_project_id)
        if project is None or not project.enabled or project.is_domain:
            return UNSCOPED
        above = await self._standing.ancestors(project)
        usable = all(one.enabled for one in above)
        roles = await self._standing.roles_below(user.id, scope, [one.id for one in above])
        return scope if usable and roles else UNSCOPED

    async def _project(self, given: ProjectReference) -> Project | None:
        if given.id is not None:
            return await self._db.get(PROJECTS, id=given.id)
        if given.name is None or given.domain is None:
            raise Invalid("A project is named by id, or by name and domain.")
        domain_id = await self._domain_id(given.domain)
        if not domain_id:
            return None
        return await self._db.get(PROJECTS, domain_id=domain_id, name=given.name)


def _one_scope(asked: ScopePart | str | None) -> ScopePart | None:
    """The scope that was asked for; None if none was."""
    if isinstance(asked, str):
        if asked != "unscoped":
            raise Invalid("Invalid input for field 'scope': it is an object or \"unscoped\".")
        return ScopePart(unscoped={})
    if asked is None:
        return None
    named = [part for part in (asked.project, asked.domain, asked.system, asked.unscoped) if part is not None]
    if asked.trust is not None:
        raise NotAllowed("Trusts are not available in this cloud.")
    if len(named) != 1:
        raise Invalid("Invalid input for field 'scope': exactly one of project, domain, system and unscoped is needed.")
    if asked.system is not None and asked.system.all is not True:
        raise Invalid("Invalid input for field 'scope/system': it must be {\"all\": true}.")
    return asked
