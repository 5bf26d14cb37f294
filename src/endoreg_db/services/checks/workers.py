"""What workers that are dead have left behind: attempts, leases, records, folders and lock files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from endoreg_db.errors import MediaImportError
from endoreg_db.locking import file_lock
from endoreg_db.locking.file_lock import LockState
from endoreg_db.models import ContentLease, ImportAttempt, MediaFile, State
from endoreg_db.models.lease import Lease
from endoreg_db.services import identity_records, recovery, stored
from endoreg_db.services.checks.examination import Examination, Note, Problem

_WORKED_ON = (State.PROCESSING, State.RECEIVED)


def interrupted_attempts(examination: Examination) -> Iterator[Problem | None]:
    """Attempts whose process has ended without saying how."""
    store = examination.store
    for attempt in ImportAttempt.objects.filter(ended_at__isnull=True):
        yield None
        if not recovery.has_died(store, attempt):
            continue
        yield Problem(
            "attempts",
            f"attempt {attempt.uuid} died in {attempt.step}",
            repaired=_bury_if_asked(examination, attempt.uuid),
        )


def dead_leases(examination: Examination) -> Iterator[Problem | None]:
    """Leases that nobody will renew any more."""
    for row in ContentLease.objects.filter(owner__isnull=False):
        yield None
        run_out = ContentLease.objects.filter(pk=row.pk, token=row.token, expires_at__lt=Now()).exists()
        # One that was stopped for long goes on if nobody else has taken the content meanwhile.
        late = run_out and row.owner is not None and not recovery.is_alive(examination.store, row.owner)
        if not (late or (row.owner and recovery.is_dead(examination.store, row.owner))):
            continue
        if examination.repair:
            ContentLease.objects.filter(pk=row.pk, token=row.token, owner=row.owner).update(
                owner=None, heartbeat_at=None, expires_at=None
            )
        yield Problem(
            "leases", f"content {row.content_sha256[:12]}… was leased to a dead worker", examination.repair
        )


def unfinished_records(examination: Examination) -> Iterator[Problem | None]:
    """Records that say somebody works on them, while nobody does."""
    working = MediaFile.objects.filter(state__in=_WORKED_ON)
    leased = ContentLease.objects.filter(content_sha256=OuterRef("content_sha256"), owner__isnull=False)
    for record in working.annotate(leased=Exists(leased)):
        yield None
        if record.leased:
            continue
        repaired = examination.repair and stored.under_lease(
            examination.store, record.content_sha256, partial(_give_up, record)
        )
        yield Problem(
            "records", f"{record.kind} {record.uuid} is {record.state}, but nobody works on it", repaired
        )


def _give_up(record: MediaFile, own: Lease) -> None:
    # Somebody may have brought it to its end since it was found, and given the lease back.
    if MediaFile.objects.filter(pk=record.pk, state__in=_WORKED_ON).exists():
        record.advance(State.FAILED, lease=own)


def temporary_files(examination: Examination) -> Iterator[Problem | None]:
    """Folders of attempts that have ended."""
    store = examination.store
    for path in store.folder.attempt_folders():
        yield None
        attempt = recovery.attempt_of(path)
        if attempt is None:
            yield Problem("temporary files", f"{path} is not the intake's", False, "Remove it by hand.")
            continue
        if not recovery.is_left_behind(store, attempt):
            continue
        yield Problem("temporary files", f"{path} was left behind", _bury_if_asked(examination, attempt))


def _bury_if_asked(examination: Examination, attempt: UUID) -> bool:
    """Whether the attempt is buried now."""
    return examination.repair and recovery.bury(
        examination.store, attempt, stale_after=examination.stale_after
    )


def locks(examination: Examination) -> Iterator[Problem | Note | None]:
    """Lock files of dead owners, beside every source that was worked on and in the data folder."""
    yield from _nowhere(examination)
    for path in sorted(_lock_paths(examination)):
        yield None
        try:
            found = file_lock.inspect(path)
            if not _is_left_behind(found, examination.stale_after):
                yield from _holder(path, found, examination.stale_after)
                continue
            removed = examination.repair and file_lock.remove_if_dead(
                path, stale_after=examination.stale_after
            )
        except (MediaImportError, OSError) as error:
            yield Problem("locks", f"{path} cannot be looked at: {error}", repaired=False)
        else:
            yield Problem("locks", f"{path} was left behind by a dead worker", removed)


def _nowhere(examination: Examination) -> Iterator[Note]:
    """Sources that somebody asks about, mistyped perhaps: no file, and no lock of one."""
    for source in examination.sources:
        lock = recovery.lock_path_of(examination.store.folder, source)
        if not (os.path.lexists(source) or os.path.lexists(lock)):
            yield Note(f"{source} is not there, and has no lock")


def _is_left_behind(found: file_lock.LockStatus, stale_after: float) -> bool:
    stale = found.age is not None and found.age > stale_after
    return found.state is LockState.DEAD or (found.state is LockState.UNKNOWN and stale)


def _holder(path: Path, found: file_lock.LockStatus, stale_after: float) -> Iterator[Note]:
    """Who holds a lock that is nobody's fault."""
    if found.state is LockState.FREE:
        return
    age = "" if found.age is None else f", renewed {max(0.0, found.age):.0f} s ago"
    if found.owner is not None:
        yield Note(f"{path} is held by {found.owner}{age}")
    else:
        yield Note(f"{path} says nothing of its owner{age}; it counts until it is {stale_after:.0f} s old")


def _lock_paths(examination: Examination) -> set[Path]:
    store = examination.store
    paths = set(store.folder.locks.glob("*.lock"))
    paths |= {recovery.lock_path_of(store.folder, source) for source in examination.sources}
    interrupted = ImportAttempt.objects.filter(
        Q(ended_at__isnull=True)
        | Q(outcome=ImportAttempt.Outcome.INTERRUPTED)
        | Q(pk__in=[*recovery.abandoned_folders(store)])
    )
    for attempt in interrupted.iterator():
        source = identity_records.source_of(store.sealer, attempt)
        paths.add(recovery.lock_path_of(store.folder, source))
    return {path for path in paths if os.path.lexists(path)}
