"""The life of volumes: what controllers do about them by themselves, and what they tell and hear from the agents of hosts.

The loops of ``reconcile`` and the agents' API are both doors to this. ``Life`` is made once per process by the composition root.
"""

from __future__ import annotations

from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.life.hosts import HostDoor, HostReport
from wolke.block_storage.service.life.outcomes import Outcomes
from wolke.block_storage.service.life.overdue import Overdue
from wolke.block_storage.service.life.questions import Questions
from wolke.block_storage.service.life.scheduling import Scheduling
from wolke.block_storage.service.life.sweeping import Sweeping
from wolke.block_storage.service.life.wakes import Wakes

__all__ = ["HostReport", "Life"]


class Life:
    def __init__(self, block_storage: BlockStorage) -> None:
        needs, endings = block_storage.needs, block_storage.endings
        self.db = block_storage.db
        self.clock = block_storage.clock
        self.hosts = HostDoor(needs)
        self.outcomes = Outcomes(needs, endings)
        self.overdue = Overdue(needs, endings, block_storage.attachments, self.outcomes)
        self.scheduling = Scheduling(needs, endings, block_storage.hosts)
        self.sweeping = Sweeping(needs)
        self.wakes = Wakes(self.db)
        self.questions = Questions(needs)
        block_storage.managing.questions = self.questions
