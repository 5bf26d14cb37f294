"""Faults of the disk and of the database, injected at the n-th step of an import.

Every call that writes, creates, links, renames or makes durable is counted, wherever in the process
it is made; the database's statements and commits likewise. Nothing but the fault is simulated.
"""

from __future__ import annotations

import builtins
import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from django.db import OperationalError, connection

#: Calls by which something gets onto a disk. Opening counts only for writing.
FILE_CALLS = (
    "open",
    "write",
    "pwrite",
    "fsync",
    "fdatasync",
    "rename",
    "replace",
    "link",
    "mkdir",
    "fchmod",
    "ftruncate",
    "setxattr",
    "utime",
)

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Faults:
    """Counts the steps, and lets the ``at``-th (from 0) fail: once, or with all that follow."""

    fail: Callable[[str], Exception]  # from the name of the step
    at: int | None = None  # None: only count
    lasting: bool = False
    steps: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # the steps that did

    def step(self, name: str) -> None:
        """Called before a step is taken; raises where it is to fail."""
        number = len(self.steps)
        self.steps.append(name)
        if self.at is not None and (number == self.at or (self.lasting and number > self.at)):
            self.failed.append(name)
            raise self.fail(name)


def file_error(number: int) -> Callable[[str], OSError]:
    """What the system raises for ``number``, e.g. ``errno.ENOSPC``."""
    return lambda _name: OSError(number, os.strerror(number))


def database_error(code: int) -> Callable[[str], OperationalError]:
    """What Django raises when SQLite answers with ``code``, e.g. ``sqlite3.SQLITE_FULL``."""

    def make(name: str) -> OperationalError:
        cause = sqlite3.OperationalError(f"injected at {name}")
        cause.sqlite_errorcode = code
        error = OperationalError(*cause.args)
        error.__cause__ = cause
        return error

    return make


@contextmanager
def faulty_files(faults: Faults) -> Iterator[Faults]:
    """Let the calls of :data:`FILE_CALLS`, and writes to files that ``os.fdopen`` opens, pass ``faults``."""
    with ExitStack() as patches:
        for name in FILE_CALLS:
            real = getattr(os, name)
            patches.enter_context(mock.patch.object(os, name, _counted(faults, name, real)))
        patches.enter_context(mock.patch.object(os, "fdopen", _counting_fdopen(faults)))
        yield faults


def _counted(faults: Faults, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        if name != "open" or args[1] & _WRITING:
            faults.step(name)
        return real(*args, **named)

    return call


def _counting_fdopen(faults: Faults) -> Callable[..., Any]:
    class CountingFile(io.FileIO):
        def write(self, data: Any, /) -> int:
            faults.step("write")
            return super().write(data)

    def fdopen(descriptor: int, mode: str = "r", *args: Any, **named: Any) -> Any:
        if mode != "wb":
            return builtins.open(descriptor, mode, *args, **named)
        return io.BufferedWriter(CountingFile(descriptor, mode))

    return fdopen


@contextmanager
def faulty_database(faults: Faults) -> Iterator[Faults]:
    """Let this thread's statements and commits pass ``faults``; a failed commit is rolled back."""

    def statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        faults.step(sql.split(maxsplit=1)[0])
        return execute(sql, params, many, context)

    def commit() -> None:
        with connection.wrap_database_errors:
            faults.step("COMMIT")
            connection.connection.commit()

    with connection.execute_wrapper(statement), mock.patch.object(connection, "_commit", commit):
        yield faults
