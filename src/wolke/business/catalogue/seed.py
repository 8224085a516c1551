"""What a provider that has just begun sells: four products, and figures from which the price of any size follows.

All of it is data that people change later; it is put there once, when there is nothing yet.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from wolke.business.catalogue.model import ADDRESS, DISK, OBJECT_STORAGE, SERVER, Product
from wolke.business.rating import plain

PRODUCTS: tuple[Product, ...] = (
    Product("server", SERVER, "servers", "server-hour", {"en": "Server", "de": "Server"}, 1),
    Product("disk", DISK, "disks", "GiB-hour", {"en": "Disk", "de": "Festplatte"}, 2),
    Product("address", ADDRESS, "addresses", "address-hour", {"en": "Public address", "de": "Öffentliche Adresse"}, 3),
    Product(
        "object-storage", OBJECT_STORAGE, "objects", "GiB-hour", {"en": "Object storage", "de": "Objektspeicher"}, 4
    ),
)
#: Plans that need nothing of the cloud: product, name, model, figures, included. 3,650 GiB-hours are 5 GiB for a month of 730 hours.
PLANS: tuple[tuple[str, str, str, dict[str, str | list[dict[str, str]]], str], ...] = (
    ("disk", "Standard", "per-unit", {"unit": "0.00006"}, "0"),
    ("address", "IPv4", "per-unit", {"unit": "0.0014"}, "0"),
    (
        "object-storage",
        "Standard",
        "graduated",
        {"tiers": [{"up_to": "730000", "unit": "0.00003"}, {"up_to": "", "unit": "0.000024"}]},
        "3650",
    ),
)
#: What an hour of a server costs for each processor, GiB of memory and GiB of disk.
_VCPU, _RAM_GIB, _DISK_GIB = Decimal("0.0036"), Decimal("0.0024"), Decimal("0.00004")
_FINEST = Decimal("0.0001")
_MIB = 1024
#: What a size is called, by the memory up to which it goes.
_NAMES = (
    (512, "XXS"), (1024, "XS"), (2048, "S"), (4096, "M"), (8192, "L"), (16384, "XL"), (32768, "2XL"), (65536, "3XL"), (131072, "4XL"), (262144, "5XL"),
)  # fmt: skip
_LARGEST = "6XL"


def size_names(vcpus: int, ram_mib: int, disk_gib: int) -> tuple[str, ...]:
    """What a server of that size may be called, the first that is free: ``M``, else ``M-4``, else ``M-4-80``, else ``M-4096-4-80``."""
    letters = next((name for most, name in _NAMES if ram_mib <= most), _LARGEST)
    return letters, f"{letters}-{vcpus}", f"{letters}-{vcpus}-{disk_gib}", f"{letters}-{ram_mib}-{vcpus}-{disk_gib}"


def price_of_size(vcpus: int, ram_mib: int, disk_gib: int) -> str:
    """Of an hour."""
    price = _VCPU * vcpus + _RAM_GIB * Decimal(ram_mib) / _MIB + _DISK_GIB * disk_gib
    return plain(max(_FINEST, price.quantize(_FINEST, ROUND_HALF_UP)))
