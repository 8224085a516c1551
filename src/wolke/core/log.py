"""Structured logs: one event, named fields, to standard error; as JSON lines for machines, as columns for people.

Nothing that is secret is ever given to a logger: records that hold secrets keep them out of their ``repr``, and a traceback is
written without the values of local variables. structlog takes 100 ms to import, so that waits for the first event that is written.
"""

from __future__ import annotations

import functools
import logging
import sys
from typing import Any, TextIO, cast


class Logger:
    def debug(self, event: str, **fields: Any) -> None:
        if _chosen.level <= logging.DEBUG:
            _writer().debug(event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        if _chosen.level <= logging.INFO:
            _writer().info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        if _chosen.level <= logging.WARNING:
            _writer().warning(event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        _writer().error(event, **fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error with the traceback of what is being handled."""
        _writer().exception(event, **fields)


_logger = Logger()


def get_logger(name: str) -> Logger:
    return _logger


class _Chosen:
    level = logging.INFO
    as_json = False


_chosen = _Chosen()


def configure(*, level: str = "info", as_json: bool = False) -> None:
    """``level``: debug, info, warning or error. Also for the libraries that use the standard library's logging."""
    _chosen.level, _chosen.as_json = logging.getLevelNamesMapping()[level.upper()], as_json
    _writer.cache_clear()
    logging.basicConfig(level=max(_chosen.level, logging.WARNING), stream=sys.stderr, force=True)


@functools.cache
def _writer() -> Any:
    import structlog

    plain = structlog.dev.plain_traceback
    render = (
        structlog.processors.JSONRenderer()
        if _chosen.as_json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if _chosen.as_json else []),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_chosen.level),
        logger_factory=lambda *names: structlog.PrintLogger(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    return structlog.get_logger()


class _Stderr:
    """Whatever standard error is at the moment of writing."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
