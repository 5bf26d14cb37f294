"""The source file of an import: whose turn it is with it, and whether it is what it should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from endoreg_db.conf import Config
from endoreg_db.errors import (
    CorruptMediaError,
    FileLockedError,
    SourceMissingError,
    SourceUnreadableError,
    UnsupportedMediaError,
)
from endoreg_db.intake.inspect import MediaKind, inspect
from endoreg_db.locking import file_lock
from endoreg_db.locking.keeper import Keeper
from endoreg_db.logging import get_logger
from endoreg_db.services import recovery
from endoreg_db.storage.layout import DataFolder
from endoreg_db.storage.source import SourceFingerprint, fingerprint

#: A lock that nobody alive holds is taken over when it is older than this.
STALE_LOCK_SECONDS = 600

log = get_logger(__name__)


def stale_lock_seconds(config: Config) -> float:
    """Seconds after which a lock that nobody alive holds is taken over: the setting, else the default."""
    return STALE_LOCK_SECONDS if config.stale_lock_seconds is None else config.stale_lock_seconds


@contextmanager
def locked(path: str | Path, config: Config) -> Iterator[tuple[file_lock.HeldLock, Keeper]]:
    """Hold ``<path>.lock`` for as long as the block runs, however long that is.

    Also yields the keeper that renews the lock and can keep more.

    Raises:
        FileLockedError: somebody alive holds it, or nobody knows and it is not stale yet.
    """
    source = Path(path)
    try:
        held = file_lock.acquire(
            recovery.lock_path_of(DataFolder(config.data_dir), source),
            stale_after=stale_lock_seconds(config),
            on_reclaim=lambda age: log.warning(
                "Stale lock detected for %s (age %.0fs). Reclaiming lock...", path, age
            ),
        )
    except file_lock.LockHeldError as error:
        raise being_processed(source) from error
    keeper = Keeper(
        on_error=lambda name, error: log.warning("Could not renew the %s: %s", name, error),
        # The keeper's thread has a connection of its own, so it must look up which one it closes.
        on_stop=lambda: connection.close(),
    )
    # One thread for lock and lease. If the database hangs, the lock is not renewed either: other hosts
    # may then take it over once it is stale, as they may the lease, which ran out long before.
    with held, keeper:
        keeper.add("file lock", held.renew)
        yield held, keeper


def being_processed(path: Path) -> FileLockedError:
    """The error for a file that somebody else is working on; it is logged as well."""
    message = f"File already being processed: {path}"
    log.error(message)
    return FileLockedError(message)


def look_at(path: Path, kind: MediaKind, noun: str, *, any_kind: bool) -> SourceFingerprint:
    """Check that the source can be read and is what it should be; returns its fingerprint.

    Args:
        path: the file.
        kind: what it should be.
        noun: what a person calls that.
        any_kind: whether its bytes may say something else.

    Raises:
        SourceMissingError: there is no file.
        SourceUnreadableError: it is a folder or cannot be read.
        CorruptMediaError, UnsupportedMediaError: it is empty, or of another kind.
    """
    try:
        found = inspect(path)
        seen = fingerprint(path)
    except FileNotFoundError:
        raise SourceMissingError(f"{noun} file not found: {path}") from None
    except IsADirectoryError:
        raise SourceUnreadableError(
            f"{path} is a folder, not a file",
            advice="Give the path of a file; `endoreg import FOLDER` imports what is in a folder.",
        ) from None
    except OSError as error:
        raise SourceUnreadableError(f"{path} cannot be read: {error.strerror or error}") from error
    if any_kind:
        return seen
    if found is MediaKind.EMPTY:
        raise CorruptMediaError(f"{path} is empty")
    if found is not kind:
        raise UnsupportedMediaError(f"{path} is not a {noun.lower()} file, whatever its name says")
    return seen
