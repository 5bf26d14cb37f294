"""What a crash, a full disk or a person's hand left behind: found, and mended.

One piece of code for all who need it: every import as it starts, the import of the same content, and
``endoreg doctor``. It reads the attempts, which are written before anything is done; it never
guesses from files who is at work.

An attempt's folder is made before its row and removed after all else, its lock included. So whatever
an attempt can have left, its row without an end or its folder leads to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from endoreg_db.errors import MediaImportError
from endoreg_db.locking import file_lock
from endoreg_db.locking.owner import current_owner
from endoreg_db.logging import get_logger
from endoreg_db.models import ContentLease, ImportAttempt, MediaFile
from endoreg_db.models.prepared import Prepared
from endoreg_db.services import identity_records, pieces
from endoreg_db.services.store import Store
from endoreg_db.storage.durable import fsync_folder
from endoreg_db.storage.layout import DataFolder
from endoreg_db.storage.workspace import is_abandoned, remove_abandoned, remove_seized, seized

#: Nobody reads a file for longer than this before it takes the lease on its content.
_LONGEST_READING = timedelta(days=1)

log = get_logger(__name__)

_RUNNING = Prepared(
    lambda: (
        ImportAttempt.objects.filter(ended_at__isnull=True)
        .order_by("started_at")
        .only("uuid", "media", "boot", "token", "started_at")
    )
)


def lock_path_of(folder: DataFolder, source: Path) -> Path:
    """Where the lock of a source lies; in the data folder for one that is read from the vault."""
    if source.is_relative_to(folder.vault):
        return folder.locks / f"{source.parent.name}{source.stem}.lock"
    return file_lock.lock_path_for(source, folder.locks)


def clear_up(store: Store, *, stale_after: float) -> None:
    """Mend what dead attempts left, whatever they worked on; called by every import as it starts.

    Costs one query and two looks into folders where there is nothing to do. What cannot be mended
    must not keep a new import from its work: it is logged, and the doctor finds it again.

    Args:
        store: where to look.
        stale_after: seconds after which a lock of nobody counts as left behind.
    """
    for attempt_id in (*dead_attempts(store), *abandoned_folders(store)):
        try:
            bury(store, attempt_id, stale_after=stale_after)
        except MediaImportError as error:
            log.warning("Could not clear up after the attempt %s: %s", attempt_id, error)
    for path in store.folder.locks.glob("*.lock"):
        _remove_lock(path, path, stale_after)


def dead_attempts(store: Store) -> Iterator[UUID]:
    """Attempts that have not ended and never will."""
    # Each import asks this as it starts. An index holds the running attempts alone, so the answer
    # takes as long with a million that have ended.
    for attempt in _RUNNING.objects():
        if has_died(store, attempt):
            yield attempt.uuid


def abandoned_folders(store: Store) -> Iterator[UUID]:
    """Attempts that have ended, or were never recorded, and left their folder."""
    for path in store.folder.attempt_folders():
        attempt_id = attempt_of(path)
        if attempt_id is not None and is_left_behind(store, attempt_id):
            yield attempt_id


def attempt_of(folder: Path) -> UUID | None:
    """The attempt that a folder in ``tmp`` belongs to; None for a folder that is not the intake's."""
    try:
        return UUID(folder.name)
    except ValueError:
        return None


def is_left_behind(store: Store, attempt_id: UUID) -> bool:
    """Whether the attempt's folder outlived it."""
    running = ImportAttempt.objects.filter(pk=attempt_id, ended_at__isnull=True).exists()
    return not running and is_abandoned(store.folder, attempt_id)


def is_dead(store: Store, attempt_id: UUID) -> bool:
    """Whether the process of an attempt is known to have ended. Unknown is not dead."""
    attempt = ImportAttempt.objects.filter(pk=attempt_id).first()
    # Under another kernel nothing can be told: cloned machines share their machine id. There the
    # lease runs out by itself, within a minute of database time.
    return attempt is not None and _ran_here(attempt) and is_abandoned(store.folder, attempt.uuid)


def is_alive(store: Store, attempt_id: UUID) -> bool:
    """Whether the process of an attempt is seen to run, under this kernel. Unknown is not alive."""
    attempt = ImportAttempt.objects.filter(pk=attempt_id).first()
    return attempt is not None and _ran_here(attempt) and not is_abandoned(store.folder, attempt.uuid)


def has_died(store: Store, attempt: ImportAttempt) -> bool:
    """Whether an attempt that has not ended never will: its process, or its right to go on, is gone."""
    if _ran_here(attempt):
        # Its process is seen, whatever has become of its lease: one that was stopped, or whose clock
        # jumped, goes on if nobody else has taken the content, and removes its files itself if so.
        return is_abandoned(store.folder, attempt.uuid)
    if attempt.token is not None and attempt.media is not None:
        return _has_lost_its_lease(attempt, attempt.media)
    # It was reading its source under another kernel, and nothing says whether it still is. It is
    # taken for dead if it began before this kernel did, because the machine was started again, or
    # if that would take too long. One on another machine that is taken for dead wrongly loses its
    # folder and fails, and nothing else.
    return attempt.started_at < timezone.now() - min(_uptime(), _LONGEST_READING)


def bury(store: Store, attempt_id: UUID, *, stale_after: float) -> bool:
    """Remove all that a dead attempt left, and mark it as interrupted if it had not ended.

    What it had finished of a recording is kept, encrypted, for the next attempt. One that turns out
    to live, because it was only just moving into its folder when it was looked at, is left alone.
    Every step may be the last one of this process: the next call does what is left to do.

    Returns:
        Whether it is buried; False if it lives.

    Raises:
        StorageFailedError: something in its folder cannot be removed, or the data folder not be written.
        InsufficientStorageError: the disk or the quota is full.
    """
    with seized(store.folder, attempt_id) as dead:
        if not dead:
            return False
        attempt = ImportAttempt.objects.filter(pk=attempt_id).select_related("media").first()
        if attempt is not None:
            if attempt.media is not None:
                # While the dead one still has the lease: nobody looks for pieces before all are kept.
                pieces.keep_for_record(store, attempt.media, store.folder.attempt_folder(attempt_id))
            source = identity_records.source_of(store.sealer, attempt)
            _remove_lock(lock_path_of(store.folder, source), source, stale_after)
            ContentLease.objects.filter(owner=attempt_id).update(
                owner=None, heartbeat_at=None, expires_at=None
            )
            _mark_interrupted([attempt_id])
        remove_seized(store.folder, attempt_id)
    return True


def settle_earlier_attempts(store: Store, record: MediaFile, current: ImportAttempt) -> int:
    """Mark attempts of a record that never came to an end as interrupted, and remove their files.

    Call it with the lease on the record's content: then no such attempt can change anything any
    more. One that slept through its lease and wakes up removes its files itself.
    Returns how many there were.
    """
    unfinished = record.attempts.filter(ended_at__isnull=True).exclude(pk=current.pk)
    attempts = list(unfinished.values_list("uuid", flat=True))
    for attempt_id in attempts:
        remove_abandoned(store.folder, attempt_id)
    _mark_interrupted(attempts)
    return len(attempts)


def _mark_interrupted(attempts: list[UUID]) -> None:
    ImportAttempt.objects.filter(pk__in=attempts, ended_at__isnull=True).update(
        outcome=ImportAttempt.Outcome.INTERRUPTED, ended_at=Now()
    )


def _remove_lock(path: Path, source: Path, stale_after: float) -> None:
    def tell(age: float) -> None:
        log.warning("Stale lock detected for %s (age %.0fs). Reclaiming lock...", source, age)

    try:
        if file_lock.remove_if_dead(path, stale_after=stale_after, on_reclaim=tell):
            fsync_folder(path.parent)  # before the folder goes that leads to it
    except (MediaImportError, OSError) as error:
        # A share that is not there, or a folder in the lock's place: nothing of the attempt's.
        log.warning("Could not look at the lock %s: %s", path, error)


def _has_lost_its_lease(attempt: ImportAttempt, media: MediaFile) -> bool:
    """Whether the attempt was granted a lease and does not hold a running one now."""
    held = ContentLease.objects.filter(
        content_sha256=media.content_sha256, owner=attempt.uuid, expires_at__gte=Now()
    )
    return not held.exists()


def _ran_here(attempt: ImportAttempt) -> bool:
    """Whether the attempt ran under this kernel."""
    boot = current_owner().process.place.boot
    return any(boot) and attempt.boot == boot.hex()


def _uptime() -> timedelta:
    return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
