"""What can be set for Block Storage."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.core.config import option


@dataclass(frozen=True)
class BlockStorageConfig:
    default_quota_volumes: int = option(100, "Volumes that a project may have unless its quota says otherwise.")
    default_quota_gigabytes: int = option(10000, "GiB that a project's volumes and snapshots may have together.")
    default_quota_snapshots: int = option(100, "Snapshots that a project may have.")
    default_quota_per_volume_gigabytes: int = option(-1, "GiB that one volume may have; -1: as many as fit.")
    default_quota_backups: int = option(100, "Backups that a project may have.")
    default_quota_backup_gigabytes: int = option(10000, "GiB that the volumes behind a project's backups may have.")
    default_quota_groups: int = option(20, "Groups that a project may have.")
    default_volume_type: str = option("default", "The type of volumes that name none; made at the first start.")
    default_availability_zone: str = option("nova", "The zone of hosts, and of volumes that name none.")
    host_down_after_s: float = option(60.0, "A host that has not been heard of for so long is taken to be down.")
    heartbeat_period_s: float = option(10.0, "How often each host reports that it is alive.")
    sync_period_s: float = option(60.0, "How often each host compares what is on its backends with what should be.")
    connect_timeout_s: float = option(30.0, "How long a connection to a volume may take before it is refused.")
    reserved_deadline_s: float = option(
        600.0, "A volume that was reserved or is being attached or detached for so long is given up or taken back."
    )
    message_ttl_s: float = option(2592000.0, "How long messages are kept.")
    max_volumes_per_page: int = option(1000, "The longest page that a list gives.")
    keys_dir: str = option(
        "", "Where the keys are that seal the keys of encrypted volumes; empty: in the state directory."
    )
