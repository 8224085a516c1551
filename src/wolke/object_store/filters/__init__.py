"""Wrappers round the Swift door, one file each. A filter that is not concerned costs a look at the method, a header or the query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.object_store.api.call import Filter

#: From the door inwards.
PIPELINE: tuple[Filter, ...] = ()

#: What ``/info`` says of them.
INFO: Mapping[str, Any] = {}
