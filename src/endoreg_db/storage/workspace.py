"""The folder that an attempt works in, and the sign that its process is alive.

While the process lives it holds ``flock`` on a file in the folder. The kernel takes that lock away
when the process ends, however it ends, so nobody ever has to guess from process ids (which mean
nothing in another container) or from clocks.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from types import TracebackType
from uuid import UUID

from endoreg_db.storage.durable import remove_folder_durably, storage_errors
from endoreg_db.storage.layout import DataFolder

_ALIVE = "alive"


class Workspace:
    """An attempt's private folder, removed with everything in it when it is closed."""

    def __init__(self, data_folder: DataFolder, attempt: UUID) -> None:
        """Make the folder and take the sign of life.

        Raises:
            StorageFailedError: the data folder is gone or cannot be written.
            InsufficientStorageError: the disk or the quota is full.
        """
        self.folder = data_folder.make_attempt_folder(attempt)
        with storage_errors(self.folder):
            self._alive = os.open(self.folder / _ALIVE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._alive, fcntl.LOCK_EX)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder; what cannot be removed is left to recovery. May be called twice."""
        if self._alive < 0:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._alive)
        self._alive = -1


def is_abandoned(data_folder: DataFolder, attempt: UUID) -> bool:
    """Whether no process under this kernel works in the attempt's folder any more.

    Says nothing about processes under other kernels: ask only for an attempt that ran here.
    """
    try:
        alive = os.open(
            data_folder.attempt_folder(attempt) / _ALIVE, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        )
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(alive)


def remove_abandoned(data_folder: DataFolder, attempt: UUID) -> None:
    """Remove what a dead attempt left behind.

    Raises:
        StorageFailedError: something in its folder cannot be removed.
    """
    remove_folder_durably(data_folder.attempt_folder(attempt))
