"""The lock protocol's steps as system calls: the one place where the lock touches the disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from endoreg_db.errors import MediaImportError
from endoreg_db.locking.lock_steps import Inode
from endoreg_db.locking.owner import ATTRIBUTE, Owner, decode, may_run

CONTENT = b"lock"

_CREATE = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
# A pipe would block without O_NONBLOCK; on a regular file it means nothing.
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY

_EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB
_SHARED = fcntl.LOCK_SH | fcntl.LOCK_NB

_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_ATTRIBUTE = frozenset({errno.ENODATA, errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.EACCES})
# Full disks are among them: the lock works without the record, only a dead owner is noticed later.
_NO_RECORD = _NO_ATTRIBUTE | {errno.ENOSPC, errno.EDQUOT, errno.E2BIG}
_NO_UNNAMED_FILE = frozenset({errno.ENOTSUP, errno.EISDIR, errno.ENOENT, errno.EINVAL})
_NO_CLOCK_FILE = _DENIED | {errno.ENOSPC, errno.EDQUOT}
_NO_FLOCK = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EINVAL})


class LockUnusableError(MediaImportError, OSError):
    """What lies at the lock's path is no lock, or nothing can be locked there."""

    advice = "Remove what lies at that path if it is not needed; the intake never touches it."


class PosixFiles:
    """`lock_steps.LockFiles` over the operating system; keeps its locks out of forked children.

    A flock belongs to the open file, and a forked child shares that: a lock would stay alive as
    long as any child of its owner, unknown to all. ``O_CLOEXEC`` helps only those that exec, and
    Linux has no close-on-fork. So this object knows which descriptors are open (state of the
    process, because descriptors are), and a child closes its copies before it runs anything else.
    That does not release the parent's lock: only the last copy does, or ``LOCK_UN``.
    """

    # A look at a lock has its flock for microseconds; a busy machine may make milliseconds of it.
    pauses: Sequence[float] = (0.0005, 0.001, 0.002, 0.004, 0.008)

    def __init__(self) -> None:
        # Held from the system call to the entry in the set, and by a fork: a fork in another
        # thread cannot fall between the two. Re-entrant, as a signal handler may come in between.
        self._mutex = threading.RLock()
        self._fds: set[int] = set()
        # Grows with every fork that led to this process: what was locked before is not its own.
        self.generation = 0
        os.register_at_fork(
            before=self._mutex.acquire,
            after_in_parent=self._mutex.release,
            after_in_child=self._close_inherited,
        )

    def _close_inherited(self) -> None:
        for fd in self._fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._fds.clear()
        self.generation += 1
        self._mutex.release()

    def _open(self, path: str, flags: int) -> int:
        with self._mutex:
            fd = os.open(path, flags, 0o644)
            self._fds.add(fd)
        return fd

    def create(self, path: str) -> int | None:
        """See `LockFiles.create`; one ``open``, so it is atomic on local disks, NFS and SMB."""
        try:
            with self._mutex:  # as in `_open`, whose call alone would make the whole cycle 4 % dearer
                fd = os.open(path, _CREATE, 0o644)
                self._fds.add(fd)
            return fd
        except FileExistsError:
            return None
        except OSError as error:
            if error.errno in _DENIED:
                raise LockUnusableError(
                    f"The lock {path} cannot be made: {error.strerror}.",
                    advice="Let the intake's user write to that folder, or import from one it may write to.",
                    path=path,
                ) from error
            raise

    def open(self, path: str) -> int | None:
        """See `LockFiles.open`.

        Raises:
            LockUnusableError: A link, folder, pipe, socket or device lies there, or a file that
                this user may not read.
        """
        fd = self._open_writable_or_readable(path)
        if fd is not None and not stat.S_ISREG(os.fstat(fd).st_mode):
            self.close(fd)
            raise _not_a_lock(path)
        return fd

    def _open_writable_or_readable(self, path: str) -> int | None:
        try:
            return self._open(path, os.O_RDWR | _OPEN)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ESTALE):
                return None
            if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV):
                raise _not_a_lock(path) from error
            if error.errno not in _DENIED:
                raise
        try:
            return self._open(path, os.O_RDONLY | _OPEN)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise LockUnusableError(
                f"The lock {path} belongs to another user and cannot be read.",
                advice="Let its owner remove it if no import of that file is running.",
                path=path,
            ) from error

    def try_lock(self, fd: int) -> bool:
        """See `LockFiles.try_lock`.

        Raises:
            LockUnusableError: This file system has no locks.
        """
        try:
            fcntl.flock(fd, _EXCLUSIVE)
        except OSError as error:
            _raise_unless_held(error)
            return False
        return True

    def try_share(self, fd: int) -> bool:
        """See `LockFiles.try_share`; raises what `try_lock` does."""
        try:
            fcntl.flock(fd, _SHARED)
        except OSError as error:
            _raise_unless_held(error)
            return False
        return True

    def identify(self, fd: int) -> Inode | None:
        """See `LockFiles.identify`; None by the link count, which NFS fetches anew after a flock."""
        try:
            status = os.fstat(fd)
        except OSError as error:
            if error.errno == errno.ESTALE:
                return None
            raise
        return (status.st_dev, status.st_ino) if status.st_nlink else None

    def names(self, path: str, inode: Inode) -> bool:
        """See `LockFiles.names`."""
        try:
            there = os.lstat(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ESTALE):
                return False
            raise
        return (there.st_dev, there.st_ino) == inode

    def owner(self, fd: int) -> Owner | None:
        """See `LockFiles.owner`; None also where there are no attributes, and for foreign bytes."""
        try:
            return decode(os.getxattr(fd, ATTRIBUTE))
        except OSError as error:
            if error.errno in _NO_ATTRIBUTE:
                return None
            raise

    def record(self, fd: int, owner: Owner) -> None:
        """See `LockFiles.record`; where the file system will not keep it, the lock works without."""
        try:
            os.setxattr(fd, ATTRIBUTE, owner)
        except OSError as error:
            if error.errno not in _NO_RECORD:
                raise

    def fill(self, fd: int) -> None:
        """See `LockFiles.fill`."""
        os.write(fd, CONTENT)  # at the start, because nothing else reads or writes through it

    def cut(self, fd: int) -> None:
        """See `LockFiles.cut`; called before `fill`, as it stamps the file too."""
        os.ftruncate(fd, len(CONTENT))

    def may_write(self, fd: int) -> bool:
        """See `LockFiles.may_write`."""
        return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR

    def age(self, path: str, fd: int) -> float:
        """See `LockFiles.age`; the clock is read last, so a pause in between makes it too large.

        That is harmless: what seems stale is looked at again under its flock.
        """
        modified = os.fstat(fd).st_mtime
        return self.now(path) - modified

    def now(self, path: str) -> float:
        """Read the file system's clock (seconds): the modification time of a new file in the folder.

        A share's server may be minutes off this host, and it is the server that stamps the lock.
        The file has no name where the file system can do that. Where nothing can be written,
        this host's clock has to do.
        """
        folder = Path(path).parent
        try:
            try:
                fd = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except OSError as error:
                if error.errno not in _NO_UNNAMED_FILE:
                    raise
                return _now_by_named_file(folder)
        except OSError as error:
            if error.errno not in _NO_CLOCK_FILE:
                raise
            return time.time()
        try:
            return os.fstat(fd).st_mtime
        finally:
            os.close(fd)

    def uptime(self) -> float:
        """See `LockFiles.uptime`; time asleep counts, as a share's clock does not stop for it."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def touch(self, fd: int) -> None:
        """See `LockFiles.touch`; without explicit times, a file server uses its own clock."""
        os.utime(fd)

    def unlink(self, path: str) -> None:
        """See `LockFiles.unlink`."""
        try:
            os.unlink(path)  # noqa: PTH108 - a Path costs as much as the call
        except FileNotFoundError:
            return  # gone between our look and now, which only a person's hand does

    def close(self, fd: int) -> None:
        """See `LockFiles.close`; a descriptor from before a fork is closed already, or another file."""
        with self._mutex:
            if fd in self._fds:
                self._fds.remove(fd)
                os.close(fd)

    def may_run(self, owner: Owner) -> bool:
        """See `LockFiles.may_run`."""
        return may_run(owner)

    def pause(self, seconds: float) -> None:
        """See `LockFiles.pause`."""
        time.sleep(seconds)


def _raise_unless_held(error: OSError) -> None:
    # ESTALE: the file is gone on the server; to refuse is safe, and the next try starts anew.
    if error.errno in (errno.EWOULDBLOCK, errno.ESTALE):
        return
    if error.errno in _NO_FLOCK:
        raise LockUnusableError(
            f"Files cannot be locked there: {error.strerror}.",
            advice="Mount the share with working locks (NFS 4, or NFS 3 with lockd), or copy the file first.",
        ) from error
    raise error


def _now_by_named_file(folder: Path) -> float:
    clock = folder / f".endoreg-clock-{os.urandom(8).hex()}"
    fd = os.open(clock, _CREATE, 0o600)
    try:
        return os.fstat(fd).st_mtime
    finally:
        clock.unlink(missing_ok=True)
        os.close(fd)


def _not_a_lock(path: str) -> LockUnusableError:
    kind = _kind(path)
    return LockUnusableError(
        f"The lock's place {path} is taken by {kind}, so the file cannot be locked.",
        advice=f"Look why {kind} lies there and remove it; the intake neither follows nor touches it.",
        path=path,
    )


def _kind(path: str) -> str:
    try:
        mode = Path(path).lstat().st_mode
    except OSError:
        return "something that is not a file"
    kinds = (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for is_kind, name in kinds if is_kind(mode)), "something that is not a file")
