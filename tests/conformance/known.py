"""What is known of tempest's tests that do not pass: why, by a part of their name."""

from __future__ import annotations

from collections.abc import Mapping

WHY: Mapping[str, str] = {
    "test_extend_attached_encrypted_volume_luksv2": "wants LUKS in its second version; QEMU, which encrypts here, has the first "
    "alone, and such volumes end in error with that reason",
    "test_volume_assisted_snapshot": "os-assisted-volume-snapshots is for file systems whose driver cannot freeze a volume that is "
    "in use; here Block Storage asks the guest's host itself",
    "test_update_default_quotas": "limits of networks and security groups, which only old versions show, are constants, as nothing "
    "counts them, and so are those of a server's files",
}


def why(test_id: str) -> str | None:
    return next((said for part, said in WHY.items() if part in test_id), None)
