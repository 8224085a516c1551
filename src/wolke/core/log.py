"""Structured logs: one event, named fields, to standard error; as JSON lines for machines, as columns for people.

Nothing that is secret is ever given to a logger: records that hold secrets keep them out of their ``repr``, and a traceback is
written without the values of local variables.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO, cast

import structlog


def get_logger(name: str) -> Any:
    return structlog.get_logger(name)


def configure(*, level: str = "info", as_json: bool = False) -> None:
    """``level``: debug, info, warning or error. Also for the libraries that use the standard library's logging."""
    number = logging.getLevelNamesMapping()[level.upper()]
    _structure(number, as_json)
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)


def _structure(number: int, as_json: bool) -> None:
    plain = structlog.dev.plain_traceback
    render = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if as_json else []),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *names: structlog.PrintLogger(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )


class _Stderr:
    """Whatever standard error is at the moment of writing."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


_structure(logging.INFO, as_json=False)
