"""Who asks: the first argument of every verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wolke.core.clock import Instant


@dataclass(frozen=True)
class Context:
    """One authenticated request. Exactly one of ``project_id``, ``domain_id``, ``system_scope`` is set, or none at all
    for an unscoped token. ``roles`` are names, with the implied ones."""

    request_id: str = ""
    global_request_id: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    domain_id: str | None = None
    domain_name: str | None = None
    system_scope: str | None = None
    roles: frozenset[str] = frozenset()
    service_roles: frozenset[str] = frozenset()  # of a second token, X-Service-Token
    is_admin_project: bool = True
    token_id: str | None = field(default=None, repr=False)
    token_expires_at: Instant | None = None
    token: Any = field(default=None, repr=False)  # what the authenticator keeps for itself
    #: What policies have answered to this caller about their own. It goes with ``with_request`` and with nothing else: a context
    #: made by ``dataclasses.replace`` begins with none.
    decided: dict[Any, bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    @property
    def scope(self) -> str | None:
        """Which of oslo.policy's scope types this is."""
        if self.system_scope:
            return "system"
        if self.domain_id:
            return "domain"
        return "project" if self.project_id else None

    def with_request(self, request_id: str, global_request_id: str | None) -> Context:
        """The same caller asking something else. Every request comes through here, so it is not ``dataclasses.replace``."""
        other = object.__new__(Context)
        vars(other).update(vars(self), request_id=request_id, global_request_id=global_request_id)
        return other


def system_context(request_id: str = "") -> Context:
    """The cloud itself at work: loops and agents act under this."""
    return Context(request_id=request_id, system_scope="all", roles=frozenset({"admin", "service"}))


#: Whoever has shown no token.
NOBODY = Context()
