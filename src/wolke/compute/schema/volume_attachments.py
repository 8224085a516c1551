"""Bodies about a server's volumes."""

from __future__ import annotations

from wolke.compute.schema.servers import DEVICE_TAG
from wolke.core.schema import BOOLEAN, UUID, body, nullable, string

_DEVICE = nullable(string(least=1, most=255, pattern=r"^(/dev/)?[a-zA-Z0-9]+$"))
_FIELDS = {"volumeId": UUID, "device": _DEVICE, "tag": DEVICE_TAG, "delete_on_termination": BOOLEAN}
CREATE = body("volumeAttachment", _FIELDS, required=("volumeId",))
UPDATE = body(
    "volumeAttachment",
    {**_FIELDS, "tag": nullable(DEVICE_TAG), "id": UUID, "serverId": UUID, "attachment_id": UUID, "bdm_uuid": UUID},
    required=("volumeId",),
)
