"""Options of the object store."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.core.config import option


@dataclass(frozen=True)
class ObjectStoreConfig:
    enabled: bool = option(True, "Whether the cloud has an object store.")
    listen: str = option(
        "",
        "ADDR:PORT of its process, port 0 for any that is free; empty: the port after the cloud's, on the same address.",
    )
    nice: int = option(5, "How far its process steps back for the others while the processor is short: 0 (not) to 19.")
    bucket_domains: str = option(
        "", "S3: hosts whose subdomains are buckets, with commas between. Buckets in paths are understood in any case."
    )
    policies: str = option(
        "default=segments",
        "Storage policies with commas between, the default first: name=driver, or name=driver:/directory for another place.",
    )
    expire_period_s: float = option(5.0, "How often objects whose time has come are looked for.")
    upload_days: int = option(7, "After how many days without a part a multipart upload is aborted.")
    allow_open_expired: bool = option(
        False, "Whether X-Open-Expired: true still reads an object whose time has come, until it is deleted."
    )
    operator_roles: str = option(
        "admin,manager,member",
        "Roles that may do everything in their own project's account, with commas between.",
    )
    reader_roles: str = option("reader", "Roles that may look into their own project's account.")
    system_reader_roles: str = option("", "Roles that may look into every account.")
    reseller_admin_role: str = option(
        "ResellerAdmin", "The role that may do everything in every account, and set quotas."
    )
    service_roles: str = option(
        "service", "Roles of the second token that the accounts of services (SERVICE_) ask for."
    )
    storage_domains: str = option(
        "", "Domains below which accounts and containers are names of hosts: container.AUTH-account.storage.example."
    )
    account_ratelimit_per_s: float = option(
        0.0, "How many containers may be made or deleted in an account a second; 0 is any number."
    )
    container_ratelimits: str = option(
        "", "How many objects may be written a second in a container with so many: 0:100,10000:10. Empty is any number."
    )
    container_listing_ratelimits: str = option("", "The same for listings of a container.")
    ratelimit_longest_s: float = option(
        60.0, "Who would have to wait longer than this for a rate limit is refused (498)."
    )
