"""What an import does to the records and the store, one function for each durable step.

The order is always the same: bytes first, then the row that names them, the source last of all.
Whatever a function here leaves behind when the power goes is a state that
:mod:`endoreg_db.services.recovery` knows.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import Error as AnyDatabaseError
from django.db import transaction
from django.db.models.functions import Now

from endoreg_db import errors
from endoreg_db.conf import Config
from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Finding
from endoreg_db.intake import sightings
from endoreg_db.locking import lease
from endoreg_db.locking.owner import current_owner
from endoreg_db.logging import get_logger
from endoreg_db.models import AuditEvent, ContentLease, ImportAttempt, MediaFile, State, VideoFile
from endoreg_db.models.lease import Lease
from endoreg_db.models.media import TEXT_SUFFIX
from endoreg_db.models.states import SETTLED, sources_of
from endoreg_db.services import certificates, database, identity_records, pseudonyms, recovery
from endoreg_db.services.context import ImportContext, ImportOutcome, ImportRequest, Status
from endoreg_db.services.store import open_store
from endoreg_db.storage.durable import remove_durably, storage_errors
from endoreg_db.storage.publish import Publisher, fingerprint
from endoreg_db.storage.sealing import Sealer
from endoreg_db.storage.vault import FileDigest, hash_file

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
    attempt.save(force_insert=True)
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
            _end_attempt(context, _failed_outcome(error), error)
    except AnyDatabaseError as trouble:
        # The attempt stays "running" with a dead owner: exactly what recovery looks for.
        log.warning("Could not record why the import failed: %s", trouble)


def _fail_record(context: ImportContext, error: BaseException) -> None:
    if context.lease is None or context.record is None or isinstance(error, errors.LeaseLostError):
        return
    failed = State.QUARANTINED if _failed_outcome(error) is Outcome.QUARANTINED else State.FAILED
    # As it is stored: a commit that failed leaves the object in memory ahead of its row.
    context.record.refresh_from_db(fields=["state"])
    try:
        if context.record.state in (State.RECEIVED, State.PROCESSING):
            context.record.advance(failed, lease=context.lease)
    except errors.LeaseLostError:
        log.warning("Another worker owns the content now; this one changed nothing")


def _failed_outcome(error: BaseException) -> ImportAttempt.Outcome:
    if isinstance(error, errors.UnsupportedMediaError | errors.CorruptMediaError | errors.VerificationError):
        return Outcome.QUARANTINED
    if isinstance(error, errors.FileLockedError):
        return Outcome.LOCKED
    return Outcome.FAILED if isinstance(error, Exception) else Outcome.INTERRUPTED


def _end_attempt(
    context: ImportContext, outcome: ImportAttempt.Outcome, error: BaseException | None = None
) -> None:
    attempt = context.the_attempt
    path = str(context.request.file_path)
    message = "" if error is None else str(error).replace(path, "<source>") or type(error).__name__
    ImportAttempt.objects.filter(pk=attempt.pk).update(
        outcome=outcome,
        step=context.step,
        error_type="" if error is None else type(error).__name__,
        error_message=message.encode("utf-8", "backslashreplace").decode(),
        media=None if context.record is None else context.record.pk,
        ended_at=Now(),
    )


# ------------------------------------------------------------------------------ known and new


def recognise(context: ImportContext) -> bool:
    """Read the source once; True if its content is settled already (then ``outcome`` is set).

    A file of a size that some record has is hashed first, because writing an encrypted copy of a
    duplicate costs more than reading a new file twice now and then.
    """
    path = context.request.file_path
    if context.request.retry_of is not None:
        context.record = MediaFile.objects.get(pk=context.request.retry_of)
        return False
    if _recall(context):
        return True
    kept = False
    if MediaFile.objects.filter(size_bytes=path.stat().st_size).exists():
        context.digest = hash_file(path)
        record = MediaFile.of_content(context.digest.sha256)
        if record is not None and _settle_known(context, record):
            return True
        kept = record is not None and record.original_kept
    if context.request.save_original and not kept:
        context.ingested = context.store.vault.ingest(path, context.the_workspace.folder)
        context.digest = FileDigest(context.ingested.sha256, context.ingested.size)
    context.digest = context.digest or hash_file(path)
    return False


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
        ImportAttempt.objects.filter(pk=attempt.pk).update(
            media_id=record.pk, token=granted.token, step=context.step
        )
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
    with transaction.atomic():
        if not is_new:
            recovery.settle_earlier_attempts(context.store, record, context.the_attempt)
            changes |= _begin_anew(context)
        record.advance(State.PROCESSING, lease=context.the_lease, **changes)


def _begin_anew(context: ImportContext) -> dict[str, Any]:
    """What changes in a known record that is worked on again."""
    changes: dict[str, Any] = {"findings": [], "candidate_sha256": "", "text_sha256": ""}
    if context.request.retry_of is None:
        changes |= {"center": context.center}
    if context.processor is not None:
        changes |= {"processor": context.processor, "device_source": VideoFile.DeviceSource.NAMED}
    return changes


def _recall(context: ImportContext) -> bool:
    """Known without reading a byte: the file has not changed since it was imported."""
    seen = context.fingerprint
    if seen is None:
        return False
    record = sightings.recall(context.store.sighting_of(context.request.file_path, seen))
    return record is not None and _settle_known(context, record)


def _remember_source(context: ImportContext) -> None:
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
        _remember_source(context)
        _end_attempt(context, Outcome.DUPLICATE)
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
    return identity_records.unseal_path(context.store.sealer, first.sealed_source, first.uuid).name


# ------------------------------------------------------------------------------- the way out


def check_source_unchanged(context: ImportContext) -> None:
    """Make sure that what was de-identified is what was hashed and stored.

    Raises:
        SourceChangedError: the source was replaced or written to while it was being read.
    """
    before, path = context.fingerprint, context.request.file_path
    if context.untrusted_input is not None or before is None:
        return
    now = fingerprint(path)
    # Not the change time: giving the file a second name changes that, but no byte of it.
    if (now.device, now.inode, now.size, now.mtime_ns) != (
        before.device,
        before.inode,
        before.size,
        before.mtime_ns,
    ):
        raise errors.SourceChangedError(f"{path} changed while it was being imported")


@dataclass(frozen=True, slots=True)
class Output:
    """What a pass has made: files in the attempt's folder, verified."""

    candidate: Path
    suffix: str  # of the candidate once it is published
    text: Path | None = None  # the cleaned text beside it

    @property
    def files(self) -> tuple[tuple[Path, str], ...]:
        """All files that are published, each with its suffix; the candidate last."""
        candidate = (self.candidate, self.suffix)
        return (candidate,) if self.text is None else ((self.text, TEXT_SUFFIX), candidate)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of all files that are published."""
        return tuple(suffix for _, suffix in self.files)


def publish(
    context: ImportContext,
    made: Output,
    findings: tuple[Finding, ...],
    identity: Identity,
    facts: Mapping[str, Any],
) -> None:
    """Give the verified output its final name and say so, if the lease is still ours.

    The name is given inside the transaction that holds the rows of lease and record, so a worker whose
    lease has passed to another can neither replace the other's file nor change the record. If the power
    goes between the two, recovery finds a file that no record names, and removes it.

    Raises:
        LeaseLostError: a newer worker has been granted the content; nothing was changed.
    """
    record, store = context.the_record, context.store
    noted = [asdict(finding) for finding in findings]
    digests = {suffix: hash_file(path).sha256 for path, suffix in made.files}
    # Before the transaction: it hashes the models, and the database must not wait for that.
    proofs = {
        suffix: _certificate(context, path, suffix, digests[suffix], noted, facts)
        for path, suffix in made.files
    }
    try:
        with transaction.atomic():
            _lock_lease(context)
            # Before the files get their names: the statement locks the record's row, and the doctor
            # removes published files only under that lock.
            record.advance(
                State.PUBLISHED,
                lease=context.the_lease,
                output_name=store.publisher.final_path(record.pk, made.suffix).name,
                output_sha256=digests[made.suffix],
                candidate_sha256="",
                text_sha256=digests.get(TEXT_SUFFIX, ""),
                findings=noted,
                **facts,
            )
            for path, suffix in made.files:
                store.publisher.publish(path, record.pk, suffix, proofs[suffix])
            output = store.publisher.final_path(record.pk, made.suffix)
            _settle(context, "imported", identity, output)
    except BaseException:
        _retract_unless_named(store.publisher, record, made.suffixes)
        raise


def _certificate(
    context: ImportContext,
    path: Path,
    suffix: str,
    sha256: str,
    findings: list[dict[str, Any]],
    facts: Mapping[str, Any],
) -> bytes:
    """The certificate of a file that this call has verified and is about to publish."""
    store, record = context.store, context.the_record
    made = certificates.Made(
        name=store.publisher.final_path(record.pk, suffix).name,
        sha256=sha256,
        size=path.stat().st_size,
        profile_digest=facts.get("profile_digest", ""),
        findings=findings,
        verification=facts.get("verification", {}),
    )
    return certificates.issue(store, record, made, by="endoreg", how="verified")


def _retract_unless_named(publisher: Publisher, record: MediaFile, suffixes: Sequence[str]) -> None:
    """Take back files whose transaction failed, unless the database says that it went through.

    A connection that breaks in the commit leaves that open, and another worker may have published
    under the name since; so the stored record is asked, under its lock. Never raises: recovery
    removes the file where this cannot.
    """
    try:
        database.refresh_connection()
        with transaction.atomic():
            # Not waiting: a server that has not noticed the break yet holds the lock for us still.
            stored = MediaFile.objects.select_for_update(nowait=True).get(pk=record.pk)
            for suffix in suffixes:
                output = publisher.final_path(record.pk, suffix)
                if output.name not in stored.published:
                    publisher.retract(output)
    except (AnyDatabaseError, errors.MediaImportError) as trouble:
        log.warning("Left the files of %s to recovery: %s", record.pk, trouble)


def hold_for_review(
    context: ImportContext,
    made: Output,
    findings: tuple[Finding, ...],
    identity: Identity,
    facts: Mapping[str, Any],
) -> None:
    """Keep the output, encrypted, until a person has looked; nothing is published.

    Raises:
        LeaseLostError: a newer worker has been granted the content; nothing was changed.
    """
    record = context.the_record
    candidate_sha256 = _keep_candidate(context, made.candidate)
    text_sha256 = "" if made.text is None else _keep_candidate(context, made.text)
    with transaction.atomic():
        _lock_lease(context)
        record.advance(
            State.NEEDS_REVIEW,
            lease=context.the_lease,
            candidate_sha256=candidate_sha256,
            text_sha256=text_sha256,
            findings=[asdict(finding) for finding in findings],
            **facts,
        )
        _settle(context, "needs_review", identity, None)


def _keep_candidate(context: ImportContext, file: Path) -> str:
    """Put a file into the vault, under a lease of its own until the import ends; returns its SHA-256."""
    store = context.store
    ingested = store.vault.ingest(file, context.the_workspace.folder)
    # Leased like an original: recovery takes an object in the vault for an orphan only while it
    # holds the lease on it, so it cannot remove one that is about to be named.
    try:
        own = lease.grant(
            ingested.sha256, context.the_attempt.uuid, is_dead=lambda a: recovery.is_dead(store, a)
        )
    except lease.LeaseHeldError as error:  # another source, with the same pictures in it
        raise errors.FileLockedError(
            f"The output of {context.request.file_path} is just being stored for another file"
        ) from error
    context.resources.callback(lease.release, own)
    store.vault.keep(ingested)
    return ingested.sha256


def remove_source(context: ImportContext) -> None:
    """Remove the source if the vault holds all of its bytes; otherwise keep it and say why.

    The stored copy is read back, decrypted and hashed first. A source that has to stay is no
    reason to fail an import that is done.
    """
    record, path = context.the_record, context.request.file_path
    removed, why = False, "the vault holds no whole copy of it"
    try:
        check_source_unchanged(context)
        if record.original_kept and context.store.vault.verify(record.content_sha256):
            remove_durably(path)
            removed, why = True, "the stored copy was read back and is whole"
    except (errors.MediaImportError, OSError) as error:
        why = type(error).__name__
    if removed:
        log.info("Removed source %s: %s", path, why)
    else:
        log.warning("Kept source %s: %s", path, why)
    action = AuditEvent.Action.SOURCE_REMOVED if removed else AuditEvent.Action.SOURCE_KEPT
    AuditEvent.objects.create(media_id=record.pk, action=action, actor="endoreg", detail=why)


def output_of(publisher: Publisher, record: MediaFile) -> Path | None:
    """The published file of a record; None if it has none."""
    return publisher.data_folder.published / record.output_name if record.output_name else None


def unfinished_record_of(path: Path) -> MediaFile | None:
    """The record of a file's content, if its import may be run again; None for any other file."""
    try:
        sha256 = hash_file(path).sha256
    except (errors.MediaImportError, OSError):
        return None  # the import says what is wrong, in its own words
    record = MediaFile.objects.filter(content_sha256=sha256).first()
    return record if record is not None and record.state in sources_of(State.PROCESSING) else None


def request_for_retry(config: Config, record: MediaFile, processor_name: str | None) -> ImportRequest:
    """What to ask for to run a known record again: from its source if that is still there, else the vault.

    Raises:
        SourceMissingError: neither has the content.
        InvalidTransitionError: nothing may follow the record's state but what a person decides.
    """
    store = open_store(config)
    record.refresh_from_db()
    if record.state not in sources_of(State.PROCESSING):
        raise errors.InvalidTransitionError(
            f"The {record.kind} {record.uuid} is {record.state}; there is nothing to retry"
        )
    stored = store.vault.path_of(record.content_sha256)
    if record.original_kept and stored.exists():
        path = stored
    else:
        path = _source_of(store.sealer, record)
        if hash_file(path).sha256 != record.content_sha256:
            raise errors.SourceChangedError(
                f"{path} is not the file any more that the record was made from",
                advice="Import it under its name: a changed file is a new file.",
            )
    return ImportRequest(
        file_path=path,
        center_name=record.center.name,
        processor_name=processor_name,
        save_original=record.original_kept,
        retry_of=record.uuid,
    )


def _source_of(sealer: Sealer, record: MediaFile) -> Path:
    for attempt in record.attempts.order_by("-started_at"):
        path = identity_records.unseal_path(sealer, attempt.sealed_source, attempt.uuid)
        if path.is_file():
            return path
    raise errors.SourceMissingError(
        f"The source of {record.kind} {record.uuid} is gone, and the vault has no copy of it",
        advice="Bring the file back and import it: the record keeps its UUID.",
    )


def has_lost_lease(context: ImportContext) -> bool:
    """Whether a newer worker has been granted the content before this one came to a decision."""
    if context.lease is None or context.outcome is not None:
        return False
    try:
        database.refresh_connection()
        return not ContentLease.objects.held_by(context.lease).exists()
    except AnyDatabaseError:
        return False  # unknown; every write would say so


def _lock_lease(context: ImportContext) -> None:
    held = ContentLease.objects.select_for_update().held_by(context.the_lease).values_list("pk")
    if not list(held):
        raise errors.LeaseLostError(f"The lease on {context.request.file_path} was lost before it was done")


def _settle(context: ImportContext, status: Status, identity: Identity, output: Path | None) -> None:
    record = context.the_record
    identity_records.store_identity(
        context.store.sealer, record, context.request.file_path.absolute(), identity
    )
    pseudonyms.note(context.store, record, identity)
    _remember_source(context)
    _end_attempt(context, Outcome(status))
    lease.release(context.the_lease)
    context.outcome = ImportOutcome(record, status, output)
