"""A server's volume as the wire shows it."""

from __future__ import annotations

from typing import Any

from wolke.compute.model import BlockDevice


def volume_attachment(device: BlockDevice) -> dict[str, Any]:
    return {
        "volumeId": device.volume_id,
        "serverId": device.server_id,
        "device": device.device_name,
        "tag": device.tag,
        "delete_on_termination": device.delete_on_termination,
        "attachment_id": device.attachment_id,
        "bdm_uuid": device.id,
    }
