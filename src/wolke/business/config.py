"""What an operator may set of the point of purchase: ``[business]`` in ``wolke.toml``."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.core.config import option


@dataclass(frozen=True)
class BusinessConfig:
    enabled: bool = option(True, "Whether `wolke up` serves the point of purchase at /.")
    database: str = option(
        "", "postgresql://user:password@host/name, one of its own; empty: business.db in the state directory."
    )
    name: str = option("Wolke", "What the provider is called on pages, invoices and in mail.")
    url: str = option("", "Where people find it, as the links in mail say; empty: where it listens.")
    legal_name: str = option("", "Who sells: the name on invoices; empty: `name`.")
    address: str = option("", "The seller's address on invoices, its parts with commas between.")
    country: str = option("DE", "The seller's country (ISO 3166), whose value added tax is charged.")
    vat_id: str = option("", "The seller's VAT id. Without it and an address no invoice is issued.")
    iban: str = option("", "The account (IBAN) that customers pay to by bank transfer.")
    bic: str = option("", "The bank's BIC.")
    currency: str = option("EUR", "The currency of prices and invoices (ISO 4217).")
    time_zone: str = option("Europe/Berlin", "Where months begin and end for invoices.")
    invoice_delay_h: float = option(
        24.0,
        "Hours after a month's end until its invoices are made by themselves: what is counted late is still on them.",
    )
    invoice_issues: bool = option(
        True, "Whether invoices that are made by themselves are issued too; else they stay drafts to be looked at."
    )
    payment_days: int = option(14, "Days until an invoice is due.")
    mail_from: str = option("Wolke <no-reply@wolke.invalid>", "The sender of mail.")
    smtp_host: str = option(
        "", "Where mail goes out; empty: into the folder `mail` in the state directory, and pages show it."
    )
    smtp_port: int = option(587, "The SMTP server's port.")
    smtp_user: str = option("", "Who signs in at the SMTP server; empty: nobody.")
    smtp_password: str = option("", "The password at the SMTP server.", secret=True)
    smtp_starttls: bool = option(True, "Whether the connection to the SMTP server is upgraded to TLS.")
    session_idle_s: float = option(8 * 3600.0, "After how many seconds of silence a session ends.")
    session_longest_s: float = option(7 * 24 * 3600.0, "After how many seconds a session ends in any case.")
    staff_second_step: bool = option(
        False,
        "Whether the provider's people must use the second step of signing in: whoever has none sets it up before anything else.",
    )
    password_memory_kib: int = option(19_456, "Memory that argon2id uses for one password.")
    password_rounds: int = option(2, "Rounds that argon2id makes for one password.")
    flavor_prefix: str = option("", "Flavors that the shop may offer begin with this; empty: all public ones.")
    limit_servers: int = option(20, "How many servers a project may have, unless it is given more.")
    limit_vcpus: int = option(64, "How many processors its servers may have together.")
    limit_ram_gib: int = option(256, "How much memory they may have together, in GiB.")
    limit_disk_gib: int = option(2000, "How large its disks may be together, in GiB.")
    limit_addresses: int = option(20, "How many public addresses it may have.")
