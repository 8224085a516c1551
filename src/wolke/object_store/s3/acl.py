"""S3's access control lists: canned ones, grants in headers, grants in XML, and what they allow to whom.

A list is kept in a bucket's or an object's ``system`` as JSON; none means private. The owner's rights are not in it: whoever
operates the account always may.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from wolke.core.context import Context
from wolke.object_store.s3 import owners, xml
from wolke.object_store.s3.faults import Fault, argument, not_here

NAME = "s3:acl"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
_GROUPS = frozenset({ALL_USERS, AUTHENTICATED, LOG_DELIVERY})
_MOST = 100
_ID_BYTES = 256

READ, WRITE, READ_ACP, WRITE_ACP, FULL = "READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"
_PERMISSIONS = (READ, WRITE, READ_ACP, WRITE_ACP, FULL)
_HEADERS = {f"x-amz-grant-{name.lower().replace('_', '-')}": name for name in _PERMISSIONS}
_GRANTEE = re.compile(r'\s*(id|uri|emailAddress)\s*=\s*"?([^",]*)"?\s*(?:,|$)', re.IGNORECASE)


class Grant(NamedTuple):
    """``grantee``: an ID, or a group's URI."""

    grantee: str
    permission: str

    @property
    def is_group(self) -> bool:
        return self.grantee in _GROUPS


Grants = tuple[Grant, ...]

CANNED: Mapping[str, Grants] = {
    "private": (),
    "public-read": (Grant(ALL_USERS, READ),),
    "public-read-write": (Grant(ALL_USERS, READ), Grant(ALL_USERS, WRITE)),
    "authenticated-read": (Grant(AUTHENTICATED, READ),),
    "aws-exec-read": (),
    "bucket-owner-read": (),  # the bucket's owner owns the objects in it
    "bucket-owner-full-control": (),
    "log-delivery-write": (Grant(LOG_DELIVERY, WRITE), Grant(LOG_DELIVERY, READ_ACP)),
}

_decode = msgspec.json.Decoder(tuple[Grant, ...]).decode


@lru_cache(maxsize=1024)
def _read(text: str) -> Grants:
    return _decode(text)


def of(system: Mapping[str, str]) -> Grants:
    text = system.get(NAME)
    return _read(text) if text else ()


def text(grants: Grants) -> str | None:
    """As it is kept; None for a private one, which is not."""
    return msgspec.json.encode(grants).decode() if grants else None


def allows(grants: Grants, ctx: Context, permission: str, *, public: bool = True) -> bool:
    """``public``: whether grants to everybody count."""
    who = owners.identities(ctx)
    for grant in grants:
        if grant.permission not in (permission, FULL):
            continue
        everybody = public and (grant.grantee == ALL_USERS or (grant.grantee == AUTHENTICATED and who))
        if everybody or grant.grantee in who:
            return True
    return False


def is_public(grants: Grants) -> bool:
    return any(grant.grantee in (ALL_USERS, AUTHENTICATED) for grant in grants)


def from_headers(headers: Mapping[str, str]) -> Grants | None:
    """What x-amz-acl or x-amz-grant-… ask for; None if neither is there."""
    canned = headers.get("x-amz-acl")
    granted = [name for name in headers if name in _HEADERS]
    if canned is not None and granted:
        raise Fault("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
    if canned is not None:
        if canned not in CANNED:
            raise argument("x-amz-acl", canned)
        return CANNED[canned]
    if not granted:
        return None
    return _bounded([grant for name in granted for grant in _header(headers[name], _HEADERS[name])])


def _header(value: str, permission: str) -> list[Grant]:
    found, at = [], 0
    while at < len(value):
        match = _GRANTEE.match(value, at)
        if match is None:
            raise argument("x-amz-grant", value, "Argument format not recognized")
        found.append(_grant(match[1].lower(), match[2].strip(), permission))
        at = match.end()
    return found


def _grant(kind: str, grantee: str, permission: str) -> Grant:
    if kind == "emailaddress":
        raise not_here("emailAddress")
    if kind == "uri" and grantee not in _GROUPS:
        raise argument("uri", grantee, "Invalid group uri")
    if not grantee or len(grantee.encode()) > _ID_BYTES:
        raise argument("id", grantee, "Invalid id")
    return Grant(grantee, permission)


def _bounded(grants: Sequence[Grant]) -> Grants:
    if len(grants) > _MOST:
        raise Fault("MalformedACLError")
    return tuple(dict.fromkeys(grants))


def from_xml(root: xml.Node, owner: frozenset[str]) -> Grants:
    """``owner``: IDs that mean the owner, whose grants need not be kept. Raises ``Fault``."""
    listed = root.find("AccessControlList")
    if root.find("Owner/ID") is None or listed is None:
        raise Fault("MalformedACLError")
    if root.get("Owner/ID") not in owner:
        raise Fault("AccessDenied")
    found = []
    for node in listed.all("Grant"):
        permission, grantee = node.get("Permission"), node.find("Grantee")
        if permission not in _PERMISSIONS or grantee is None:
            raise Fault("MalformedACLError")
        if grantee.kind == "Group":
            found.append(_grant("uri", grantee.get("URI") or "", permission))
        elif grantee.kind == "CanonicalUser":
            found.append(_grant("id", grantee.get("ID") or "", permission))
        else:
            raise Fault("MalformedACLError") if grantee.kind != "AmazonCustomerByEmail" else not_here("EmailAddress")
    return _bounded([grant for grant in found if grant.grantee not in owner])


_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def document(owner: str, grants: Grants) -> bytes:
    listed = [_element(Grant(owner, FULL)), *(_element(grant) for grant in grants)]
    return xml.document(
        "AccessControlPolicy", owners.element("Owner", owner), xml.element("AccessControlList", *listed)
    )


def _element(grant: Grant) -> str:
    if grant.is_group:
        kind, inside = "Group", xml.leaf("URI", grant.grantee)
    else:
        kind, inside = "CanonicalUser", xml.leaf("ID", grant.grantee) + xml.leaf("DisplayName", grant.grantee)
    grantee = f'<Grantee {_XSI} xsi:type="{kind}">{inside}</Grantee>'
    return xml.element("Grant", grantee, ("Permission", grant.permission))
