"""One worker per file: the lock ``<file>.lock`` beside it.

    with acquire(lock_path_for(source, folder), stale_after=600.0) as lock:
        ...  # the only one here; lock.renew() now and then

The module is the front door. The protocol itself is in `lock_steps`, its system calls are in
`posix_files`, what it promises where is in ``docs/locking.md``. It knows no Django.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from endoreg_db.locking import lock_steps
from endoreg_db.locking.lock_steps import Grip, LockHeldError, LockState, LockStatus
from endoreg_db.locking.owner import Owner, current_owner
from endoreg_db.locking.posix_files import LockUnusableError, PosixFiles

__all__ = [
    "HeldLock",
    "LockHeldError",
    "LockState",
    "LockStatus",
    "LockUnusableError",
    "Owner",
    "acquire",
    "inspect",
    "lock_path_for",
    "remove_if_dead",
]

_SUFFIX = ".lock"
_USUAL_NAME_MAX = 255
_POSIX = PosixFiles()

# Between two rounds another process has made or removed the file, so one of them got on.
_ROUNDS = 100


def _tell_nobody(age: float) -> None:
    """Take a lock over in silence."""


def lock_path_for(source: Path, fallback_folder: Path) -> Path:
    """Where the lock of a source file lies: beside it, wherever that is possible.

    In a folder that this user cannot write to, or where the name with its suffix is too long, it
    is a file in ``fallback_folder`` (which must exist), named by the digest of the source's
    absolute path. Workers that differ in their rights to the folder, or in how they reach it,
    then use different locks: it is the lease on the content that keeps those apart.
    """
    beside = Path(f"{source}{_SUFFIX}")
    folder = beside.parent
    if len(os.fsencode(beside.name)) <= _longest_name(folder) and os.access(
        folder, os.W_OK | os.X_OK, effective_ids=True
    ):
        return beside
    absolute = os.fsencode(os.path.abspath(source))  # noqa: PTH100 - keeps links: the path is what is locked
    return fallback_folder / f"{hashlib.sha256(absolute).hexdigest()}{_SUFFIX}"


class HeldLock:
    """A lock that this process holds; release it, or use it as a context manager.

    It may be renewed from another thread than the one that releases it. In a forked child it is
    inert: it neither renews nor releases the parent's lock, nor keeps it alive. Do not use it in
    a signal handler, which may interrupt it: raise from there instead.
    """

    __slots__ = ("_generation", "_grip", "_mutex", "_name", "owner", "path")

    def __init__(self, path: Path, name: str, grip: Grip, owner: Owner) -> None:
        self.path = path
        self.owner = owner
        self._name = name
        self._grip: Grip | None = grip
        # Compared before the mutex is touched: a thread of the parent may have held it at the fork.
        self._generation = _POSIX.generation
        self._mutex = threading.Lock()

    def renew(self) -> bool:
        """Set the lock's modification time to the file system's now.

        Returns:
            False if the path no longer leads to this lock (somebody deleted it by hand), or it
            is released: another worker may be at the file, and this one should stop.

        Raises:
            OSError: The file system could not say; the lock counts as held until it is stale.
        """
        if _POSIX.generation != self._generation:
            return False
        with self._mutex:
            return self._grip is not None and lock_steps.renew(_POSIX, self._name, self._grip)

    def release(self) -> None:
        """Remove the lock file, if it is still this lock's, and let go of it. Again: does nothing.

        Raises:
            OSError: The file could not be removed. The lock is given up nevertheless: the next
                worker on this host takes it over at once.
        """
        if _POSIX.generation != self._generation:
            return
        with self._mutex:
            grip, self._grip = self._grip, None
            if grip is not None:
                lock_steps.release(_POSIX, self._name, grip)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(
    path: Path,
    *,
    stale_after: float,
    on_reclaim: Callable[[float], None] = _tell_nobody,
    owner: Owner | None = None,
) -> HeldLock:
    """Take the lock, at once or not at all.

    Args:
        path: The lock file, from `lock_path_for`.
        stale_after: Seconds without a renewal after which a lock that nobody alive is seen to
            hold counts as left behind. A live holder on this kernel is never pushed aside.
        on_reclaim: Called once, with the lock's age in seconds, before a lock that was left
            behind is taken over. What it raises ends the acquisition and leaves the lock as it was.
        owner: Who asks; by default the calling process with a fresh token.

    Raises:
        LockHeldError: Somebody else has it.
        LockUnusableError: The path is a link, folder or the like, or nothing can be locked there.
        OSError: The file system refused (no space, too many open files, no such folder); nothing
            of ours is left behind.
    """
    me, name = owner or current_owner(), str(path)
    if not name.startswith("/"):
        name = os.path.abspath(name)  # noqa: PTH100 - whoever changes folder must find it again
    for _ in range(_ROUNDS):
        grip = lock_steps.try_once(_POSIX, name, me, stale_after, on_reclaim)
        if grip is not None:
            return HeldLock(path, name, grip, me)
    raise LockHeldError(name, None, None)


def inspect(path: Path) -> LockStatus:
    """Say who holds a lock, whether alive or dead, and how old it is; changes nothing.

    Raises:
        LockUnusableError: What lies there is no lock.
    """
    return lock_steps.look(_POSIX, str(path), current_owner())


def remove_if_dead(
    path: Path, *, stale_after: float, on_reclaim: Callable[[float], None] = _tell_nobody
) -> bool:
    """Remove a lock that was left behind (recovery); one that may be somebody's stays.

    Returns:
        True if there was a lock whose owner is dead, or that is stale, and it is gone now.

    Raises:
        LockUnusableError: What lies there is no lock.
    """
    return lock_steps.remove_if_dead(_POSIX, str(path), current_owner(), stale_after, on_reclaim)


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except OSError:
        return _USUAL_NAME_MAX
