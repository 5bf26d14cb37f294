"""The review desk: a person decides about what the intake was not sure of."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from django.db import transaction

from endoreg_db.errors import InvalidTransitionError
from endoreg_db.logging import get_logger
from endoreg_db.models import AuditEvent, MediaFile, State
from endoreg_db.models.media import TEXT_SUFFIX
from endoreg_db.services import certificates, publishing, stored
from endoreg_db.services.store import Store
from endoreg_db.storage.workspace import Workspace

log = get_logger(__name__)

_SUFFIX = {MediaFile.Kind.VIDEO: ".mp4", MediaFile.Kind.REPORT: ".pdf"}


def approve(store: Store, record: MediaFile, *, actor: str) -> MediaFile:
    """Say that a person has looked: a candidate becomes published, a published file released.

    Raises:
        InvalidTransitionError: the record waits for no decision.
        CorruptStoreError: the candidate in the vault is not what was put there.
    """
    record.refresh_from_db()
    if record.state == State.NEEDS_REVIEW:
        _publish_candidate(store, record, actor)
    else:
        with transaction.atomic():
            record.advance(State.RELEASED)
            _note(record, AuditEvent.Action.APPROVED, actor, "released for export")
    log.info("Approved %s: now %s", record.uuid, record.state, action="approved")
    return record


def reject(store: Store, record: MediaFile, *, actor: str, reason: str) -> MediaFile:
    """Say that it must not leave: what was published is removed, the candidate is destroyed.

    Published files go before the decision is on record, so that no crash leaves one that was rejected:
    it leaves a published record without its file, which can be rejected again.

    Raises:
        InvalidTransitionError: the record waits for no decision, or no reason was given.
        StorageFailedError: a published file cannot be removed; the record is as it was.
    """
    if not reason.strip():
        raise InvalidTransitionError("A rejection needs a reason", advice="Say why with --reason TEXT.")
    with transaction.atomic():
        # As it is now, not as it was looked up: somebody may have approved it meanwhile.
        locked = MediaFile.objects.select_for_update().get(pk=record.pk)
        waiting = _waiting(locked)
        record.advance(State.REJECTED, output_name="", output_sha256="", candidate_sha256="", text_sha256="")
        _note(record, AuditEvent.Action.REJECTED, actor, reason.strip())
        for suffix in _suffixes(record):  # in any state: an approval that failed may have left one
            store.publisher.retract(store.publisher.final_path(record.pk, suffix))
    for sha256 in waiting:
        stored.remove_unless_named(store, sha256)
    log.info("Rejected %s", record.uuid, action="rejected")
    return record


def _publish_candidate(store: Store, record: MediaFile, actor: str) -> None:
    candidate = record.candidate_sha256
    if not candidate:
        raise InvalidTransitionError(f"The {record.kind} {record.uuid} has no candidate to publish")
    waiting = _waiting(record)
    with Workspace(store.folder, uuid4()) as workspace:
        files = []
        for number, (sha256, suffix) in enumerate(zip(waiting, _suffixes(record), strict=False)):
            extracted = workspace.folder / f"candidate-{number}"
            store.vault.extract(sha256, extracted)
            files.append((extracted, suffix, _certificate(store, record, extracted, suffix, sha256, actor)))
        try:
            with transaction.atomic():
                locked = MediaFile.objects.select_for_update().get(pk=record.pk)
                if (locked.state, locked.candidate_sha256) != (State.NEEDS_REVIEW, candidate):
                    raise InvalidTransitionError(f"Somebody else has decided about {record.uuid} meanwhile")
                for extracted, suffix, proof in reversed(files):
                    output = store.publisher.publish(extracted, record.pk, suffix, proof)
                record.advance(
                    State.PUBLISHED, output_name=output.name, output_sha256=candidate, candidate_sha256=""
                )
                _note(record, AuditEvent.Action.APPROVED, actor, "published after review")
        except BaseException:
            publishing.retract_unless_named(store.publisher, record, _suffixes(record))
            raise
    for sha256 in waiting:
        stored.remove_unless_named(store, sha256)


def _suffixes(record: MediaFile) -> tuple[str, ...]:
    """Of the files that a record of this kind can have published: the candidate's, then its text's."""
    return (_SUFFIX[MediaFile.Kind(record.kind)], TEXT_SUFFIX)


def _waiting(record: MediaFile) -> tuple[str, ...]:
    """What the vault holds of a record that waits for a decision: the candidate, then its text."""
    if not record.candidate_sha256:
        return ()
    return (record.candidate_sha256, *((record.text_sha256,) if record.text_sha256 else ()))


def _certificate(
    store: Store, record: MediaFile, extracted: Path, suffix: str, sha256: str, actor: str
) -> bytes:
    name = store.publisher.final_path(record.pk, suffix).name
    size = extracted.stat().st_size
    made = certificates.made_by(record, name=name, sha256=sha256, size=size)
    return certificates.issue(store, record, made, by=actor, how="reviewed")


def _note(record: MediaFile, action: AuditEvent.Action, actor: str, detail: str) -> None:
    AuditEvent.objects.create(media_id=record.pk, action=action, actor=actor, detail=detail)
