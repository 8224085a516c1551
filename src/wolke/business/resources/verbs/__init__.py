"""What can be done with what a project has."""

from __future__ import annotations

from wolke.business.resources.verbs import ground, limits, objects, provider, requests, servers, storage
from wolke.business.verb import Verb

VERBS: tuple[Verb, ...] = (
    *servers.VERBS,
    *storage.VERBS,
    *ground.VERBS,
    *objects.VERBS,
    *requests.VERBS,
    *limits.VERBS,
    *provider.VERBS,
)
