"""The object store's two doors behind one address: S3's requests are known by how they are signed or addressed, all else is Swift's."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from wolke.core.http import Door, Request, Response
from wolke.object_store import filters
from wolke.object_store.api.door import Authenticate, SwiftDoor
from wolke.object_store.api.sign_in import Login, SignIn
from wolke.object_store.filters import domain_remap
from wolke.object_store.policy import Policy
from wolke.object_store.s3 import S3, Keys, Terms
from wolke.object_store.s3.signature import is_signed
from wolke.object_store.service import ObjectStore
from wolke.object_store.service.uploads import MOST_PARTS


def build_door(
    store: ObjectStore,
    authenticate: Authenticate,
    *,
    keys: Keys | None = None,
    login: Login | None = None,
    terms: Terms | None = None,
) -> Door:
    """``authenticate``: who a token (and a service's beside it) belongs to, or ``Unauthorized``. ``keys``: whose an S3 key is and
    its secret; without it there is no S3. ``login``: Identity's way from a password to a token, for ``/auth/v1.0``."""
    config = store.ground.config
    entrance = None if login is None else SignIn(login)
    features = filters.features(config) | ({} if keys is None else _s3_features(terms or Terms()))
    swift = SwiftDoor(store, authenticate, filters.PIPELINE, Policy(config), features, entrance=entrance)
    swift_answer = domain_remap.remapped(swift.answer, config)
    if keys is None:
        return Door("object_store", swift_answer)
    s3 = S3(store, keys, terms, swift=swift.handler)

    def answer(request: Request) -> Awaitable[Response]:
        if s3.is_s3(request) and (is_signed(request) or not domain_remap.concerns(request, config)):
            return s3.answer(request)
        return swift_answer(request)

    return Door("object_store", answer)


def _s3_features(terms: Terms) -> dict[str, Any]:
    """What ``/info`` says of the other door, in the words that Swift has for its own."""
    return {
        "s3api": {
            "allow_multipart_uploads": True,
            "max_bucket_listing": 1000,
            "max_multi_delete_objects": 1000,
            "max_parts_listing": 1000,
            "max_upload_part_num": MOST_PARTS,
            "min_segment_size": terms.least_part_bytes,
            "s3_acl": False,
        }
    }
