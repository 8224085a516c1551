"""What is known of tempest's tests that do not pass: why, by a part of their name."""

from __future__ import annotations

from collections.abc import Mapping

_STAYS = "a server whose volumes are files of its own host stays there while it runs (docs/explanation/limits.md)"
WHY: Mapping[str, str] = {
    "test_extend_attached_encrypted_volume_luksv2": "wants LUKS in its second version; QEMU, which encrypts here, has the first "
    "alone, and such volumes end in error with that reason",
    "test_volume_assisted_snapshot": "os-assisted-volume-snapshots is for file systems whose driver cannot freeze a volume that is "
    "in use; here Block Storage asks the guest's host itself",
    "test_update_default_quotas": "limits of injected files, networks and security groups, which only old versions show, are "
    "constants: nothing counts them",
    "test_live_block_migration_with_attached_volume": _STAYS,
    "test_volume_backed_live_migration": _STAYS,
    "test_tagged_attachment": "attaches a volume while the interface before it is still on its way: Nova answers when it is there, "
    "this server at once",
    "NoVNCConsoleTestJSON.test_novnc": "noVNC was not installed where this ran, and the page of the console says so",
    "ServersUpdatePinnedAZ2104": "needs microversion 2.104; the newest here is 2.100",
}


def why(test_id: str) -> str | None:
    return next((said for part, said in WHY.items() if part in test_id), None)
