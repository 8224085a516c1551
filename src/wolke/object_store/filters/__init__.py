"""Wrappers round the Swift door, one file each. A filter that is not concerned costs a look at the method, a header or the query:
it hands on what the handler behind it returns, without waiting for it itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.object_store.api.call import Filter
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.filters import (
    bulk,
    copy,
    dlo,
    domain_remap,
    formpost,
    ratelimit,
    slo,
    staticweb,
    symlink,
    tempurl,
)

#: From the door inwards. What is signed comes before what it lets do; a web site shows whole objects; a large object may lie
#: behind a link, but no link behind a large object's back.
PIPELINE: tuple[Filter, ...] = (
    bulk.filter_bulk,
    tempurl.filter_tempurl,
    formpost.filter_formpost,
    ratelimit.filter_ratelimit,
    staticweb.filter_staticweb,
    copy.filter_copy,
    slo.filter_slo,
    dlo.filter_dlo,
    symlink.filter_symlink,
)

#: What ``/info`` says of them.
INFO: Mapping[str, Any] = {
    **bulk.INFO,
    **tempurl.INFO,
    **formpost.INFO,
    **staticweb.INFO,
    **slo.INFO,
    **dlo.INFO,
    **symlink.INFO,
}


def features(config: ObjectStoreConfig) -> dict[str, Any]:
    """``INFO``, and what depends on options."""
    return {**INFO, **ratelimit.info(config), **domain_remap.info(config)}
