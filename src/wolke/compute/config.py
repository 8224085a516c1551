"""What can be set for Compute."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.core.config import option


@dataclass(frozen=True)
class ComputeConfig:
    default_quota_instances: int = option(100, "Servers that a project may have unless its quota says otherwise.")
    default_quota_cores: int = option(400, "Virtual CPUs that a project's servers may have together.")
    default_quota_ram_mib: int = option(819200, "Memory, in MiB, that a project's servers may have together.")
    default_quota_key_pairs: int = option(100, "Key pairs that a user may have.")
    default_quota_server_groups: int = option(50, "Server groups that a project may have.")
    default_quota_server_group_members: int = option(50, "Servers that a server group may have.")
    default_quota_metadata_items: int = option(128, "Metadata items that a server may have.")
    cpu_allocation_ratio: float = option(4.0, "Virtual CPUs promised for each one that a new host has.")
    ram_allocation_ratio: float = option(1.0, "MiB promised for each MiB that a new host has.")
    disk_allocation_ratio: float = option(1.0, "GiB promised for each GiB that a new host has.")
    reserved_host_ram_mib: int = option(512, "Memory, in MiB, of each host that is never given to guests.")
    host_down_after_s: float = option(60.0, "A host that has not been heard of for so long is taken to be down.")
    build_deadline_s: float = option(600.0, "A server that is not up so long after its creation goes to ERROR.")
    deleted_retention_s: float = option(86400.0, "How long rows of deleted servers are kept for changes-since lists.")
    default_availability_zone: str = option("nova", "The zone of hosts that are in no aggregate with one.")
    max_servers_per_page: int = option(1000, "The longest page that a list gives.")
    interface_attach_wait_s: float = option(
        30.0, "How long a request to attach an interface waits for the guest to have it before it is answered."
    )
    console_token_ttl_s: float = option(600.0, "How long a console URL can be opened.")
    allow_resize_to_same_host: bool = option(True, "Whether a server may be resized where it is.")
    resize_confirm_window_s: float = option(0.0, "A resize that nobody confirmed is confirmed after so long; 0: never.")
    shelved_offload_time_s: float = option(
        0.0, "A shelved server leaves its host after so long; 0: at once; less than 0: when an administrator says so."
    )
    reclaim_server_interval_s: float = option(
        0.0, "A deleted server can be restored for so long; 0: it is gone at once, as if forced."
    )
    guest_shutdown_timeout_s: float = option(60.0, "How long a guest is given to shut down before its plug is pulled.")
    sync_period_s: float = option(60.0, "How often each host compares what runs with what should.")
    heartbeat_period_s: float = option(10.0, "How often each host reports that it is alive.")
