"""Invoicing's verbs: the customers' and, under ``/provider``, those of the provider's people."""

from __future__ import annotations

from wolke.business.invoicing.verbs import customers, provider, sheets
from wolke.business.verb import Verb

VERBS: tuple[Verb, ...] = (*customers.VERBS, *provider.VERBS, *sheets.VERBS)
