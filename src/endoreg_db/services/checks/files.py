"""Files that no record names, and records whose files are gone or were changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from endoreg_db.certificate import certificate_path, is_about
from endoreg_db.intake import sightings
from endoreg_db.models import MediaFile, State, VideoFile
from endoreg_db.models.lease import Lease
from endoreg_db.models.states import REACHABLE
from endoreg_db.services import certificates, pieces, proposals, stored
from endoreg_db.services.checks.examination import Examination, Problem
from endoreg_db.services.store import Store
from endoreg_db.storage.signing import load_signing_key
from endoreg_db.storage.source import hash_file

_GONE = "is gone"
_BRING_BACK = (
    "Restore it from the backup of the vault, or import its source again: that stores what is missing. "
    "Move a damaged file away first."
)
_FORGET_FIRST = "`endoreg doctor --repair` makes the import read a source that has not changed."
_OTHER = (
    "Nothing of it was changed. Look whether ENDOREG_DATABASE_URL leads to the database that it belongs to, "
    "and whether that is an older copy of it. What no database has a record of is for a person to remove."
)


def published_files(examination: Examination) -> Iterator[Problem | None]:
    """Files in the published folder that no record names: never verified, or no longer wanted."""
    publisher = examination.store.publisher
    foreign: set[Path] = set()  # the certificates of files that are of another database
    for path in (*publisher.published_files(), *publisher.certificates()):
        yield None
        uuid = _uuid_or_none(path.name.split(".")[0])
        if path in foreign or _is_of_another_database(examination.store, path, uuid):
            foreign.add(certificate_path(path))
            yield Problem("published files", f"{path} was published, but no record is of it", False, _OTHER)
            continue
        with transaction.atomic():
            # Whoever publishes holds this row's lock while it renames; so what is there now is
            # either named by a committed row, or will never be.
            record = MediaFile.objects.select_for_update().filter(pk=uuid).first() if uuid else None
            if record is not None and _is_named_by(record, path):
                continue
            if examination.repair:
                publisher.retract(path)
        yield Problem("published files", f"{path} is named by no record", examination.repair)


def _is_of_another_database(store: Store, path: Path, uuid: UUID | None) -> bool:
    """Whether a file was verified and published here, but not by this database.

    Records are never removed, so one without a record is of another database, or of a newer copy of this one.
    """
    if uuid is not None and MediaFile.objects.filter(pk=uuid).exists():
        return False
    if not certificate_path(path).is_file():
        return False
    return is_about(path, hash_file(path).sha256, load_signing_key(store.folder.keys).public_key)


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
        if not MediaFile.objects.select_for_update().filter(pk=record.pk, state__in=REACHABLE).exists():
            return False
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
                mendable = examination.repair and trouble == _GONE
                repaired = mendable and _take_back(examination.store, record, path)
                yield _problem_with_output(record, path, trouble, repaired=repaired)
                break  # mending one has taken back the other


def _take_back(store: Store, record: MediaFile, path: Path) -> bool:
    """Make a record whose published file is gone one that failed; False if somebody just decided about it."""
    with transaction.atomic():
        # As it is now: who rejects a record removes its files before that is on record.
        current = MediaFile.objects.select_for_update().get(pk=record.pk)
        if path.name not in current.published or path.is_file():
            return False
        record.advance(State.FAILED, output_name="", output_sha256="", text_sha256="")
        for name in current.published:
            store.publisher.retract(store.folder.published / name)
    return True


def _problem_with_output(record: MediaFile, path: Path, trouble: str, *, repaired: bool) -> Problem:
    again = f"`endoreg retry {record.uuid}` makes it again."
    restore = f"Restore it from the backup, or `endoreg reject {record.uuid} --reason TEXT`."
    return Problem("published records", f"{path} {trouble}", repaired, again if repaired else restore)


def _trouble_with_output(path: Path, sha256: str, *, deep: bool) -> str | None:
    if not path.is_file():
        return _GONE
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
            there = vault.contains(sha256)
            if there and (not examination.deep or vault.verify(sha256)):
                continue
            if examination.repair:
                sightings.forget(record)  # else an import of the unchanged source would not read it
            yield Problem(
                "stored originals",
                f"{vault.path_of(sha256)} of {record.kind} {record.uuid} {'is damaged' if there else _GONE}",
                repaired=False,
                advice=_BRING_BACK if examination.repair else f"{_BRING_BACK} {_FORGET_FIRST}",
            )


def orphaned_originals(examination: Examination) -> Iterator[Problem | None]:
    """Files in the vault that no record names."""
    vault = examination.store.vault
    for sha256 in vault.addresses():
        yield None
        if stored.is_named(sha256):
            continue
        if not stored.is_known(sha256):
            what = "was stored, but not by this database"
            yield Problem("orphaned originals", f"{vault.path_of(sha256)} {what}", False, _OTHER)
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


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
