"""Everything S3 says when it refuses: one table of codes, and the one exception that carries a row of it to the door.

Codes, statuses and messages are those of the S3 API reference ("Error responses"); clients branch on the code.
"""

from __future__ import annotations

from collections.abc import Mapping

from wolke.core import errors as core
from wolke.object_store import errors
from wolke.object_store.drivers import base
from wolke.object_store.s3 import xml

_SCHEMA = "The XML you provided was not well-formed or did not validate against our published schema"

#: code -> (status, message)
CODES: Mapping[str, tuple[int, str]] = {
    "AccessControlListNotSupported": (400, "The bucket does not allow ACLs"),
    "AccessDenied": (403, "Access Denied."),
    "AccessForbidden": (403, "CORSResponse: This CORS request is not allowed."),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed."),
    "AuthorizationQueryParametersError": (400, "The authorization query parameters are malformed."),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BadRequest": (400, "Bad Request"),
    "BucketAlreadyExists": (
        409,
        "The requested bucket name is not available. Please select a different name and try again.",
    ),
    "BucketAlreadyOwnedByYou": (
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty"),
    "ConditionalRequestConflict": (409, "The conditional request cannot succeed due to a conflicting operation."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed object size."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed object size."),
    "IllegalLocationConstraintException": (
        400,
        "The location constraint is incompatible with the region of this endpoint.",
    ),
    "IllegalVersioningConfigurationException": (
        400,
        "The versioning configuration specified in the request is invalid.",
    ),
    "IncompleteBody": (400, "You did not provide the number of bytes specified by the Content-Length HTTP header"),
    "IncorrectNumberOfFilesInPostRequest": (400, "POST requires exactly one file upload per request."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidBucketState": (409, "The request is not valid with the current state of the bucket."),
    "InvalidChunkSizeError": (403, "Only the last chunk is allowed to have a size less than 8192 bytes"),
    "InvalidDigest": (400, "The Content-MD5 you specified was invalid."),
    "InvalidEncryptionAlgorithmError": (400, "The encryption request you specified is not valid."),
    "InvalidLocationConstraint": (400, "The specified location constraint is not valid."),
    "InvalidPart": (
        400,
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag.",
    ),
    "InvalidPartNumber": (416, "The requested partnumber is not satisfiable"),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order. Parts must be ordered by part number."),
    "InvalidPolicyDocument": (
        400,
        "The content of the form does not meet the conditions specified in the policy document.",
    ),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidRetentionPeriod": (400, "The retention period is not valid."),
    "InvalidStorageClass": (400, "The storage class you specified is not valid"),
    "InvalidTag": (400, "The tag provided was not a valid tag."),
    "InvalidTargetBucketForLogging": (400, "The target bucket for logging does not exist or is not yours."),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long."),
    "MalformedACLError": (400, _SCHEMA),
    "MalformedPOSTRequest": (400, "The body of your POST request is not well-formed multipart/form-data."),
    "MalformedPolicy": (400, "This policy contains invalid Json"),
    "MalformedTrailerError": (
        400,
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    ),
    "MalformedXML": (400, _SCHEMA),
    "MaxMessageLengthExceeded": (400, "Your request was too big."),
    "MaxPostPreDataLengthExceededError": (400, "Your POST request fields preceding the upload file were too large."),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size"),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "MissingRequestBodyError": (400, "Request Body is empty"),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
    "NoSuchCORSConfiguration": (404, "The CORS configuration does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist"),
    "NoSuchObjectLockConfiguration": (404, "The specified object does not have a ObjectLock configuration"),
    "NoSuchPublicAccessBlockConfiguration": (404, "The public access block configuration was not found"),
    "NoSuchTagSet": (404, "The TagSet does not exist"),
    "NoSuchUpload": (
        404,
        "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might "
        "have been aborted or completed.",
    ),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NoSuchWebsiteConfiguration": (404, "The specified bucket does not have a website configuration"),
    "NotImplemented": (501, "The requested resource is not implemented"),
    "NotModified": (304, "Not Modified"),
    "ObjectLockConfigurationNotFoundError": (404, "Object Lock configuration does not exist for this bucket"),
    "OperationAborted": (409, "A conflicting conditional operation is currently in progress against this resource."),
    "OwnershipControlsNotFoundError": (404, "The bucket ownership controls were not found"),
    "PreconditionFailed": (412, "At least one of the preconditions you specified did not hold."),
    "ReplicationConfigurationNotFoundError": (404, "The replication configuration was not found"),
    "RequestIsNotMultiPartContent": (400, "Bucket POST must be of the enclosure-type multipart/form-data."),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "RequestTimeout": (
        400,
        "Your socket connection to the server was not read from or written to within the timeout period.",
    ),
    "ServerSideEncryptionConfigurationNotFoundError": (404, "The server side encryption configuration was not found"),
    "ServiceUnavailable": (503, "Please reduce your request rate."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    ),
    "SlowDown": (503, "Please reduce your request rate."),
    "TooManyBuckets": (400, "You have attempted to create more buckets than allowed."),
    "TooManyParts": (400, "The upload has more parts than allowed."),
    "UnexpectedContent": (400, "This request does not support content."),
    "UserKeyMustBeSpecified": (
        400,
        "The bucket POST must contain the specified field name. If it is specified, please check the order of the fields.",
    ),
    "XAmzContentSHA256Mismatch": (400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
    "InsufficientStorage": (507, "There is no room left in the store."),
}


class Fault(Exception):
    """A code of the table. ``more`` are further elements of the answer, by name; ``headers`` go out with it."""

    def __init__(self, code: str, message: str = "", headers: Mapping[str, str] | None = None, **more: object) -> None:
        super().__init__(code)
        self.code = code
        self.status, standard = CODES[code]
        self.message = message or standard
        self.headers = dict(headers or {})
        self.more = more


def argument(name: str, value: object, message: str = "") -> Fault:
    """A parameter or header whose value will not do."""
    return Fault("InvalidArgument", message, ArgumentName=name, ArgumentValue=value)


def not_here(what: str) -> Fault:
    """A header or parameter that asks for what this store does not do."""
    message = "A header you provided implies functionality that is not implemented"
    return Fault("NotImplemented", message, Header=what)


def document(fault: Fault, request_id: str) -> bytes:
    """``<Error>``, which has no namespace."""
    parts: list[xml.Part] = [("Code", fault.code), ("Message", fault.message)]
    parts += [(name.replace("_", "-"), _text(value)) for name, value in fault.more.items() if value is not None]
    parts += [("RequestId", request_id), ("HostId", request_id)]
    return xml.document("Error", *parts, namespace=False)


def _text(value: object) -> str:
    return xml.printable(str(value))[:4096]


#: What the verbs and the drivers raise, and the code it is here. The first that fits counts.
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (errors.ObjectNotFound, "NoSuchKey"),
    (errors.VersionNotFound, "NoSuchVersion"),
    (errors.UploadNotFound, "NoSuchUpload"),
    (errors.ContainerNotFound, "NoSuchBucket"),
    (errors.AccountNotFound, "NoSuchBucket"),
    (errors.ContainerNotEmpty, "BucketNotEmpty"),
    (errors.Changed, "OperationAborted"),
    (errors.QuotaReached, "EntityTooLarge"),
    (errors.BadName, "InvalidArgument"),
    (errors.BadMetadata, "MetadataTooLarge"),
    (errors.PreconditionFailed, "PreconditionFailed"),
    (errors.NotModified, "NotModified"),
    (errors.DataMismatch, "BadDigest"),
    (errors.ClientDisconnected, "IncompleteBody"),
    (errors.StoreFull, "InsufficientStorage"),
    (errors.Locked, "AccessDenied"),
    (base.NoSpace, "InsufficientStorage"),
    (base.Damaged, "InternalError"),
    (base.Broken, "ServiceUnavailable"),
    (base.Lost, "OperationAborted"),
    (core.Forbidden, "AccessDenied"),
    (core.Unauthorized, "AccessDenied"),
    (core.NotFound, "NoSuchKey"),
    (core.Conflict, "OperationAborted"),
    (core.TooLarge, "MaxMessageLengthExceeded"),
    (core.Unavailable, "ServiceUnavailable"),
)


def fault_of(error: Exception) -> Fault | None:
    """The same as S3 says it; None for what nobody foresaw."""
    if isinstance(error, Fault):
        return error
    for kind, code in _KINDS:
        if isinstance(error, kind):
            return Fault(code, str(error) if code in ("EntityTooLarge", "InvalidArgument", "MetadataTooLarge") else "")
    if isinstance(error, core.CloudError) and error.status < 500:
        return Fault("InvalidRequest", error.message)
    return None
