"""How an import goes out: published, kept for review, and the source removed last of all.

One function for each durable step, as in :mod:`endoreg_db.services.records`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db import Error as AnyDatabaseError
from django.db import connection, transaction

from endoreg_db import errors
from endoreg_db.deid.identity import Identity
from endoreg_db.deid.messages import Finding
from endoreg_db.locking import lease
from endoreg_db.logging import get_logger
from endoreg_db.models import AuditEvent, ImportAttempt, MediaFile, State
from endoreg_db.models.lease import Lease
from endoreg_db.models.media import TEXT_SUFFIX
from endoreg_db.services import certificates, database, identity_records, pseudonyms, records, recovery
from endoreg_db.services.context import ImportContext, ImportOutcome, Status
from endoreg_db.services.verdict import Decision, Verdict
from endoreg_db.storage.durable import remove_durably
from endoreg_db.storage.publish import Publisher
from endoreg_db.storage.source import fingerprint, hash_file

log = get_logger(__name__)


def check_source_unchanged(context: ImportContext) -> None:
    """Make sure that what was de-identified is what was hashed and stored.

    Raises:
        SourceChangedError: the source was replaced or written to while it was being read.
    """
    if context.untrusted_input is None:  # else it was read from the vault, whatever the source is now
        _check_unchanged(context)


def _check_unchanged(context: ImportContext) -> None:
    before, path = context.fingerprint, context.request.file_path
    if before is None:
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


def deliver(
    context: ImportContext, made: Output, verdict: Verdict, identity: Identity, facts: Mapping[str, Any]
) -> None:
    """Publish the output if it is safe, else keep it for review; :func:`refuse_unsafe` comes first.

    Raises:
        LeaseLostError: a newer worker has been granted the content; nothing was changed.
    """
    way = publish if verdict.decision is Decision.SAFE else hold_for_review
    way(context, made, verdict.findings, identity, facts)


def refuse_unsafe(context: ImportContext, verdict: Verdict, *, advice: str | None = None) -> None:
    """End the import if its output is known to leak.

    Raises:
        VerificationError: it is; the message says what was found, ``advice`` what to do if not the usual.
    """
    if verdict.decision is Decision.UNSAFE:
        what = "; ".join(f.detail for f in verdict.findings if f.severity == "fatal")
        message = f"The output of {context.request.file_path} is not safe: {what}"
        raise errors.VerificationError(message, advice=advice)


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
        retract_unless_named(store.publisher, record, made.suffixes)
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
    processor = facts.get("processor")  # not yet in the record, where it was recognised from the picture
    made = certificates.Made(
        name=store.publisher.final_path(record.pk, suffix).name,
        sha256=sha256,
        size=path.stat().st_size,
        device="" if processor is None else processor.name,
        profile_digest=facts.get("profile_digest", ""),
        findings=findings,
        verification=facts.get("verification", {}),
        encoder=facts.get("encoder", ""),
    )
    return certificates.issue(store, record, made, by="endoreg", how="verified")


def retract_unless_named(publisher: Publisher, record: MediaFile, suffixes: Sequence[str]) -> None:
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
        StorageFailedError: this worker slept so long that the stored output may have been removed.
    """
    record = context.the_record
    candidate = _keep_candidate(context, made.candidate)
    text = None if made.text is None else _keep_candidate(context, made.text)
    with transaction.atomic():
        _lock_lease(context)
        for own in filter(None, (candidate, text)):
            _lock_candidate(context, own)
        record.advance(
            State.NEEDS_REVIEW,
            lease=context.the_lease,
            candidate_sha256=candidate.content_sha256,
            text_sha256="" if text is None else text.content_sha256,
            findings=[asdict(finding) for finding in findings],
            **facts,
        )
        _settle(context, "needs_review", identity, None)


def _keep_candidate(context: ImportContext, file: Path) -> Lease:
    """Put a file into the vault, under a lease of its own until the import ends."""
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
    return own


def _lock_candidate(context: ImportContext, own: Lease) -> None:
    """Make sure that nobody took what was kept for an orphan, while this worker slept."""
    if not lease.is_held(own):
        raise errors.StorageFailedError(
            f"The output of {context.request.file_path} may be gone: it waited too long to be named",
            advice=f"`endoreg retry {context.the_record.pk}` makes it again.",
        )


def remove_source(context: ImportContext) -> None:
    """Remove the source if the vault holds all of its bytes; otherwise keep it and say why.

    The stored copy is read back, decrypted and hashed first; that can take minutes, so the source is
    looked at once more behind it. Within a transaction of the caller's nothing is durable yet, and the
    source stays. A source that has to stay is no reason to fail an import that is done.
    """
    record, path = context.the_record, context.request.file_path
    removed, why = False, "the vault holds no whole copy of it"
    try:
        _check_unchanged(context)
        if connection.in_atomic_block:
            why = "the caller's transaction has not been committed"
        elif record.original_kept and context.store.vault.verify(record.content_sha256):
            _check_unchanged(context)
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


def _lock_lease(context: ImportContext) -> None:
    if not lease.is_held(context.the_lease):
        raise errors.LeaseLostError(f"The lease on {context.request.file_path} was lost before it was done")


def _settle(context: ImportContext, status: Status, identity: Identity, output: Path | None) -> None:
    record = context.the_record
    identity_records.store_identity(
        context.store.sealer, record, context.request.file_path.absolute(), identity
    )
    pseudonyms.note(context.store, record, identity)
    records.remember_source(context)
    records.end_attempt(context, ImportAttempt.Outcome(status))
    lease.release(context.the_lease)
    context.outcome = ImportOutcome(record, status, output)
