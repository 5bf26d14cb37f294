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


def get_logger(name: str) -> BoundLogger:
    """A structured logger over ``logging.getLogger(name)``; changes no global structlog settings."""
    return cast(
        BoundLogger,
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.PositionalArgumentsFormatter(),
                structlog.stdlib.render_to_log_kwargs,
            ],
            wrapper_class=BoundLogger,
            cache_logger_on_first_use=False,
        ),
    )


@contextmanager
def correlation() -> Iterator[str]:
    """Bind a new correlation id to every log line of this thread until the block ends; yields it."""
    correlation_id = uuid4().hex[:16]
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        yield correlation_id
