"""Which imports may be run again, and what to ask for to do so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.db.models.functions import Now

from endoreg_db import errors
from endoreg_db.conf import Config
from endoreg_db.models import ContentLease, MediaFile, State
from endoreg_db.models.states import sources_of
from endoreg_db.services import identity_records, stored
from endoreg_db.services.context import ImportRequest
from endoreg_db.services.recovery import is_dead
from endoreg_db.services.store import Store, open_store
from endoreg_db.storage.sealing import Sealer
from endoreg_db.storage.source import hash_file


def retriable(store: Store) -> Iterator[UUID]:
    """Records whose import failed, or was interrupted and is nobody's work any more; oldest first.

    Quarantined ones are not among them: those are retried only by name.
    """
    unfinished = MediaFile.objects.filter(state__in=[State.FAILED, State.PROCESSING, State.RECEIVED])
    for record in unfinished.order_by("created_at", "uuid").iterator(chunk_size=500):
        if record.state == State.FAILED or not _is_worked_on(store, record):
            yield record.pk


def unfinished_record_of(path: Path) -> MediaFile | None:
    """The record of a file's content, if its import may be run again; None for any other file."""
    try:
        sha256 = hash_file(path).sha256
    except (errors.MediaImportError, OSError):
        return None  # the import says what is wrong, in its own words
    record = MediaFile.objects.filter(content_sha256=sha256).first()
    return record if record is not None and record.state in sources_of(State.PROCESSING) else None


def request_for_retry(config: Config, record: MediaFile, processor_name: str | None) -> ImportRequest:
    """What to ask for to run a known record again: from the vault, or its source if that does not have it.

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
    in_vault = store.vault.path_of(record.content_sha256)
    return ImportRequest(
        file_path=in_vault if stored.has_original(store, record) else _source_of(store.sealer, record),
        center_name=record.center.name,
        processor_name=processor_name,
        save_original=record.original_wanted,
        retry_of=record.uuid,
    )


def _is_worked_on(store: Store, record: MediaFile) -> bool:
    leases = ContentLease.objects.filter(content_sha256=record.content_sha256, expires_at__gte=Now())
    owner = leases.values_list("owner", flat=True).first()
    return owner is not None and not is_dead(store, owner)


def _source_of(sealer: Sealer, record: MediaFile) -> Path:
    for attempt in record.attempts.order_by("-started_at"):
        path = identity_records.source_of(sealer, attempt)
        if path.is_file():
            return path
    raise errors.SourceMissingError(
        f"The source of {record.kind} {record.uuid} is gone, and the vault has no copy of it",
        advice="Bring the file back and import it: the record keeps its UUID.",
    )
