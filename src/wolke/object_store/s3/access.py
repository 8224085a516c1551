"""May this caller do that? The bucket is found, and its owner, its policy and its lists are asked, in S3's order.

1. The bucket in the caller's own account, else the one that its name leads everybody to.
2. An explicit deny in the policy ends it.
3. Who operates the account may. 4. Else the policy's allow, 5. else the bucket's or the object's list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wolke.object_store.errors import ContainerNotFound, ObjectNotFound, VersionNotFound
from wolke.object_store.model import Container, Object
from wolke.object_store.s3 import acl, bucket_policy, owners
from wolke.object_store.s3.acl import Grants
from wolke.object_store.s3.call import ACCOUNT_PREFIX, Call
from wolke.object_store.s3.faults import Fault
from wolke.object_store.service import Found

BLOCK = "s3:public-access-block"
BLOCK_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

#: Method and list of the Swift API that a permission is the same as.
_SWIFT = {acl.READ: ("GET", "x-container-read"), acl.WRITE: ("PUT", "x-container-write")}

#: Actions about a policy itself, which the account's own cannot be denied.
_NEVER_DENIED = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})


class Need(NamedTuple):
    """What an operation asks for: an action of policies, and a permission in the list of the bucket, or of the object."""

    action: str
    permission: str = ""
    of_object: bool = False


async def resolve(call: Call, bucket: str) -> tuple[Container, bool]:
    """The bucket, and whether the caller operates its account. Raises ``Fault``."""
    containers = call.store.containers
    if not call.caller.anonymous and call.ctx.project_id:
        try:
            return await containers.get(call.account, bucket), call.operates
        except ContainerNotFound:
            pass
    account = await call.store.names.account(bucket)
    if account is not None:
        try:
            return await containers.get(account, bucket), account == call.account and call.operates
        except ContainerNotFound:
            pass
    raise Fault("NoSuchBucket", BucketName=bucket)


async def enter(call: Call, need: Need) -> None:
    """Finds the call's bucket and lets the caller in, or raises ``Fault``. Leaves ``container`` and ``owner`` in the call."""
    call.container, call.owner = await resolve(call, call.bucket)
    expected = call.headers.get("x-amz-expected-bucket-owner")
    if expected is not None and expected not in owner_ids(call, call.container):
        raise Fault("AccessDenied")
    await check(call, call.container, call.owner, need, call.key)


async def check(
    call: Call, container: Container, owner: bool, need: Need, key: str, version: int | None = None
) -> None:
    policy = bucket_policy.of(container.system, container.name)
    if policy is not None:
        resource = f"arn:aws:s3:::{container.name}" + (f"/{key}" if key else "")
        verdict = policy.decide(owners.identities(call.ctx), need.action, resource, lambda name: _values(call, name))
        if verdict is False and not (owner and need.action in _NEVER_DENIED):
            raise Fault("AccessDenied")
        if verdict and not (owner or (policy.is_public and _blocks(container, "RestrictPublicBuckets"))):
            return
    if owner:
        return
    if need.permission and await _listed(call, container, need, key, version):
        return
    raise Fault("AccessDenied")


async def _listed(call: Call, container: Container, need: Need, key: str, version: int | None) -> bool:
    public = not _blocks(container, "IgnorePublicAcls")
    if _by_swift(call, container, need, key, public):
        return True
    if not need.of_object:
        return acl.allows(acl.of(container.system), call.ctx, need.permission, public=public)
    found = await _object(call, container, key, version)
    if found is None:  # who may list may know that it is not there
        if acl.allows(acl.of(container.system), call.ctx, acl.READ, public=public):
            raise Fault("NoSuchKey", Key=key)
        return False
    return acl.allows(acl.of(found.system), call.ctx, need.permission, public=public)


def _by_swift(call: Call, container: Container, need: Need, key: str, public: bool) -> bool:
    """Whether the container's own lists, or the caller's role, let them do the same through the other door."""
    if need.permission not in _SWIFT or (call.caller.anonymous and not public):
        return False
    method, name = _SWIFT[need.permission]
    verdict = call.policy.verdict(
        call.ctx,
        method,
        container.account,
        acl=container.headers.get(name, ""),
        referrer=call.headers.get("referer", ""),
        is_object=bool(key),
        names_allowed=container.account == call.account,
    )
    return verdict.allowed


async def _object(call: Call, container: Container, key: str, version: int | None) -> Object | None:
    try:
        found: Found = await call.store.objects.find(container, key, call.version() if version is None else version)
    except (ObjectNotFound, VersionNotFound):
        return None
    return found.object


def _blocks(container: Container, flag: str) -> bool:
    return flag in container.system.get(BLOCK, "").split()


def _values(call: Call, name: str) -> Sequence[str]:
    """A condition key's values in this request."""
    request, key = call.request, name.lower()
    found: str | None = None
    if key == "aws:sourceip":
        found = request.client_address
    elif key == "aws:securetransport":
        found = "true" if request.scope["scheme"] == "https" else "false"
    elif key in ("aws:currenttime", "aws:epochtime"):
        found = str(call.clock.time())
    elif key == "aws:useragent":
        found = request.headers.get("user-agent")
    elif key == "aws:referer":
        found = request.headers.get("referer")
    elif key == "aws:username":
        found = call.ctx.user_name
    elif key == "aws:userid":
        found = call.ctx.user_id
    elif key == "aws:principalaccount":
        found = call.ctx.project_id
    elif key.startswith("s3:x-amz-"):
        found = request.headers.get(key.removeprefix("s3:"))
    elif key.startswith("s3:"):
        found = request.query.get(key.removeprefix("s3:"))
    return () if found is None else (found,)


# -- letting others in


async def open_to_others(call: Call, container: Container) -> None:
    """Before others are let in to a bucket, or to an object in it: its name must lead there."""
    if not await call.store.names.claim(container.name, container.account):
        raise Fault("BucketAlreadyExists", "Another project has opened a bucket of this name to others.")


def refuse_public(container: Container, grants: Grants) -> None:
    if acl.is_public(grants) and _blocks(container, "BlockPublicAcls"):
        raise Fault("AccessDenied")


def refuse_public_policy(container: Container, policy: bucket_policy.Policy) -> None:
    if policy.is_public and _blocks(container, "BlockPublicPolicy"):
        raise Fault("AccessDenied")


def owner_name(call: Call, container: Container) -> str:
    return owners.of_account(call, container.account)


def owner_ids(call: Call, container: Container) -> frozenset[str]:
    """IDs that mean the bucket's owner, in a document that this caller sends."""
    project = container.account.removeprefix(ACCOUNT_PREFIX)
    return frozenset({project, owner_name(call, container)})
