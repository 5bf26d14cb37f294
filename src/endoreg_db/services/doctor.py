"""The doctor: compares database, files and locks, and mends what a crash or a hand left behind.

Each check is a function that yields what it finds. With ``repair`` it mends before it yields. No
check touches anything that a living worker may be about to use: a record is changed under the lease
on its content, a file is removed only while its row or its lease is locked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from endoreg_db.certificate import certificate_path, is_about
from endoreg_db.errors import MediaImportError
from endoreg_db.locking import file_lock
from endoreg_db.locking.file_lock import LockState
from endoreg_db.models import ContentLease, ImportAttempt, MediaFile, State, VideoFile
from endoreg_db.models.lease import Lease
from endoreg_db.models.states import REACHABLE
from endoreg_db.services import certificates, identity_records, pieces, proposals, recovery, stored
from endoreg_db.services.store import Store
from endoreg_db.storage.signing import load_signing_key
from endoreg_db.storage.source import hash_file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be."""

    check: str
    what: str  # a path or a UUID, and what is wrong with it
    repaired: bool
    advice: str = ""  # what a person can do, where the doctor cannot


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is as it should be, and that whoever asks may want to know."""

    what: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check looked at and found."""

    name: str
    looked_at: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(problem.repaired for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Examination:
    """What a check may do, and with what."""

    store: Store
    repair: bool
    deep: bool
    stale_after: float  # seconds; of file locks
    sources: tuple[Path, ...] = ()  # whose locks are looked at too, whether they were ever worked on or not


#: A check yields None for each thing it looked at, a Problem for each that is wrong, and Notes.
Check = Callable[[Examination], Iterator[Problem | Note | None]]


def examine(examination: Examination) -> Iterator[CheckResult]:
    """Run every check, in an order in which each finds what the ones before it left."""
    for name, check in CHECKS.items():
        found = list(check(examination))
        problems = tuple(one for one in found if isinstance(one, Problem))
        notes = tuple(one.what for one in found if isinstance(one, Note))
        yield CheckResult(name, found.count(None), problems, notes)


# ------------------------------------------------------------------------- attempts and leases


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
    working = MediaFile.objects.filter(state__in=[State.PROCESSING, State.RECEIVED])
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


# ------------------------------------------------------------------------------ files and rows


def published_files(examination: Examination) -> Iterator[Problem | None]:
    """Files in the published folder that no record names: never verified, or no longer wanted."""
    publisher = examination.store.publisher
    for path in (*publisher.published_files(), *publisher.certificates()):
        yield None
        with transaction.atomic():
            # Whoever publishes holds this row's lock while it renames; so what is there now is
            # either named by a committed row, or will never be.
            uuid = _uuid_or_none(path.name.split(".")[0])
            record = MediaFile.objects.select_for_update().filter(pk=uuid).first() if uuid else None
            if record is not None and _is_named_by(record, path):
                continue
            if examination.repair:
                publisher.retract(path)
        yield Problem("published files", f"{path} is named by no record", examination.repair)


def _is_named_by(record: MediaFile, path: Path) -> bool:
    """Whether the path is one of the record's published files, or the certificate of one."""
    files = [path.with_name(name) for name in record.published]
    return path in files or path in map(certificate_path, files)


def certificates_of_files(examination: Examination) -> Iterator[Problem | None]:
    """Published files whose certificate is missing or is not about them."""
    store = examination.store
    public_key = load_signing_key(store.folder.keys).public_key
    for record in MediaFile.objects.filter(state__in=REACHABLE).iterator():
        for name, sha256 in record.published.items():
            yield None
            path = store.folder.published / name
            if path.is_file() and not is_about(path, sha256, public_key):
                repaired = examination.repair and _certify_again(store, record, path, sha256)
                yield Problem("certificates", f"{path} has no certificate of its own", repaired)


def _certify_again(store: Store, record: MediaFile, path: Path, sha256: str) -> bool:
    """Only for the very file that was verified; what became of another is for a person to find out."""
    if hash_file(path).sha256 != sha256:
        return False
    with transaction.atomic():
        # Locked, so that nobody takes the file back meanwhile.
        MediaFile.objects.select_for_update().get(pk=record.pk, state__in=REACHABLE)
        store.publisher.certify(path, certificates.reissue(store, record, path, sha256))
    return True


def published_records(examination: Examination) -> Iterator[Problem | None]:
    """Published records whose file is gone or (``--deep``) was changed."""
    for record in MediaFile.objects.filter(state__in=REACHABLE).iterator():
        yield None
        for name, sha256 in record.published.items():
            path = examination.store.folder.published / name
            trouble = _trouble_with_output(path, sha256, deep=examination.deep)
            if trouble is not None:
                yield _mended_output(examination, record, path, trouble)
                break  # mending one has taken back the other


def _mended_output(examination: Examination, record: MediaFile, path: Path, trouble: str) -> Problem:
    repaired = examination.repair and trouble == "is gone"
    if repaired:
        others = [examination.store.folder.published / name for name in record.published]
        record.advance(State.FAILED, output_name="", output_sha256="", text_sha256="")
        for other in others:
            examination.store.publisher.retract(other)
    again = f"`endoreg retry {record.uuid}` makes it again."
    restore = f"Restore it from the backup, or `endoreg reject {record.uuid}`."
    return Problem("published records", f"{path} {trouble}", repaired, again if repaired else restore)


def _trouble_with_output(path: Path, sha256: str, *, deep: bool) -> str | None:
    if not path.is_file():
        return "is gone"
    if deep and hash_file(path).sha256 != sha256:
        return "is not the file that was verified"
    return None


def stored_originals(examination: Examination) -> Iterator[Problem | None]:
    """Originals and candidates that a record names but the vault lacks or (``--deep``) has damaged."""
    vault = examination.store.vault
    named = MediaFile.objects.filter(Q(original_kept=True) | ~Q(candidate_sha256=""))
    for record in named.iterator():
        for sha256 in record.stored:
            yield None
            whole = vault.verify(sha256) if examination.deep else vault.contains(sha256)
            if not whole:
                yield Problem(
                    "stored originals",
                    f"{vault.path_of(sha256)} of {record.kind} {record.uuid} is gone or damaged",
                    repaired=False,
                    advice="Restore it from the backup of the vault, or import the source again.",
                )


def orphaned_originals(examination: Examination) -> Iterator[Problem | None]:
    """Files in the vault that no record names."""
    vault = examination.store.vault
    for sha256 in vault.addresses():
        yield None
        if stored.is_named(sha256):
            continue
        repaired = examination.repair and stored.remove_unless_named(examination.store, sha256)
        yield Problem("orphaned originals", f"{vault.path_of(sha256)} is named by no record", repaired)


def kept_segments(examination: Examination) -> Iterator[Problem | None]:
    """What interrupted imports had finished, and no import will take over any more."""
    store = examination.store
    for path in store.pieces.folders():
        yield None
        if not store.pieces.is_content(path.name):
            yield Problem("kept segments", f"{path} is not the intake's", False, "Remove it by hand.")
        elif (trouble := pieces.trouble_with(store, path, time.time())) is not None:
            repaired = examination.repair and stored.under_lease(
                store, path.name, partial(_remove_pieces, store, path.name)
            )
            yield Problem("kept segments", f"{path} {trouble}", repaired)


def _remove_pieces(store: Store, content: str, _own: Lease) -> None:
    store.pieces.remove(content)


def proposed_profiles(examination: Examination) -> Iterator[Problem | None]:
    """Files of proposed device profiles that are gone, or that no record has any more."""
    folder = examination.store.folder
    rows = VideoFile.objects.filter(proposal__isnull=False).values_list("pk", "proposal")
    proposing: dict[UUID, dict[str, Any]] = {uuid: data for uuid, data in rows if data is not None}
    for uuid, data in proposing.items():
        yield None
        path = proposals.path_of(folder, uuid)
        if not path.exists():
            if examination.repair:
                proposals.write(folder, uuid, data)
            yield Problem("proposed profiles", f"{path} is gone", examination.repair)
    for path in proposals.files(folder):
        owner = _uuid_or_none(path.stem)
        if owner is None or owner in proposing:
            continue
        repaired = examination.repair and _remove_proposal(examination.store, owner)
        yield Problem("proposed profiles", f"{path} is of no record that waits for it", repaired)


def _remove_proposal(store: Store, uuid: UUID) -> bool:
    """Remove an unwanted file, unless an import that is about to name it runs."""
    video = VideoFile.objects.filter(pk=uuid).first()
    if video is None:
        proposals.remove(store.folder, uuid)
        return True

    def remove(_own: Lease) -> None:
        if VideoFile.objects.filter(pk=uuid, proposal__isnull=True).exists():
            proposals.remove(store.folder, uuid)

    return stored.under_lease(store, video.content_sha256, remove)


def locks(examination: Examination) -> Iterator[Problem | Note | None]:
    """Lock files of dead owners, beside every source that was worked on and in the data folder."""
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
        source = identity_records.unseal_path(store.sealer, attempt.sealed_source, attempt.uuid)
        paths.add(recovery.lock_path_of(store.folder, source))
    return {path for path in paths if os.path.lexists(path)}


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


#: In this order: who is dead first, then what the dead left.
CHECKS: dict[str, Check] = {
    "attempts": interrupted_attempts,
    "leases": dead_leases,
    "records": unfinished_records,
    "temporary files": temporary_files,
    "kept segments": kept_segments,
    "published files": published_files,
    "published records": published_records,
    "certificates": certificates_of_files,
    "stored originals": stored_originals,
    "orphaned originals": orphaned_originals,
    "proposed profiles": proposed_profiles,
    "locks": locks,
}
