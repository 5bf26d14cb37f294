"""The file lock's protocol, as steps over a small file system.

Nothing here touches the system: every effect goes through `LockFiles`. Production runs these
functions over system calls (`posix_files`), the proof runs the very same ones over a simulated
file system that may switch to another process, or kill this one, before every call
(`tests/unit/test_lock_protocol.py`). Change the order of two calls here and the proof says
whether it still holds; `docs/locking.md` says why each is there.

In short: the *flock on the inode* decides who is alive, the *path* decides which inode counts,
the *owner record* says that a lock without a flock is dead, and only where there is no such
record does the *modification time* decide.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from endoreg_db.locking.owner import Owner

# Younger than this (seconds), a file without a record may have a maker who is about to lock it.
_LOOK_AFTER = 1.0


class LockHeldError(Exception):
    """The lock is somebody else's: alive, or unknown and not stale yet.

    Attributes:
        path: The lock file.
        age: Seconds since the lock was last renewed, where that decided; else None.
        holder: What the owner record says, where there is one.
    """

    def __init__(self, path: str, age: float | None, holder: Owner | None) -> None:
        super().__init__(f"The lock {path} is held by {holder or 'an unknown process'}.")
        self.path = path
        self.age = age
        self.holder = holder


#: Device and inode number; the steps only hand it on.
Inode = tuple[int, int]


#: What a holder has in hand: the descriptor, whose flock it holds as long as it is open, and the
#: inode that the path must lead to.
Grip = tuple[int, Inode]


class LockFiles(Protocol):
    """What the protocol asks of a file system; each method is one step, atomic for others.

    ``path`` is the lock file's path, ``fd`` a descriptor that `create` or `open` has given.
    """

    # Seconds to wait between tries while somebody may merely be looking at a lock.
    pauses: Sequence[float]

    def create(self, path: str) -> int | None:
        """Make the file with one exclusive ``open``; None if something is there."""

    def open(self, path: str) -> int | None:
        """Open the regular file that is there; None if nothing is."""

    def try_lock(self, fd: int) -> bool:
        """Take the inode's exclusive flock if it is free; True also if it is ours already."""

    def try_share(self, fd: int) -> bool:
        """Take the inode's shared flock, if nobody has the exclusive one."""

    def identify(self, fd: int) -> Inode | None:
        """Which inode this is; None if no path leads to it any more."""

    def names(self, path: str, inode: Inode) -> bool:
        """Whether the path leads to this very inode."""

    def owner(self, fd: int) -> Owner | None:
        """Read the owner record; None without one."""

    def record(self, fd: int, owner: Owner) -> None:
        """Write the owner record, where the file system can."""

    def fill(self, fd: int) -> None:
        """Write the four bytes ``lock`` at the start, which makes the modification time now."""

    def cut(self, fd: int) -> None:
        """Cut off what is beyond these four bytes."""

    def may_write(self, fd: int) -> bool:
        """Whether the descriptor can write (another user's lock opens for reading only)."""

    def age(self, path: str, fd: int) -> float:
        """Seconds since the inode was modified, by the clock of the file system that it lies on."""

    def uptime(self) -> float:
        """Seconds since this kernel started."""

    def touch(self, fd: int) -> None:
        """Set the modification time to the file system's now."""

    def unlink(self, path: str) -> None:
        """Remove the path; no error if it is gone."""

    def close(self, fd: int) -> None:
        """Close the descriptor, which gives up its flock."""

    def may_run(self, owner: Owner) -> bool:
        """Whether a process of that number runs here; may be wrong either way."""

    def pause(self, seconds: float) -> None:
        """Let others get on."""


class LockState(enum.Enum):
    """What `look` found."""

    # There is no lock file.
    FREE = "free"
    # A process has the flock: alive, whatever the age.
    HELD = "held"
    # Nobody has the flock, and the owner is known to be gone: the next import takes it at once.
    DEAD = "dead"
    # Nobody is seen holding it, but who made it is not known: it counts until it is stale.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LockStatus:
    """A lock as it was for a moment."""

    state: LockState
    owner: Owner | None = None
    # Seconds since the last renewal, by the file system's clock; negative if it lies in the future.
    age: float | None = None


def is_known_dead(owner: Owner | None, me: Owner, age: float, uptime: float) -> bool:
    """Whether the owner of a lock *on which nobody has the flock* is gone for certain.

    Under the same kernel flock is always seen, so a missing flock is proof. The same machine id
    under another boot id means a restart, unless the id belongs to a cloned machine: a restarted
    one cannot have renewed its lock since this kernel started, a living clone has.
    """
    if owner is None:
        return False
    if owner.is_under_kernel_of(me):
        return True
    return owner.is_on_machine_of(me) and age > uptime


def try_once(
    files: LockFiles, path: str, me: Owner, stale_after: float, on_reclaim: Callable[[float], None]
) -> Grip | None:
    """Take the lock; None if others got on meanwhile, so that it may be free: try again.

    Args:
        files: Where.
        path: The lock file.
        me: Who asks; written into the lock.
        stale_after: Seconds without a renewal after which the lock of an unknown owner counts as
            left behind.
        on_reclaim: Called with the age in seconds before a lock left behind is taken over.

    Raises:
        LockHeldError: Somebody else has it; whatever they have is as it was.
        OSError: The file system refused a step; nothing of ours is left behind.
    """
    fd = files.create(path)
    if fd is not None:
        inode = _claim_new(files, path, fd, me)
    else:
        fd = files.open(path)
        if fd is None:
            return None
        inode = _claim_existing(files, path, fd, me, stale_after, on_reclaim)
    return None if inode is None else (fd, inode)


def release(files: LockFiles, path: str, grip: Grip) -> None:
    """Remove the lock if the path still leads to it, then let go of it.

    The order matters: the flock is held until the path is gone, so nobody can have adopted the
    inode that goes, and whoever opened it before finds that the path does not lead to it.

    Raises:
        OSError: The file could not be removed. It is given up nevertheless, and the next worker
            under this kernel finds a dead owner's record on it.
    """
    fd, inode = grip
    try:
        if files.names(path, inode):
            files.unlink(path)
    finally:
        files.close(fd)


def renew(files: LockFiles, path: str, grip: Grip) -> bool:
    """Make the lock young again; False if the path no longer leads to it."""
    fd, inode = grip
    files.touch(fd)
    return files.names(path, inode)


def remove_if_dead(
    files: LockFiles, path: str, me: Owner, stale_after: float, on_reclaim: Callable[[float], None]
) -> bool:
    """Remove a lock that was left behind; True if it was there, was dead or stale, and is gone."""
    fd = files.open(path)
    if fd is None:
        return False
    try:
        left_behind = _lock_left_behind(files, path, fd, me, stale_after) is not None
        if left_behind:
            on_reclaim(max(0.0, files.age(path, fd)))
            files.unlink(path)
    except LockHeldError:
        return False
    finally:
        files.close(fd)
    return left_behind


def look(files: LockFiles, path: str, me: Owner) -> LockStatus:
    """Say what is there, changing nothing.

    To see whether anybody has the flock there is no way but to try: the shared one is taken for
    an instant, which `_lock_patiently` allows for. A file that may just have been made is not tried.
    """
    fd = files.open(path)
    if fd is None:
        return LockStatus(LockState.FREE)
    try:
        owner, age = files.owner(fd), files.age(path, fd)
        if owner is None and age < _LOOK_AFTER:
            return LockStatus(LockState.UNKNOWN, owner, age)
        if not files.try_share(fd):
            return LockStatus(LockState.HELD, owner, age)
    finally:
        files.close(fd)
    dead = is_known_dead(owner, me, age, files.uptime())
    return LockStatus(LockState.DEAD if dead else LockState.UNKNOWN, owner, age)


def _claim_new(files: LockFiles, path: str, fd: int, me: Owner) -> Inode | None:
    """Make the file just created ours; None if it has been removed meanwhile.

    Until the record is there, the file looks like one made by hand, and others leave such a file
    alone until it is stale: whoever sleeps that long here may find it adopted, or gone. Flock
    before record, because a record without a flock means dead.
    """
    inode = None
    try:
        if not (files.try_lock(fd) or _lock_patiently(files, fd)):
            raise LockHeldError(path, None, files.owner(fd))
        found = files.identify(fd)
        if found is not None:
            files.record(fd, me)
            files.fill(fd)
            inode = found
    finally:
        if inode is None:
            _discard(files, path, fd)
    return inode


def _claim_existing(
    files: LockFiles,
    path: str,
    fd: int,
    me: Owner,
    stale_after: float,
    on_reclaim: Callable[[float], None],
) -> Inode | None:
    """Adopt the lock that was there; None if the path does not lead to it any more.

    The inode is adopted, not replaced: its flock is what keeps a second reclaimer out. Record
    before modification time: a crash between the two must not leave a young lock without owner.
    """
    inode = None
    try:
        found = _lock_left_behind(files, path, fd, me, stale_after)
        if found is not None:
            on_reclaim(max(0.0, files.age(path, fd)))
            if files.may_write(fd):
                files.record(fd, me)
                files.cut(fd)
                files.fill(fd)
                inode = found
            else:
                # Another user's: it cannot be adopted, but under its flock it can be removed.
                files.unlink(path)
    finally:
        if inode is None:
            files.close(fd)
    return inode


def _lock_left_behind(files: LockFiles, path: str, fd: int, me: Owner, stale_after: float) -> Inode | None:
    """Take the flock of a lock that its owner left behind; None if the path leads elsewhere now.

    It is judged twice. Before, so that nobody ever takes the flock of a file whose maker is about
    to; after, because only under the flock does the answer stay true.

    Raises:
        LockHeldError: Its owner is alive, or unknown and not stale.
    """
    _refuse_unless_left_behind(files, path, fd, me, stale_after)
    if not (files.try_lock(fd) or _lock_patiently(files, fd)):
        raise LockHeldError(path, None, files.owner(fd))
    inode = files.identify(fd)
    if inode is None or not files.names(path, inode):
        return None
    _refuse_unless_left_behind(files, path, fd, me, stale_after)
    return inode


def _refuse_unless_left_behind(files: LockFiles, path: str, fd: int, me: Owner, stale_after: float) -> None:
    owner = files.owner(fd)
    if owner is not None and owner.is_under_kernel_of(me):
        return  # the flock decides; the clock, the dearest step of all, need not be read
    age = files.age(path, fd)
    if not (is_known_dead(owner, me, age, files.uptime()) or age > stale_after):
        raise LockHeldError(path, age, owner)


def _lock_patiently(files: LockFiles, fd: int) -> bool:
    """Take a flock that was not free, waiting only for somebody who may merely be looking.

    A holder that runs here is believed at once. If it seems dead, but the inode is locked, then a
    worker who is adopting it, recovery or `look` has it for a moment (or a holder in another
    container, or on another host, for long): try for some milliseconds.
    """
    for seconds in files.pauses:
        owner = files.owner(fd)
        if owner is not None and files.may_run(owner):
            return False
        files.pause(seconds)
        if files.try_lock(fd):
            return True
    return False


def _discard(files: LockFiles, path: str, fd: int) -> None:
    """Take back a file that we made and could not claim, unless somebody has adopted it."""
    try:
        with contextlib.suppress(OSError):
            inode = files.identify(fd)
            if inode is not None and _can_nobody_have(files, fd) and files.names(path, inode):
                files.unlink(path)
    finally:
        files.close(fd)


def _can_nobody_have(files: LockFiles, fd: int) -> bool:
    try:
        return files.try_lock(fd)
    except OSError:
        return True  # no flock here, for anybody
