"""Log lines on standard error: sentences for people, JSON for machines.

Only a command configures logging; the library logs to ``endoreg_db`` and leaves the rest to its host.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from endoreg_db.cli.output import Flags, Output, printable

ROOT = "endoreg_db"

#: What every record has; the rest are the fields that the intake gave it.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class OutputHandler(logging.Handler):
    """Hands each formatted record to the command's output."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record."""
        try:
            self._output.error_line(self.format(record))
        except (OSError, ValueError):
            # Standard error is gone. Losing a log line must not cost an import; the standard
            # library decides whether anybody can still be told.
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the structured fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """A sentence, with the time for who follows along; tracebacks only if asked for."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s" if verbose else "", "%H:%M:%S")
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        if self._verbose:
            return super().format(record)
        return f"{record.levelname.lower()}: {printable(record.getMessage())}"

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without a traceback, which has lines of its own; its message cannot begin another."""
        record.message = printable(record.message)
        return super().formatMessage(record)


def configure_logging(output: Output) -> None:
    """Print what ``endoreg_db`` logs, as much of it as the flags ask for."""
    flags = output.flags
    handler = OutputHandler(output)
    handler.setFormatter(JsonFormatter() if flags.as_json else TextFormatter(verbose=flags.verbose))
    if not (flags.as_json or flags.verbose):
        handler.addFilter(_is_not_told_by_the_result)
    logger = logging.getLogger(ROOT)
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(_level(flags))


def _level(flags: Flags) -> int:
    if flags.verbose:
        return logging.INFO
    return logging.ERROR if flags.quiet else logging.WARNING


#: Who logs how an import went wrong.
_TOLD_BY_THE_RESULT = (".services.media_import", ".services.sources")


def _is_not_told_by_the_result(record: logging.LogRecord) -> bool:
    """Keep the import's own error lines out: the result says the same, with its advice."""
    return record.levelno < logging.ERROR or not record.name.endswith(_TOLD_BY_THE_RESULT)
