"""Log lines: a sentence for people, and stable fields beside it for machines.

The sentence is the message of an ordinary standard-library record, so any host can read and route
it. The fields (``correlation_id``, ``step``, ``media_uuid``, …) travel as attributes of the record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

_correlation_id: ContextVar[str | None] = ContextVar("endoreg_correlation_id", default=None)


class FieldLogger:
    """A logger whose calls take fields by name, and add the correlation id if one is bound."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def info(self, sentence: str, *values: object, **fields: object) -> None:
        """Say what was done; ``values`` fill the sentence as the standard library fills it."""
        self._log(logging.INFO, sentence, values, fields)

    def warning(
        self, sentence: str, *values: object, exc_info: bool | BaseException = False, **fields: object
    ) -> None:
        """Say what somebody should look at, if asked with the traceback of what was raised."""
        self._log(logging.WARNING, sentence, values, fields, exc_info)

    def error(self, sentence: str, *values: object, **fields: object) -> None:
        """Say what went wrong."""
        self._log(logging.ERROR, sentence, values, fields)

    def _log(
        self,
        level: int,
        sentence: str,
        values: tuple[object, ...],
        fields: dict[str, object],
        exc_info: bool | BaseException = False,
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        bound = _correlation_id.get()
        extra = fields if bound is None else {"correlation_id": bound, **fields}
        text = _as_text(sentence % values if values else sentence)
        self._logger.log(level, text, exc_info=exc_info, extra=extra, stacklevel=3)


def get_logger(name: str) -> FieldLogger:
    """A logger with fields over ``logging.getLogger(name)``; its handlers and level are the host's."""
    return FieldLogger(logging.getLogger(name))


def _as_text(sentence: str) -> str:
    r"""Write bytes of a file name that are no text as ``\udcff``: else a host's log file refuses the line."""
    return sentence.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def correlation() -> Iterator[str]:
    """Have every log line of this thread carry a correlation id until the block ends; yields it.

    It is a new one, unless this happens within another such block: that follows a whole request.
    """
    correlation_id = _correlation_id.get() or uuid4().hex[:16]
    token = _correlation_id.set(correlation_id)
    try:
        yield correlation_id
    finally:
        _correlation_id.reset(token)
