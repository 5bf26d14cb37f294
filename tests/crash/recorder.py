"""Sees every durable operation of this process, as it is about to happen and when it has.

The functions of ``os``, ``open`` and Django's commit are replaced, for good: a recorder belongs into
a child process that is thrown away. SQLite's own writes happen in C and are seen as commits. What
other threads do is not seen: the keeper beats by the clock, and no run would be like another.
"""

from __future__ import annotations

import builtins
import io
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.crash.operations import Kind, Operation

#: From the arguments of a function to the operation that it is; None if it is not in our folder.
Describe = Callable[..., Operation | None]

_CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class Observer(Protocol):
    """Who is told."""

    def before(self, operation: Operation) -> None:
        """It is about to happen."""

    def after(self, operation: Operation, *, failed: bool) -> None:
        """It has happened, or raised."""


class Recorder:
    """Replaces the functions, and tells ``observer`` about operations below ``root``."""

    def __init__(self, root: Path, observer: Observer) -> None:
        """Make one; nothing is replaced before :meth:`install`."""
        self._root = f"{root}{os.sep}"
        self._observer = observer
        self._thread = threading.get_ident()
        self._messages: set[str] = set()

    def install(self) -> None:
        """Replace the functions, until the process ends."""
        for name, describe in self._descriptions().items():
            self._replace(name, describe)
        self._replace_open()
        self._replace_commit()

    def message(self, kind: str) -> None:
        """The first message of each kind counts as a moment of its own."""
        if kind not in self._messages:
            self._messages.add(kind)
            with self._observed(Operation(Kind.MESSAGE, kind)):
                pass

    @contextmanager
    def _observed(self, operation: Operation | None) -> Iterator[None]:
        if operation is None or threading.get_ident() != self._thread:
            yield
            return
        self._observer.before(operation)
        failed = True
        try:
            yield
            failed = False
        finally:
            self._observer.after(operation, failed=failed)

    # ------------------------------------------------------------------------------ functions of os

    def _descriptions(self) -> dict[str, Describe]:
        by_path = {
            "unlink": Kind.UNLINK,
            "remove": Kind.UNLINK,
            "mkdir": Kind.MKDIR,
            "rmdir": Kind.RMDIR,
            "chmod": Kind.STAMP,
            "fchmod": Kind.STAMP,
            "utime": Kind.STAMP,
            "truncate": Kind.CUT,
            "ftruncate": Kind.CUT,
            "write": Kind.WRITE,
            "pwrite": Kind.WRITE,
        }
        by_two_paths = {"rename": Kind.RENAME, "replace": Kind.RENAME, "link": Kind.LINK}
        return {
            "open": self._open,
            "fsync": self._fsync,
            "fdatasync": self._fsync,
            "setxattr": self._setxattr,
            **{name: self._one_path(kind) for name, kind in by_path.items()},
            **{name: self._two_paths(kind) for name, kind in by_two_paths.items()},
        }

    def _replace(self, name: str, describe: Describe) -> None:
        real = getattr(os, name)

        def observed(*args: Any, **options: Any) -> Any:
            with self._observed(describe(*args, **options)):
                return real(*args, **options)

        setattr(os, name, observed)

    def _one_path(self, kind: Kind) -> Describe:
        def describe(path: Any, *_rest: Any, dir_fd: int | None = None, **_options: Any) -> Operation | None:
            inside = self._inside(path, dir_fd)
            return None if inside is None else Operation(kind, inside)

        return describe

    def _two_paths(self, kind: Kind) -> Describe:
        def describe(source: Any, target: Any, **_options: Any) -> Operation | None:
            old, new = self._inside(source), self._inside(target)
            return None if old is None or new is None else Operation(kind, old, new)

        return describe

    def _open(
        self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> Operation | None:
        # A file without a name, by which the lock reads the file system's clock, leaves nothing.
        unnamed = flags & os.O_TMPFILE == os.O_TMPFILE
        inside = self._inside(path, dir_fd)
        if inside is None or unnamed or flags & os.O_ACCMODE == os.O_RDONLY:
            return None
        return Operation(Kind.OPEN, inside)

    def _fsync(self, fd: int) -> Operation | None:
        inside = self._inside(fd)
        folder = stat.S_ISDIR(os.fstat(fd).st_mode)
        return None if inside is None else Operation(Kind.FSYNC_FOLDER if folder else Kind.FSYNC, inside)

    def _setxattr(self, path: Any, _name: Any, value: bytes, *_rest: Any) -> Operation | None:
        inside = self._inside(path)
        return None if inside is None else Operation(Kind.ATTRIBUTE, inside, content=bytes(value))

    def _inside(self, path: Any, dir_fd: int | None = None) -> str | None:
        """The path relative to the root; None if it does not lie below."""
        if isinstance(path, int):
            full = os.readlink(f"/proc/self/fd/{path}")
        elif dir_fd is not None:
            full = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), os.fsdecode(path))
        else:
            full = os.path.abspath(os.fsdecode(path))
        return full.removeprefix(self._root) if full.startswith(self._root) else None

    # ------------------------------------------------------------------------------- files, commits

    def _replace_open(self) -> None:
        recorder, real = self, io.open

        class Watched(io.FileIO):
            def write(self, data: Any) -> int:
                with recorder._observed(Operation(Kind.WRITE, recorder._inside(self.fileno()) or "")):
                    return super().write(data)

        def observed(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **options: Any) -> Any:
            inside = recorder._inside(file)
            if inside is None or not set(mode) & set("wax+"):
                return real(file, mode, buffering, *args, **options)
            if "b" not in mode or "+" in mode:
                raise NotImplementedError(f"the recorder does not know how to watch mode {mode!r}")
            with recorder._observed(None if isinstance(file, int) else Operation(Kind.OPEN, inside)):
                raw = Watched(file, mode.replace("b", ""))
            return raw if buffering == 0 else io.BufferedWriter(raw)

        io.open = builtins.open = observed

    def _replace_commit(self) -> None:
        real = BaseDatabaseWrapper.commit

        def commit(wrapper: BaseDatabaseWrapper) -> None:
            with self._observed(Operation(Kind.COMMIT)):
                real(wrapper)

        def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            alone = not connection.in_atomic_block and sql.lstrip().upper().startswith(_CHANGES)
            with self._observed(Operation(Kind.COMMIT, " ".join(sql.split()[:3])) if alone else None):
                return run(sql, params, many, context)

        BaseDatabaseWrapper.commit = commit  # type: ignore[assignment, method-assign]
        connection.execute_wrappers.append(execute)
