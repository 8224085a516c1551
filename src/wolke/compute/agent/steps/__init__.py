"""One function per task. Each makes the guest what is wished for and returns what it learnt; it may be called again after a
crash anywhere, because the driver's verbs look before they act. ``Failure`` says why it can never be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps import images, interfaces, live, moving, power, rescuing, shelving, volumes
from wolke.compute.model import Wish

Step = Callable[[Ground, Wish], Awaitable[dict[str, Any]]]

STEPS: Mapping[str, Step] = {
    "spawning": power.spawn,
    "powering-on": power.power_on,
    "powering-off": power.power_off,
    "rebooting": power.reboot,
    "rebooting_hard": power.reboot_hard,
    "pausing": power.pause,
    "unpausing": power.unpause,
    "suspending": power.suspend,
    "resuming": power.power_on,
    "rebuilding": power.destroy,
    "rebuild_spawning": power.spawn,
    "image_snapshot": images.snapshot,
    "interface_attaching": interfaces.attach,
    "interface_detaching": interfaces.detach,
    "volume_attaching": volumes.attach,
    "volume_detaching": volumes.detach,
    "volume_swapping": volumes.swap,
    "volumes_renewing": volumes.refresh,
    "volume_keeping": volumes.keep,
    "resize_migrating": moving.leave,
    "resize_finish": moving.arrive,
    "resize_reverting": power.destroy,
    "resize_restoring": moving.come_back,
    "image_backup": images.snapshot,
    "shelving": power.power_off,
    "shelving_image_uploading": images.snapshot,
    "shelving_offloading": moving.destroy_all,
    "unshelving": shelving.unshelve,
    "spawning_shelved": power.spawn,
    "evacuate_spawning": power.spawn,
    "soft-deleting": power.power_off,
    "restoring": power.power_on,
    "rescuing": rescuing.rescue,
    "unrescuing": rescuing.unrescue,
    "live_serving": live.serve,
    "live_regaining": live.regain,
    "live_receiving": live.receive,
    "live_sending": live.send,
    "live_arriving": live.arrive,
    "live_clearing": moving.destroy_all,
    "live_withdrawing": moving.destroy_all,
    "confirming": moving.forget,
    "deleting": moving.destroy_all,
    "deleting_aside": moving.destroy_all,
    "clearing": moving.destroy_all,
}

#: One attempt of most steps ends after ``work.STEP_DEADLINE_S``; disks take longer to copy.
DEADLINES_S: Mapping[str, float] = {
    "volume_swapping": 14400.0,
    "volume_keeping": 3600.0,
    "resize_finish": 3600.0,
    "live_receiving": 3600.0,
    "live_sending": 14400.0,
    "image_snapshot": 3600.0,
    "image_backup": 3600.0,
    "shelving_image_uploading": 3600.0,
    "spawning_shelved": 3600.0,
    "evacuate_spawning": 3600.0,
}
