"""Log lines: a sentence for people, and stable fields beside it for machines.

The sentence is the message of an ordinary standard-library record, so any host can read and route
it. The fields (``correlation_id``, ``step``, ``media_uuid``, …) travel as attributes of the record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import uuid4

import structlog
from structlog.stdlib import BoundLogger
from structlog.typing import EventDict


def get_logger(name: str) -> BoundLogger:
    """A structured logger over ``logging.getLogger(name)``; changes no global structlog settings."""
    return cast(
        BoundLogger,
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.PositionalArgumentsFormatter(),
                _as_text,
                structlog.stdlib.render_to_log_kwargs,
            ],
            wrapper_class=BoundLogger,
            cache_logger_on_first_use=False,
        ),
    )


def _as_text(_logger: object, _method: str, fields: EventDict) -> EventDict:
    r"""Write bytes of a file name that are no text as ``\udcff``: else a host's log file refuses the line."""
    fields["event"] = str(fields["event"]).encode("utf-8", "backslashreplace").decode("utf-8")
    return fields


@contextmanager
def correlation() -> Iterator[str]:
    """Bind a correlation id to every log line of this thread until the block ends; yields it.

    It is a new one, unless the caller has bound one already to follow a whole request.
    """
    bound = structlog.contextvars.get_contextvars().get("correlation_id")
    correlation_id = bound or uuid4().hex[:16]
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        yield correlation_id
