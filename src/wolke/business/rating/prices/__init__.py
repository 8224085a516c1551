"""The price models: each is one file here and one line in ``MODELS``."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.business.rating.model import Model
from wolke.business.rating.prices import flat, graduated, per_unit

MODELS: Mapping[str, Model] = {
    "per-unit": Model(per_unit.cost, per_unit.check),
    "graduated": Model(graduated.cost, graduated.check),
    "flat": Model(flat.cost, flat.check),
}
