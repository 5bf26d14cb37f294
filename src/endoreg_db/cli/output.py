"""Printing: results on standard output, everything else on standard error, for people or for machines.

Results are what was asked for. With ``--json`` each is one JSON object a line; without, it is text
that says what happened and what to do next. Warnings, errors and log lines never mix with them.
"""

from __future__ import annotations

import json
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from endoreg_db.errors import MediaImportError


@dataclass(frozen=True, slots=True)
class Flags:
    """How to print; the three options that every command has."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def __or__(self, other: Flags) -> Flags:
        """Both sets of options together: ``endoreg --json status`` is ``endoreg status --json``."""
        return Flags(self.as_json or other.as_json, self.quiet or other.quiet, self.verbose or other.verbose)


class Output:
    """Where a command prints."""

    def __init__(self, flags: Flags, stdout: TextIO, stderr: TextIO) -> None:
        self.flags = flags
        self._stdout = stdout
        self._stderr = stderr
        self._print_error_line: Callable[[str], None] = self._print_plainly

    @classmethod
    def standard(cls, flags: Flags) -> Output:
        """The process's own streams; a letter that the terminal cannot show does not end the command."""
        for stream in (sys.stdout, sys.stderr):
            # Tests and hosts put other objects in their place.
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="backslashreplace")
        return cls(flags, sys.stdout, sys.stderr)

    # ------------------------------------------------------------------------------- results

    def result(self, data: Mapping[str, Any], text: str | None = None) -> None:
        """Print one result: ``data`` as a JSON line, or ``text`` for people (None: nothing)."""
        if self.flags.as_json:
            # ASCII only: a file name need not be valid in any encoding, a JSON line must be.
            self._write(json.dumps(data, ensure_ascii=True))
        elif text is not None:
            self._write(text)

    def say(self, text: str) -> None:
        """Tell a person; says nothing with ``--json`` or ``--quiet``."""
        if not (self.flags.as_json or self.flags.quiet):
            self._write(text)

    def _write(self, text: str) -> None:
        self._stdout.write(f"{text}\n")
        self._stdout.flush()  # whoever reads a pipe sees each file when it is done

    # ------------------------------------------------------------------ warnings, errors, logs

    def error_line(self, text: str) -> None:
        """Print one line on standard error, above the progress bar if there is one."""
        self._print_error_line(text)

    def error(self, error: BaseException) -> None:
        """Say what went wrong and what to do next; with ``--verbose`` also where."""
        message, advice = words_of(error)
        if self.flags.as_json:
            traceback_if_wanted = {"traceback": _traceback(error)} if self.flags.verbose else {}
            self._json_error(message, advice=advice, **_error_fields(error), **traceback_if_wanted)
            return
        self.error_line(f"error: {printable(message)}\n{indented(advice)}")
        if self.flags.verbose:
            self.traceback(error)

    def stopped(self, why: str) -> None:
        """Say that the command ended because it was asked to."""
        advice = "Nothing half-done was kept. Run the same command again to go on."
        if self.flags.as_json:
            self._json_error(why, advice=advice)
        else:
            self.error_line(f"{why}\n{indented(advice)}")

    def traceback(self, error: BaseException) -> None:
        """Print the traceback, for who asked for it with ``--verbose``."""
        if self.flags.as_json:
            self._json_error(words_of(error)[0], **_error_fields(error), traceback=_traceback(error))
        else:
            self.error_line(_traceback(error))

    def _json_error(self, message: str, **fields: str) -> None:
        """Print an error with the fields that every log line has, and its own."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "level": "error", "logger": "endoreg_db.cli", "message": message, **fields}
        self.error_line(json.dumps(line))

    @contextmanager
    def error_lines_to(self, write: Callable[[str], None]) -> Iterator[None]:
        """While the block runs, print error lines with ``write``: a progress bar must step aside."""
        self._print_error_line = write
        try:
            yield
        finally:
            self._print_error_line = self._print_plainly

    @property
    def stderr(self) -> TextIO:
        """The stream behind the error lines, for what has to draw on it."""
        return self._stderr

    def _print_plainly(self, text: str) -> None:
        self._stderr.write(f"{text}\n")
        self._stderr.flush()


def words_of(error: BaseException) -> tuple[str, str]:
    """What happened, and what to do next."""
    if isinstance(error, MediaImportError):
        return error.message, error.advice
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"Something unexpected happened ({what})", "Run it again with --verbose and report what it prints."


def _error_fields(error: BaseException) -> dict[str, str]:
    fields = {name: getattr(error, name, None) for name in ("path", "step", "correlation_id")}
    return {"type": type(error).__name__, **{name: value for name, value in fields.items() if value}}


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()


def printable(text: object) -> str:
    """The text with whatever could confuse a terminal written as an escape.

    File names may hold control sequences, line breaks, and bytes that are no text at all.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in str(text)
    )


def shell_word(path: object) -> str:
    """A path as one word of a command that a person may copy into a shell."""
    return printable(shlex.quote(str(path)))


def indented(*lines: str) -> str:
    """The lines, indented as details of what stands above them."""
    return "\n".join(f"    {line}" for line in lines)


def details(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and values below each other, indented; pairs whose value is None are left out."""
    known = [(name, printable(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    return indented(*(f"{name:<{width}}  {value}" for name, value in known))


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A plain table, each column as wide as its widest cell.

    Nothing is ever cut or wrapped: UUIDs and paths are there to be copied.
    """
    cells = [[printable(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
