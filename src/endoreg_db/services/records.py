"""How an import comes in: its attempt, what is known of the content, the lease, the kept original.

One function for each durable step. The order is always the same: bytes first, then the row that names
them, the source last of all. Whatever a function here, or in :mod:`endoreg_db.services.publishing`,
leaves behind when the power goes is a state that :mod:`endoreg_db.services.recovery` knows.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import Error as AnyDatabaseError
from django.db import transaction
from django.db.models.functions import Now
from django.db.models.sql import Query

from endoreg_db import errors
from endoreg_db.intake import sightings
from endoreg_db.locking import lease
from endoreg_db.locking.owner import current_owner
from endoreg_db.logging import get_logger
from endoreg_db.models import ContentLease, ImportAttempt, MediaFile, State, VideoFile
from endoreg_db.models.lease import Lease
from endoreg_db.models.prepared import Prepared, given, insert, updating
from endoreg_db.models.states import SETTLED
from endoreg_db.services import database, identity_records, recovery, sources, stored
from endoreg_db.services.context import ImportContext, ImportOutcome
from endoreg_db.storage.durable import storage_errors
from endoreg_db.storage.publish import Publisher
from endoreg_db.storage.source import FileDigest, hash_file

log = get_logger(__name__)

Outcome = ImportAttempt.Outcome


# ------------------------------------------------------------------------------------ attempts


def begin_attempt(context: ImportContext, kind: str, attempt_id: UUID) -> ImportAttempt:
    """Write down that an attempt begins, before it does anything but show that it lives."""
    attempt = ImportAttempt(
        uuid=attempt_id,
        kind=kind,
        correlation_id=context.correlation_id,
        step=context.step,
        host=socket.gethostname(),
        boot=current_owner().process.place.boot.hex(),
        pid=os.getpid(),
    )
    attempt.sealed_source = identity_records.seal_path(
        context.store.sealer, context.request.file_path.absolute(), attempt.uuid
    )
    insert(attempt)
    return attempt


def record_failure(context: ImportContext, error: BaseException) -> None:
    """Write down why an attempt failed and free the content; never raises for a database at fault.

    A record that is already published stays so: what failed came after.
    """
    if context.attempt is None:
        return
    try:
        with transaction.atomic():
            _fail_record(context, error)
            end_attempt(context, failed_outcome(error), error)
    except AnyDatabaseError as trouble:
        # The attempt stays "running" with a dead owner: exactly what recovery looks for.
        log.warning("Could not record why the import failed: %s", trouble)


def _fail_record(context: ImportContext, error: BaseException) -> None:
    if context.lease is None or context.record is None or isinstance(error, errors.LeaseLostError):
        return
    failed = State.QUARANTINED if failed_outcome(error) is Outcome.QUARANTINED else State.FAILED
    # As it is stored: a commit that failed leaves the object in memory ahead of its row.
    context.record.refresh_from_db(fields=["state"])
    try:
        if context.record.state in (State.RECEIVED, State.PROCESSING):
            context.record.advance(failed, lease=context.lease)
    except errors.LeaseLostError:
        log.warning("Another worker owns the content now; this one changed nothing")


def failed_outcome(error: BaseException) -> ImportAttempt.Outcome:
    """As what an attempt that failed goes down; quarantined: it is not tried again by itself."""
    if isinstance(error, errors.UnsupportedMediaError | errors.CorruptMediaError | errors.VerificationError):
        return Outcome.QUARANTINED
    if isinstance(error, errors.FileLockedError):
        return Outcome.LOCKED
    return Outcome.FAILED if isinstance(error, Exception) else Outcome.INTERRUPTED


def end_attempt(
    context: ImportContext, outcome: ImportAttempt.Outcome, error: BaseException | None = None
) -> None:
    """Write down how the attempt ended; joins the transaction."""
    attempt = context.the_attempt
    path = str(context.request.file_path)
    message = "" if error is None else str(error).replace(path, "<source>") or type(error).__name__
    _END.run(
        uuid=attempt.pk,
        outcome=outcome,
        step=context.step,
        error_type="" if error is None else type(error).__name__,
        error_message=message.encode("utf-8", "backslashreplace").decode(),
        media=context.record,
    )


def _updating_attempt(*names: str, **others: Any) -> Query:
    changes = {name: given(ImportAttempt, name) for name in names}
    return updating(ImportAttempt.objects.filter(pk=given(ImportAttempt, "uuid")), **changes, **others)


_END = Prepared(
    lambda: _updating_attempt("outcome", "step", "error_type", "error_message", "media", ended_at=Now())
)
_LINK = Prepared(lambda: _updating_attempt("media", "token", "step"))


# ------------------------------------------------------------------------------ known and new


def recognise(context: ImportContext) -> bool:
    """Read the source once; True if its content is settled already (then ``outcome`` is set).

    A file of a size that some record has is hashed first, because writing an encrypted copy of a
    duplicate costs more than reading a new file twice now and then.
    """
    path = context.request.file_path
    if context.request.retry_of is not None:
        _recognise_again(context, context.request.retry_of)
        return False
    if _recall(context):
        return True
    kept = False
    if MediaFile.one_has_size(path.stat().st_size):
        context.digest = hash_file(path)
        record = MediaFile.of_content(context.digest.sha256)
        if record is not None:
            kept = stored.has_original(context.store, record)
            if record.original_kept and not kept and record.state in SETTLED:
                _store_again(context, record)
            if _settle_known(context, record):
                return True
    if context.request.save_original and not kept:
        _ingest(context)
    context.digest = context.digest or hash_file(path)
    return False


def _recognise_again(context: ImportContext, retry_of: UUID) -> None:
    """Make sure that a retry reads what its record was made from.

    Raises:
        SourceChangedError: the source has other bytes now.
    """
    record = context.record = MediaFile.objects.get(pk=retry_of)
    path = context.request.file_path
    if path == context.store.vault.path_of(record.content_sha256):
        return  # it is checked while it is decrypted
    if context.request.save_original and not stored.has_original(context.store, record):
        _ingest(context)
    context.digest = context.digest or hash_file(path)
    if context.digest.sha256 != record.content_sha256:
        raise errors.SourceChangedError(
            f"{path} is not the file any more that the record was made from",
            advice="Import it under its name: a changed file is a new file.",
        )


def _ingest(context: ImportContext) -> None:
    """Hash and encrypt the source in one read; :func:`keep_original` gives the copy its address."""
    context.ingested = context.store.vault.ingest(context.request.file_path, context.the_workspace.folder)
    context.digest = FileDigest(context.ingested.sha256, context.ingested.size)


def _store_again(context: ImportContext, record: MediaFile) -> None:
    """Bring back an original that the vault has lost: here is a file of the same bytes.

    Raises:
        FileLockedError: another attempt works on this content.
        SourceChangedError: the source has other bytes now.
    """
    path, vault = context.request.file_path, context.store.vault
    ingested = vault.ingest(path, context.the_workspace.folder)
    if ingested.sha256 != record.content_sha256:
        raise errors.SourceChangedError(f"{path} changed while it was being imported")
    if not stored.under_lease(context.store, ingested.sha256, lambda _own: vault.keep(ingested)):
        raise sources.being_processed(path)
    log.warning("Stored the original of %s again: the vault had lost it", record.pk)


def take_lease(context: ImportContext, new_record: Callable[[str, int], MediaFile]) -> bool:
    """Take the lease on the content and find or make its record, in one transaction.

    Returns whether the record is new. If another worker settled the content meanwhile, ``outcome``
    is set and the lease given back.

    Raises:
        LeaseHeldError: another attempt works on this content.
    """
    sha256, size = _identified(context)
    attempt = context.the_attempt
    with transaction.atomic():
        granted = lease.grant(sha256, attempt.uuid, is_dead=lambda a: recovery.is_dead(context.store, a))
        record = MediaFile.of_content(sha256)
        created = record is None
        if record is None:
            record = new_record(sha256, size)
            record.save(force_insert=True)
        _LINK.run(uuid=attempt.pk, media=record, token=granted.token, step=context.step)
        if context.request.retry_of is None and _settle_known(context, record):
            lease.release(granted)
            return False
    context.record, context.lease = _as_its_kind(record), granted
    context.resources.callback(_give_back, context, granted)
    return created


def keep_original(context: ImportContext, *, is_new: bool) -> None:
    """Give the encrypted original its address, then say so in the record, which is now processing.

    Args:
        context: of a call that holds the lease.
        is_new: whether this call made the record; then no earlier attempt has left anything in it.
    """
    record, ingested = context.the_record, context.ingested
    if ingested is not None:
        context.store.vault.keep(ingested)
    changes: dict[str, Any] = {"original_kept": record.original_kept or ingested is not None}
    if is_new:
        record.advance(State.PROCESSING, lease=context.the_lease, **changes)
        return
    with transaction.atomic():
        recovery.settle_earlier_attempts(context.store, record, context.the_attempt)
        record.advance(State.PROCESSING, lease=context.the_lease, **changes, **_begin_anew(context))


def _begin_anew(context: ImportContext) -> dict[str, Any]:
    """What changes in a known record that is worked on again."""
    changes: dict[str, Any] = {"findings": [], "candidate_sha256": "", "text_sha256": ""}
    if context.request.retry_of is None:
        changes |= {"center": context.center, "original_wanted": context.request.save_original}
    if context.processor is not None:
        changes |= {"processor": context.processor, "device_source": VideoFile.DeviceSource.NAMED}
    return changes


def _recall(context: ImportContext) -> bool:
    """Known without reading a byte: the file has not changed since it was imported."""
    seen = context.fingerprint
    if seen is None:
        return False
    record = sightings.recall(context.store.sighting_of(context.request.file_path, seen))
    if record is None or (record.original_kept and not stored.has_original(context.store, record)):
        return False
    return _settle_known(context, record)


def remember_source(context: ImportContext) -> None:
    """Write down that the source, as it is, need not be read again; joins the transaction."""
    seen = context.fingerprint
    if seen is not None and context.request.retry_of is None and sightings.has_settled(seen, time.time()):
        sighting = context.store.sighting_of(context.request.file_path, seen)
        sightings.remember(sighting, context.the_record)


def _identified(context: ImportContext) -> tuple[str, int]:
    if context.digest is not None:
        return context.digest.sha256, context.digest.size
    record = context.the_record
    return record.content_sha256, record.size_bytes


def _settle_known(context: ImportContext, record: MediaFile) -> bool:
    """End the import with a known record, if there is nothing to do about it."""
    if record.state == State.QUARANTINED:
        raise _quarantined(context, record)
    if record.state not in SETTLED:
        return False
    context.record = _as_its_kind(record)
    context.outcome = ImportOutcome(context.record, "duplicate", output_of(context.store.publisher, record))
    with transaction.atomic():
        remember_source(context)
        end_attempt(context, Outcome.DUPLICATE)
    return True


def _quarantined(context: ImportContext, record: MediaFile) -> errors.MediaImportError:
    last = record.attempts.filter(token__isnull=False).exclude(error_type="").order_by("-started_at").first()
    kind = getattr(errors, last.error_type, errors.CorruptMediaError) if last else errors.CorruptMediaError
    why = last.error_message.replace("<source>", str(context.request.file_path)) if last else "damaged"
    context.record = _as_its_kind(record)
    error: errors.MediaImportError = kind(
        f"Quarantined: {why}",
        advice=f"It is not tried again by itself; `endoreg retry {record.uuid}` tries it once more.",
    )
    return error


def _as_its_kind(record: MediaFile) -> MediaFile:
    if type(record) is not MediaFile:
        return record
    child = record.videofile if record.kind == MediaFile.Kind.VIDEO else record.reportfile
    return child


def _give_back(context: ImportContext, granted: Lease) -> None:
    # A call that came to its end gave the lease back in the transaction that says so.
    if context.outcome is None:
        lease.release(granted)


def plainly_named(context: ImportContext) -> Path:
    """The source, or a link to it where its path is not plain text: the cell takes and quotes no other."""
    source = context.request.file_path.absolute()
    if str(source).isprintable():
        return source
    link = context.the_workspace.folder / "source"
    with storage_errors(link):
        link.symlink_to(source)
    return link


def source_name(context: ImportContext) -> str:
    """What the source was called, without its folder, also where it is read from the vault now."""
    if context.request.retry_of is None:
        return context.request.file_path.name
    first = context.the_record.attempts.order_by("started_at", "uuid").first()
    if first is None:
        return ""
    return identity_records.source_of(context.store.sealer, first).name


def output_of(publisher: Publisher, record: MediaFile) -> Path | None:
    """The published file of a record; None if it has none."""
    return publisher.data_folder.published / record.output_name if record.output_name else None


def has_lost_lease(context: ImportContext) -> bool:
    """Whether a newer worker has been granted the content before this one came to a decision."""
    if context.lease is None or context.outcome is not None:
        return False
    try:
        database.refresh_connection()
        return not ContentLease.objects.held_by(context.lease).exists()
    except AnyDatabaseError:
        return False  # unknown; every write would say so
