"""The review desk: a person decides about what the intake was not sure of."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from django.db import transaction

from endoreg_db.errors import InvalidTransitionError
from endoreg_db.logging import get_logger
from endoreg_db.models import AuditEvent, MediaFile, State
from endoreg_db.services import certificates
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

    The record changes first. A crash before the file is gone leaves a file that no record names,
    which recovery removes.

    Raises:
        InvalidTransitionError: the record waits for no decision, or no reason was given.
    """
    if not reason.strip():
        raise InvalidTransitionError("A rejection needs a reason", advice="Say why with --reason TEXT.")
    output, candidate = record.output_name, record.candidate_sha256
    with transaction.atomic():
        record.advance(State.REJECTED, output_name="", output_sha256="", candidate_sha256="")
        _note(record, AuditEvent.Action.REJECTED, actor, reason.strip())
    if output:
        store.publisher.retract(store.folder.published / output)
    if candidate:
        store.vault.remove(candidate)
    log.info("Rejected %s", record.uuid, action="rejected")
    return record


def _publish_candidate(store: Store, record: MediaFile, actor: str) -> None:
    candidate = record.candidate_sha256
    if not candidate:
        raise InvalidTransitionError(f"The {record.kind} {record.uuid} has no candidate to publish")
    with Workspace(store.folder, uuid4()) as workspace:
        extracted = workspace.folder / "candidate"
        store.vault.extract(candidate, extracted)
        suffix = _SUFFIX[MediaFile.Kind(record.kind)]
        proof = _certificate(store, record, extracted, suffix, actor)
        with transaction.atomic():
            locked = MediaFile.objects.select_for_update().get(pk=record.pk)
            if (locked.state, locked.candidate_sha256) != (State.NEEDS_REVIEW, candidate):
                raise InvalidTransitionError(f"Somebody else has decided about {record.uuid} meanwhile")
            output = store.publisher.publish(extracted, record.pk, suffix, proof)
            record.advance(
                State.PUBLISHED, output_name=output.name, output_sha256=candidate, candidate_sha256=""
            )
            _note(record, AuditEvent.Action.APPROVED, actor, "published after review")
    store.vault.remove(candidate)


def _certificate(store: Store, record: MediaFile, extracted: Path, suffix: str, actor: str) -> bytes:
    name = store.publisher.final_path(record.pk, suffix).name
    size = extracted.stat().st_size
    made = certificates.made_by(record, name=name, sha256=record.candidate_sha256, size=size)
    return certificates.issue(store, record, made, by=actor, how="reviewed")


def _note(record: MediaFile, action: AuditEvent.Action, actor: str, detail: str) -> None:
    AuditEvent.objects.create(media_id=record.pk, action=action, actor=actor, detail=detail)
