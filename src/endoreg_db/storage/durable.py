"""The one way in which bytes get onto the disk: temp → fsync → rename → fsync of the folder.

A file written here is, after any crash, either not there or there with all its bytes. Every stored
byte of the intake goes through this module.

What is not guaranteed: fsync is as good as the disk, its controller and the server behind a share
make it; a device that acknowledges what it has not written can still lose it. Two names are never
changed in one step, so callers order their steps so that each prefix of them is a state that
recovery knows. Hard links must be possible below the data folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from endoreg_db.errors import ConfigurationError, InsufficientStorageError, StorageFailedError

#: How the name of a file that is still being written ends; recovery may remove what a crash left.
UNFINISHED_SUFFIX = ".part"

_NO_ROOM = {errno.ENOSPC: "the disk was full", errno.EDQUOT: "the quota of this user was used up"}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors while using ``path`` (file or folder) into ours.

    Raises:
        InsufficientStorageError: ENOSPC or EDQUOT; names the folder and its free space.
        ConfigurationError: EXDEV, because the data folder must lie on one file system.
        StorageFailedError: any other error of the system, with its own words.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # one of our own errors, already in words
            raise
        raise _in_words(error, path) from error


def _in_words(
    error: OSError, path: Path
) -> InsufficientStorageError | ConfigurationError | StorageFailedError:
    if error.errno in _NO_ROOM:
        folder = _existing_folder(path)
        return InsufficientStorageError(
            # What this attempt had written is gone again, so some room there may well be.
            f"No room below {folder}: {_NO_ROOM[error.errno]}; {_in_mib(_free_bytes(folder))} are free now"
        )
    if error.errno == errno.EXDEV:
        return ConfigurationError(
            f"{error.filename} and {error.filename2} lie on different file systems",
            advice="Keep the whole data folder on one file system; mount the disk at its root.",
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StorageFailedError(
            f"Cannot open {path}: {error.strerror}",
            advice="Raise the limit on open files (`ulimit -n`), or run fewer imports at once.",
        )
    return StorageFailedError(f"Cannot read or write {path}: {error.strerror}")


def require_room(folder: Path, size: int) -> None:
    """Refuse early what cannot fit: ``size`` bytes more in ``folder``.

    Says nothing about later, since others write too; running out of room is still handled.

    Raises:
        InsufficientStorageError: fewer than ``size`` bytes are free for this user.
    """
    with storage_errors(folder):
        system = os.statvfs(folder)
    free = system.f_bavail * system.f_frsize
    # Some network file systems report no size at all; that is not "full".
    if system.f_blocks and free < size:
        raise InsufficientStorageError(
            f"No room below {folder}: {_in_mib(size)} needed, {_in_mib(free)} free"
        )


@contextmanager
def new_file(folder: Path, *, mode: int = 0o600) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file in ``folder``, open for writing, and its path (a unique name, see UNFINISHED_SUFFIX).

    After the block its bytes are durable, its name is not: link or move it. If the block is left by
    any exception the file is gone. An error of the system inside the block counts as one of ``folder``,
    so the block puts errors of other files into words itself.

    Raises:
        InsufficientStorageError: the disk or the quota is full.
        StorageFailedError: the file cannot be written.
    """
    with storage_errors(folder):
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=UNFINISHED_SUFFIX)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)
                yield file, path
                file.flush()
                os.fsync(descriptor)
        except BaseException:  # Ctrl-C too must leave nothing behind
            path.unlink(missing_ok=True)
            raise


def write_durably(
    target: Path,
    content: bytes | Callable[[BinaryIO], None],
    *,
    mode: int = 0o600,
    temp_folder: Path | None = None,
) -> None:
    """Write ``target`` as a whole, replacing what was there.

    Afterwards ``target`` holds all of ``content`` and survives a power cut. On any error, also one
    raised by ``content``, ``target`` is as before and nothing else is left; only if the disk fails in
    the very last step, the fsync of the folder, ``target`` may be as before or new.

    Args:
        target: the file; its folder must exist.
        content: the bytes, or a function that writes them into the open file it is given.
        mode: permission bits of the file.
        temp_folder: where the bytes lie until they are complete; must be on the file system of
            ``target``. Default: beside it.

    Raises:
        InsufficientStorageError: the disk or the quota is full.
        StorageFailedError: the file cannot be written.
    """
    with new_file(temp_folder or target.parent, mode=mode) as (file, temp):
        if callable(content):
            content(file)
        else:
            file.write(content)
    with _removed_on_error(temp):
        _replace(temp, target)


def move_durably(source: Path, target: Path) -> None:
    """Give the complete file ``source`` the name ``target``, replacing what was there.

    Afterwards the bytes and the new name are durable and the old name is gone. A crash in between
    leaves one of the two names, each with all bytes.

    Raises:
        StorageFailedError: ``source`` is no regular file (a symbolic link is none), or cannot be
            moved; it is still there.
        ConfigurationError: the two lie on different file systems.
    """
    with storage_errors(source):
        fsync_file(source)
    _replace(source, target)


def move_together(moves: Sequence[tuple[Path, Path]]) -> None:
    """Give durable files new names in one folder, one after the other, replacing what was there.

    Afterwards the new names are durable, for the price of one fsync: it is a caller's commit that makes
    them count, and not one of them before the others.

    Not guaranteed: after a power cut before this returns, any of the new names may be there without
    the others; after one later, an old name may be back beside the new one. So move out of a folder that
    recovery clears.

    Args:
        moves: old and new path of each; the new ones lie in one folder, on the same file system.

    Raises:
        InsufficientStorageError, StorageFailedError: a file cannot be moved; those before it were.
        ConfigurationError: the two lie on different file systems.
    """
    for source, target in moves:
        with storage_errors(target):
            source.replace(target)
    for folder in {target.parent for _source, target in moves}:
        fsync_folder(folder)


def link_durably(source: Path, target: Path) -> bool:
    """Give the complete file ``source`` the second name ``target``, unless that name is taken.

    Of any number of callers exactly one gets True. Either way the folder entry of ``target`` is
    durable afterwards, so a loser may rely on the winner's file.

    Raises:
        StorageFailedError: the name cannot be given.
        ConfigurationError: the two lie on different file systems.
    """
    with storage_errors(target):
        try:
            os.link(source, target)
        except FileExistsError:
            given = False
        else:
            given = True
    fsync_folder(target.parent)
    return given


def remove_durably(path: Path) -> None:
    """Remove the file; afterwards no crash brings it back. A missing file (or folder of it) is fine.

    Raises:
        StorageFailedError: the file cannot be removed.
    """
    with storage_errors(path):
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            fsync_folder(path.parent)


def remove_folder_durably(path: Path) -> None:
    """Remove the folder and all that is in it; missing is fine.

    Raises:
        StorageFailedError: something in it cannot be removed.
    """
    with storage_errors(path):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            # Another recovery removes the same folder; what it has not reached yet is its to remove.
            return
        fsync_folder(path.parent)


def fsync_file(path: Path, *, mode: int | None = None) -> None:
    """Make the bytes of a file that another process has written durable, and set its permission bits.

    Raises:
        OSError: it is no regular file (a symbolic link is none), or the disk reports an error.
    """
    # O_NOFOLLOW: the file may come from a process that is not trusted. O_NONBLOCK: it may be a FIFO.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable: what was created, renamed or removed in it.

    Raises:
        StorageFailedError: the folder cannot be opened, or the disk reports an error.
    """
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # SMB and some FUSE file systems know no fsync of folders; their server decides.
            if error.errno != errno.EINVAL:
                raise
        finally:
            os.close(descriptor)


def make_private_folder(path: Path) -> None:
    """Make the folder, for this user only (0700), in a parent that exists; existing is fine.

    The parent is never made: a missing one means that the data folder is not where it should be.
    The entry is made durable even where another process made the folder a moment ago.

    Raises:
        InsufficientStorageError: the disk or the quota is full.
        StorageFailedError: there is something else at ``path``, or the parent is missing.
    """
    with storage_errors(path):
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if not path.is_dir():
                raise
    fsync_folder(path.parent)


@contextmanager
def _removed_on_error(temp: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        temp.unlink(missing_ok=True)
        raise


def _replace(source: Path, target: Path) -> None:
    with storage_errors(target):
        source.replace(target)
    fsync_folder(target.parent)
    if source.parent != target.parent:
        fsync_folder(source.parent)


def _existing_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _in_mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
