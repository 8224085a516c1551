"""What Block Storage refuses, in Cinder's words."""

from __future__ import annotations

from wolke.core.errors import BadRequest, Conflict, NotFound, Refused, TooLarge


class VolumeNotFound(NotFound):
    def __init__(self, volume_id: str) -> None:
        super().__init__(f"Volume {volume_id} could not be found.")


class SnapshotNotFound(NotFound):
    def __init__(self, snapshot_id: str) -> None:
        super().__init__(f"Snapshot {snapshot_id} could not be found.")


class BackupNotFound(NotFound):
    def __init__(self, backup_id: str) -> None:
        super().__init__(f"Backup {backup_id} could not be found.")


class AttachmentNotFound(NotFound):
    def __init__(self, attachment_id: str) -> None:
        super().__init__(f"Volume attachment could not be found with filter: attachment_id = {attachment_id}.")


class TypeNotFound(NotFound):
    def __init__(self, type_id: str) -> None:
        super().__init__(f"Volume type {type_id} could not be found.")


class TypeExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Volume Type {name} already exists.")


class TypeInUse(BadRequest):
    def __init__(self, type_id: str) -> None:
        super().__init__(f"Volume Type {type_id} deletion is not allowed with volumes present with the type.")


class TypeAccessNotFound(NotFound):
    def __init__(self, type_id: str, project_id: str) -> None:
        super().__init__(f"Volume type access not found for {type_id} / {project_id} combination.")


class TypeAccessExists(Conflict):
    def __init__(self, type_id: str, project_id: str) -> None:
        super().__init__(f"Volume type access for {type_id} / {project_id} combination already exists.")


class ExtraSpecNotFound(NotFound):
    def __init__(self, type_id: str, key: str) -> None:
        super().__init__(f"Volume Type {type_id} has no extra specs with key {key}.")


class EncryptionNotFound(NotFound):
    def __init__(self, type_id: str) -> None:
        super().__init__(f"Volume type encryption for type {type_id} does not exist.")


class EncryptionExists(BadRequest):
    def __init__(self, type_id: str) -> None:
        super().__init__(f"Volume type encryption for type {type_id} already exists.")


class EncryptionInUse(BadRequest):
    def __init__(self) -> None:
        super().__init__("Cannot change or delete an encryption type while volumes of the type exist.")


class QosSpecsNotFound(NotFound):
    def __init__(self, specs_id: str) -> None:
        super().__init__(f"No such QoS spec {specs_id}.")


class QosSpecsExist(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"QoS Specs {name} already exists.")


class QosSpecsInUse(BadRequest):
    def __init__(self, specs_id: str) -> None:
        super().__init__(f"QoS Specs {specs_id} is still associated with entities.")


class QosKeyNotFound(NotFound):
    def __init__(self, specs_id: str, key: str) -> None:
        super().__init__(f"QoS spec {specs_id} has no spec with key {key}.")


class GroupNotFound(NotFound):
    def __init__(self, group_id: str) -> None:
        super().__init__(f"Group {group_id} could not be found.")


class GroupSnapshotNotFound(NotFound):
    def __init__(self, snapshot_id: str) -> None:
        super().__init__(f"GroupSnapshot {snapshot_id} could not be found.")


class GroupTypeNotFound(NotFound):
    def __init__(self, type_id: str) -> None:
        super().__init__(f"Group type {type_id} could not be found.")


class GroupTypeExists(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"Group Type {name} already exists.")


class GroupTypeInUse(BadRequest):
    def __init__(self, type_id: str) -> None:
        super().__init__(f"Group Type {type_id} deletion is not allowed with groups present with the type.")


class GroupSpecNotFound(NotFound):
    def __init__(self, type_id: str, key: str) -> None:
        super().__init__(f"Group Type {type_id} has no specs with key {key}.")


class TransferNotFound(NotFound):
    def __init__(self, transfer_id: str) -> None:
        super().__init__(f"Transfer {transfer_id} could not be found.")


class BadTransferKey(BadRequest):
    def __init__(self) -> None:
        super().__init__("Invalid auth key: it is not the one of this transfer.")


class MessageNotFound(NotFound):
    def __init__(self, message_id: str) -> None:
        super().__init__(f"Message {message_id} could not be found.")


class MetadataNotFound(NotFound):
    def __init__(self, key: str) -> None:
        super().__init__(f"Metadata item {key} could not be found.")


class ServiceNotFound(NotFound):
    def __init__(self, host: str) -> None:
        super().__init__(f"Service cinder-volume could not be found on host {host}.")


class HostNotFound(NotFound):
    def __init__(self, host: str) -> None:
        super().__init__(f"Host {host} could not be found.")


class DefaultTypeNotFound(NotFound):
    def __init__(self, project_id: str) -> None:
        super().__init__(f"Default type for project {project_id} not found.")


class MarkerNotFound(NotFound):
    def __init__(self, marker: str) -> None:
        super().__init__(f"marker {marker[:64]} could not be found.")


class Invalid(BadRequest):
    """``noun``: volume, snapshot, backup, … as Cinder's "Invalid volume: why"."""

    def __init__(self, noun: str, why: str) -> None:
        super().__init__(f"Invalid {noun}: {why}")


class NotSettled(Invalid):
    """Something is under way, or the state does not allow it."""

    def __init__(self, noun: str, one_id: str, verb: str, status: str) -> None:
        what = verb.replace("_", " ")
        super().__init__(noun, f"{noun.capitalize()} {one_id} cannot {what} while its status is {status}.")


class Changed(Conflict):
    def __init__(self, noun: str, one_id: str) -> None:
        super().__init__(f"{noun.capitalize()} {one_id} was changed by somebody else meanwhile: look again.")


class InUse(Invalid):
    def __init__(self, volume_id: str) -> None:
        super().__init__("volume", f"Volume {volume_id} is in use: it must be detached first.")


class CannotConnect(Conflict):
    def __init__(self, why: str) -> None:
        super().__init__(f"The volume cannot be connected: {why}")


class QuotaExceeded(TooLarge):
    """Cinder says 413 and "over limit", and so do we."""

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"Retry-After": "0"})


class StaleOutcome(Conflict):
    """Somebody wrote since the agent looked: it must look again."""

    def __init__(self, kind: str, one_id: str) -> None:
        super().__init__(f"What was said of {kind} {one_id} is out of date: look again.")


class UnknownRow(NotFound):
    def __init__(self, kind: str, one_id: str) -> None:
        super().__init__(f"This host has no {kind} {one_id}.")


class HostSilent(Conflict):
    def __init__(self, host: str) -> None:
        super().__init__(f"Host {host} does not answer at the moment.")


class NotOffered(Refused):
    """Cinder has it; this cloud has not, and says so instead of failing later."""

    def __init__(self, what: str) -> None:
        super().__init__(501, "Not Implemented", f"This cloud does not offer {what}.")
