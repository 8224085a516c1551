"""Every S3 operation: method, what it is about, its sub-resource, who answers, and what the caller needs.

A sub-resource is a query parameter whose mere presence chooses the operation. One that S3 knows and this table does not have
for a method is 501, and a method that a resource never has is 405.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wolke.object_store.s3 import (
    access,
    bucket_policy,
    buckets,
    configuration,
    cors,
    deleting,
    lifecycle,
    listing,
    protection,
    reading,
    tagging,
    uploads,
    writing,
)
from wolke.object_store.s3 import headers as meta
from wolke.object_store.s3.access import Need
from wolke.object_store.s3.acl import READ, READ_ACP, WRITE, WRITE_ACP
from wolke.object_store.s3.call import Call
from wolke.object_store.s3.configuration import Handler, answers, done, forget, lacks, takes_only
from wolke.object_store.s3.faults import Fault

SERVICE, BUCKET, OBJECT = "service", "bucket", "object"

#: Those of both, in the order in which they are looked for.
_SUBS = (
    "acl", "tagging", "policyStatus", "policy", "publicAccessBlock", "cors", "lifecycle", "versioning", "versions",
    "object-lock", "ownershipControls", "encryption", "accelerate", "requestPayment", "logging", "notification",
    "replication", "website", "location", "uploads", "uploadId", "delete", "attributes", "retention", "legal-hold",
    "torrent", "restore", "select", "analytics", "inventory", "metrics", "intelligent-tiering", "metadataTable",
)  # fmt: skip


class Row(NamedTuple):
    method: str
    noun: str
    sub: str
    handler: Handler
    need: Need | None = None


def _bucket(sub: str, get: Handler, put: Handler | None, delete: Handler | None, name: str) -> Iterable[Row]:
    """A configuration, which only the owner, or whom the policy lets, may see and set."""
    yield Row("GET", BUCKET, sub, get, Need(f"s3:Get{name}"))
    if put is not None:
        yield Row("PUT", BUCKET, sub, put, Need(f"s3:Put{name}"))
    if delete is not None:
        yield Row(
            "DELETE", BUCKET, sub, delete, Need(f"s3:Delete{name}" if name == "BucketPolicy" else f"s3:Put{name}")
        )


_READ_OBJECT = Need("s3:GetObject", READ, of_object=True)
_WRITE_OBJECT = Need("s3:PutObject", WRITE)
_LIST = Need("s3:ListBucket", READ)

ROWS: tuple[Row, ...] = (
    Row("GET", SERVICE, "", buckets.list_buckets),
    Row("PUT", BUCKET, "", buckets.create),
    Row("HEAD", BUCKET, "", buckets.head, _LIST),
    Row("DELETE", BUCKET, "", buckets.delete, Need("s3:DeleteBucket")),
    Row("GET", BUCKET, "", listing.list_objects, _LIST),
    Row("GET", BUCKET, "versions", listing.list_versions, Need("s3:ListBucketVersions", READ)),
    Row("GET", BUCKET, "uploads", uploads.list_uploads, Need("s3:ListBucketMultipartUploads", READ)),
    Row("GET", BUCKET, "location", buckets.location, Need("s3:GetBucketLocation", READ)),
    Row("POST", BUCKET, "delete", deleting.delete_objects),
    Row("GET", BUCKET, "acl", configuration.get_acl, Need("s3:GetBucketAcl", READ_ACP)),
    Row("PUT", BUCKET, "acl", configuration.put_acl, Need("s3:PutBucketAcl", WRITE_ACP)),
    Row("GET", BUCKET, "policyStatus", configuration.get_policy_status, Need("s3:GetBucketPolicyStatus")),
    *_bucket("policy", configuration.get_policy, configuration.put_policy, forget(bucket_policy.NAME), "BucketPolicy"),
    *_bucket(
        "publicAccessBlock", configuration.get_public_access, configuration.put_public_access, forget(access.BLOCK),
        "BucketPublicAccessBlock",
    ),
    *_bucket("cors", cors.get, cors.put, cors.delete, "BucketCORS"),
    *_bucket("tagging", tagging.get_of_bucket, tagging.put_of_bucket, forget(meta.TAGS), "BucketTagging"),
    *_bucket("lifecycle", lifecycle.get, lifecycle.put, lifecycle.delete, "LifecycleConfiguration"),
    *_bucket("versioning", configuration.get_versioning, configuration.put_versioning, None, "BucketVersioning"),
    *_bucket("object-lock", configuration.get_lock, configuration.put_lock, None, "BucketObjectLockConfiguration"),
    *_bucket(
        "ownershipControls", configuration.get_ownership, configuration.put_ownership, forget("s3:ownershipControls"),
        "BucketOwnershipControls",
    ),
    *_bucket("encryption", lacks("ServerSideEncryptionConfigurationNotFoundError"), None, done, "EncryptionConfiguration"),
    *_bucket("accelerate", answers("AccelerateConfiguration"), takes_only("AccelerateConfiguration", ("Status", "Suspended")),
             None, "AccelerateConfiguration"),
    *_bucket("requestPayment", answers("RequestPaymentConfiguration", ("Payer", "BucketOwner")),
             takes_only("RequestPaymentConfiguration", ("Payer", "BucketOwner")), None, "BucketRequestPayment"),
    *_bucket("logging", answers("BucketLoggingStatus"), takes_only("BucketLoggingStatus"), None, "BucketLogging"),
    *_bucket("notification", answers("NotificationConfiguration"), takes_only("NotificationConfiguration"), None,
             "BucketNotification"),
    *_bucket("replication", lacks("ReplicationConfigurationNotFoundError"), None, done, "ReplicationConfiguration"),
    *_bucket("website", lacks("NoSuchWebsiteConfiguration"), None, done, "BucketWebsite"),
    Row("GET", OBJECT, "", reading.get_object, _READ_OBJECT),
    Row("HEAD", OBJECT, "", reading.get_object, _READ_OBJECT),
    Row("PUT", OBJECT, "", writing.put_object, _WRITE_OBJECT),
    Row("DELETE", OBJECT, "", deleting.delete_object, Need("s3:DeleteObject", WRITE)),
    Row("GET", OBJECT, "attributes", reading.get_attributes, _READ_OBJECT),
    Row("GET", OBJECT, "acl", protection.get_acl, Need("s3:GetObjectAcl", READ_ACP, of_object=True)),
    Row("PUT", OBJECT, "acl", protection.put_acl, Need("s3:PutObjectAcl", WRITE_ACP, of_object=True)),
    Row("GET", OBJECT, "tagging", tagging.get_of_object, Need("s3:GetObjectTagging")),
    Row("PUT", OBJECT, "tagging", tagging.put_of_object, Need("s3:PutObjectTagging")),
    Row("DELETE", OBJECT, "tagging", tagging.delete_of_object, Need("s3:DeleteObjectTagging")),
    Row("GET", OBJECT, "retention", protection.get_retention, Need("s3:GetObjectRetention")),
    Row("PUT", OBJECT, "retention", protection.put_retention, Need("s3:PutObjectRetention")),
    Row("GET", OBJECT, "legal-hold", protection.get_hold, Need("s3:GetObjectLegalHold")),
    Row("PUT", OBJECT, "legal-hold", protection.put_hold, Need("s3:PutObjectLegalHold")),
    Row("POST", OBJECT, "uploads", uploads.initiate, _WRITE_OBJECT),
    Row("PUT", OBJECT, "uploadId", uploads.put_part, _WRITE_OBJECT),
    Row("GET", OBJECT, "uploadId", uploads.list_parts, Need("s3:ListMultipartUploadParts", WRITE)),
    Row("POST", OBJECT, "uploadId", uploads.complete, _WRITE_OBJECT),
    Row("DELETE", OBJECT, "uploadId", uploads.abort, Need("s3:AbortMultipartUpload", WRITE)),
)  # fmt: skip

_TABLE: Mapping[tuple[str, str, str], Row] = {(row.method, row.noun, row.sub): row for row in ROWS}
_METHODS: Mapping[str, frozenset[str]] = {
    noun: frozenset(row.method for row in ROWS if row.noun == noun) for noun in (SERVICE, BUCKET, OBJECT)
}


def choose(call: Call) -> Row:
    noun = OBJECT if call.key else BUCKET if call.bucket else SERVICE
    method = call.request.method
    sub = ""
    if call.request.scope["query_string"] and noun != SERVICE:
        names = set(call.request.query.names())
        sub = next((one for one in _SUBS if one in names), "")
    row = _TABLE.get((method, noun, sub))
    if row is None and method == "HEAD" and sub:
        row = _TABLE.get((method, noun, ""))
    if row is not None:
        return row
    if method not in _METHODS[noun] or not sub:
        raise Fault("MethodNotAllowed", Method=method, ResourceType=noun.upper())
    raise Fault("NotImplemented")
