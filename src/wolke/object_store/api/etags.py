"""ETags in quotes, as HTTP has them, where an account or a container asks for it. Swift's own have none."""

from __future__ import annotations

from wolke.object_store.api.lists import is_true
from wolke.object_store.model import Container
from wolke.object_store.service import ObjectStore

ACCOUNT_HEADER = "x-account-rfc-compliant-etags"
CONTAINER_HEADER = "x-container-rfc-compliant-etags"


async def are_quoted(store: ObjectStore, container: Container) -> bool:
    """The container's word counts before its account's."""
    own = container.headers.get(CONTAINER_HEADER)
    if own:
        return is_true(own)
    return is_true(await store.accounts.header(container.account, ACCOUNT_HEADER))
