"""The folder that an attempt works in, and the sign that its process is alive.

While the process lives it holds ``flock`` on a file in the folder. The kernel takes that lock away
when the process ends, however it ends, so nobody ever has to guess from process ids (which mean
nothing in another container) or from clocks.

Whoever removes an abandoned folder holds the same lock, and removes the file that it is on last. So
a folder that is just being made is never taken for one that was left behind, and one that was left
half removed still shows that nobody lives there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from uuid import UUID

from endoreg_db.storage.durable import fsync_folder, storage_errors
from endoreg_db.storage.layout import DataFolder

_ALIVE = "alive"
_OPEN = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class Workspace:
    """An attempt's private folder, removed with everything in it when it is closed."""

    def __init__(self, data_folder: DataFolder, attempt: UUID) -> None:
        """Make the folder and take the sign of life.

        Raises:
            StorageFailedError: the data folder is gone or cannot be written.
            InsufficientStorageError: the disk or the quota is full.
        """
        self.folder = data_folder.attempt_folder(attempt)
        try:
            with storage_errors(self.folder):
                self._alive = _move_in(data_folder, attempt)
        except BaseException:  # nobody else closes what was never handed out
            with contextlib.suppress(OSError):
                _remove(self.folder)
            raise

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def clear(self) -> None:
        """Remove what was written; the folder and the sign of life stay.

        What cannot be removed is left to recovery.
        """
        with contextlib.suppress(OSError):
            _empty(self.folder)

    def close(self) -> None:
        """Remove the folder; what cannot be removed is left to recovery. May be called twice."""
        if self._alive < 0:
            return
        with contextlib.suppress(OSError):
            _remove(self.folder)
        os.close(self._alive)
        self._alive = -1


def is_abandoned(data_folder: DataFolder, attempt: UUID) -> bool:
    """Whether no process under this kernel works in the attempt's folder any more.

    Says nothing about processes under other kernels: ask only for an attempt that ran here. A folder that
    cannot be looked into, because another user's process made it, is not known to be abandoned.
    """
    try:
        alive = os.open(
            data_folder.attempt_folder(attempt) / _ALIVE, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        )
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return _try_lock(alive)
    finally:
        os.close(alive)


@contextlib.contextmanager
def seized(data_folder: DataFolder, attempt: UUID) -> Iterator[bool]:
    """Hold an attempt's sign of life while the block runs, so that nobody else can come or go there.

    To find an attempt dead and then to act on that are two moments. In between, a process that was
    just moving in may have got on: what a burial changes, it changes under this hold. Where there is no
    folder any more, because another recovery has removed it, one is made to be held: the process that
    waited for that other recovery makes its folder anew, and would otherwise move in meanwhile.

    Yields:
        Whether nobody lives there. If True, :func:`remove_seized` is to follow; if False, nothing is held.

    Raises:
        StorageFailedError: the folder cannot be looked into, or not be made.
        InsufficientStorageError: the disk or the quota is full.
    """
    folder = data_folder.attempt_folder(attempt)
    with contextlib.ExitStack() as stack:
        with storage_errors(folder):
            alive = _open_sign(data_folder, attempt)
            stack.callback(os.close, alive)
            dead = _try_lock(alive) and _is_named(alive)
        if not dead:
            stack.close()
        yield dead


def remove_abandoned(data_folder: DataFolder, attempt: UUID) -> bool:
    """Remove what a dead attempt left behind, durably.

    Returns:
        Whether nothing is left; False if a process under this kernel is still, or again, there.

    Raises:
        StorageFailedError: something in its folder cannot be removed.
    """
    with seized(data_folder, attempt) as dead:
        if dead:
            remove_seized(data_folder, attempt)
    return dead


def remove_seized(data_folder: DataFolder, attempt: UUID) -> None:
    """Remove a folder that this process has :func:`seized`, durably.

    Raises:
        StorageFailedError: something in it cannot be removed.
    """
    folder = data_folder.attempt_folder(attempt)
    with storage_errors(folder):
        _remove(folder)
    fsync_folder(folder.parent)


def _move_in(data_folder: DataFolder, attempt: UUID) -> int:
    """Make the folder and return the descriptor whose lock is the sign of life."""
    while True:
        alive = _open_sign(data_folder, attempt)
        fcntl.flock(alive, fcntl.LOCK_EX)  # waits for a recovery that is removing the folder
        if _is_named(alive):
            return alive
        os.close(alive)


def _open_sign(data_folder: DataFolder, attempt: UUID) -> int:
    """Open the file that the sign of life is on; it and the folder are made if they are missing."""
    while True:
        folder = data_folder.make_attempt_folder(attempt)
        try:
            return os.open(folder / _ALIVE, _OPEN, 0o600)
        except FileNotFoundError:
            continue  # a recovery has just taken the folder for one that was left behind


def _remove(folder: Path) -> None:
    _empty(folder)
    (folder / _ALIVE).unlink(missing_ok=True)
    folder.rmdir()


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _ALIVE:
            path.unlink(missing_ok=True)


def _try_lock(alive: int) -> bool:
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_named(alive: int) -> bool:
    return os.fstat(alive).st_nlink > 0
