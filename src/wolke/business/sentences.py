"""Sentences that are kept or sent with their names filled in: in a request's row, beside a field, within another sentence.

Each is its template here, filled by whoever says it; whoever shows it in another language finds by the template which one it is and what was
filled in (``web.words``). So rows and the REST API hold plain English, and a person reads their own language.
"""

from __future__ import annotations

#: What is asked for.
SERVER, RESIZED = "the server {name} ({plan}, {image})", "the size {plan} for the server {name}"
DISK, GROWN, ADDRESS = "the disk {name} ({size} GiB)", "{size} GiB more for the disk {name}", "a public address"
#: What is missing for it.
BEYOND_BUDGET = "the project would cost {month} {currency} this month, where its budget is {budget} {currency2}"
BEYOND = {
    "servers": "it would have {wanted} servers, where {allowed} are allowed",
    "vcpus": "it would have {wanted} processors, where {allowed} are allowed",
    "ram_mib": "it would have {wanted} GiB of memory, where {allowed} are allowed",
    "disk_gib": "it would have {wanted} GiB of disks, where {allowed} are allowed",
    "addresses": "it would have {wanted} public addresses, where {allowed} are allowed",
}
#: What is wrong beside a field.
TOO_SMALL = "This size is too small for it: it needs a disk of {size} GiB."
NOT_SMALLER_DISK = "Its disk has {size} GiB and cannot become smaller."
NOT_SMALLER = "It has {size} GiB and cannot become smaller."
TYPE_ITS_NAME = "To delete it, type its name: {name}"
VAT_BEGINS = "A VAT id of this country begins with {begins}."
VAT_UNLIKE = "This does not look like a VAT id of this country."
VAT_UNLIKE_AS = "This does not look like a VAT id of this country, as in {example}."
#: What is left in a project: one, and several.
LEFT = {
    "server": ("{count} server", "{count} servers"),
    "disk": ("{count} disk", "{count} disks"),
    "address": ("{count} address", "{count} addresses"),
    "snapshot": ("{count} snapshot", "{count} snapshots"),
}
OBJECTS_LEFT = "objects in its containers"

TEMPLATES: tuple[str, ...] = (
    SERVER, RESIZED, DISK, GROWN, ADDRESS, BEYOND_BUDGET, *BEYOND.values(), TOO_SMALL, NOT_SMALLER_DISK, NOT_SMALLER, TYPE_ITS_NAME,
    VAT_BEGINS, VAT_UNLIKE, VAT_UNLIKE_AS, *(text for pair in LEFT.values() for text in pair), OBJECTS_LEFT,
)  # fmt: skip
