"""What is where, and why: questions about records, without changing any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import Error as AnyDatabaseError
from django.db.models import Count, OuterRef, QuerySet, Subquery

from endoreg_db.errors import UnknownRecordError
from endoreg_db.models import ImportAttempt, MediaFile, State
from endoreg_db.services import identity_records
from endoreg_db.services.store import Store


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """One record, as ``endoreg status`` shows it to the operator."""

    uuid: UUID
    kind: str
    state: str
    source: Path | None  # as it was named when it was worked on
    sha256: str
    output: Path | None  # the published file
    attempts: int
    error: dict[str, str] | None  # of the last attempt, if that failed: type, message, step
    findings: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The fields that the contract names, as plain values."""
        return {
            "uuid": str(self.uuid),
            "kind": self.kind,
            "state": self.state,
            "source": None if self.source is None else str(self.source),
            "sha256": self.sha256,
            "output": None if self.output is None else str(self.output),
            "attempts": self.attempts,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """What an import that raised an error left in the database; all None if it left nothing."""

    uuid: UUID | None = None  # of the record
    state: str | None = None  # of the record
    step: str | None = None  # in which the attempt ended


def trace_of(correlation_id: str) -> Trace:
    """What the newest attempt with that correlation id left; nothing if the database cannot say."""
    attempts = ImportAttempt.objects.filter(correlation_id=correlation_id).order_by("-started_at", "-uuid")
    try:
        row = attempts.values_list("media_id", "media__state", "step").first()
    except AnyDatabaseError:  # it may be the very reason why the import failed
        return Trace()
    return Trace() if row is None else Trace(*row)


def find_record(uuid: str | UUID) -> MediaFile:
    """The record with that UUID.

    Raises:
        UnknownRecordError: there is none, or it is not a UUID.
    """
    try:
        record = MediaFile.objects.filter(pk=UUID(str(uuid))).first()
    except ValueError:
        raise UnknownRecordError(f"{uuid} is not a UUID") from None
    if record is None:
        raise UnknownRecordError(f"There is no record {uuid}")
    return record


def summaries(store: Store, *, state: State | None = None) -> Iterator[RecordSummary]:
    """Every record, oldest first, or those in one state; constant memory."""
    records = MediaFile.objects.all() if state is None else MediaFile.objects.filter(state=state)
    for record in _with_last_attempt(records).iterator(chunk_size=500):
        yield _summary(store, record)


def summary(store: Store, record: MediaFile) -> RecordSummary:
    """One record."""
    return _summary(store, _with_last_attempt(MediaFile.objects.filter(pk=record.pk)).get())


def error_of(kind: str, message: str, step: str, source: Path | None) -> dict[str, str] | None:
    """What an attempt says about its error, with the source's path put back; None if it had none."""
    if not kind:
        return None
    return {"type": kind, "message": message.replace("<source>", str(source)), "step": step}


def _with_last_attempt(records: QuerySet[MediaFile]) -> QuerySet[Any]:
    attempts = ImportAttempt.objects.filter(media=OuterRef("pk"))
    last = attempts.order_by("-started_at", "-uuid")
    # Where it was worked on, not where its latest duplicate lay.
    worked = attempts.filter(token__isnull=False).order_by("-token")
    return records.order_by("created_at", "uuid").annotate(
        attempt_count=Subquery(attempts.order_by().values("media").annotate(n=Count("pk")).values("n")),
        source_attempt=Subquery(worked.values("uuid")[:1]),
        source_sealed=Subquery(worked.values("sealed_source")[:1]),
        last_error_type=Subquery(last.values("error_type")[:1]),
        last_error_message=Subquery(last.values("error_message")[:1]),
        last_step=Subquery(last.values("step")[:1]),
    )


def _source_of(store: Store, record: Any) -> Path | None:
    """Where the file lay that was worked on last; not where the vault has it, from which it was run again."""
    if record.source_attempt is None:
        return None
    source = identity_records.unseal_path(store.sealer, record.source_sealed, record.source_attempt)
    if not source.is_relative_to(store.folder.vault):
        return source
    for attempt in ImportAttempt.objects.filter(media=record.pk, token__isnull=False).order_by("-token"):
        path = identity_records.source_of(store.sealer, attempt)
        if not path.is_relative_to(store.folder.vault):
            return path
    return source


def _summary(store: Store, record: Any) -> RecordSummary:
    source = _source_of(store, record)
    return RecordSummary(
        uuid=record.pk,
        kind=record.kind,
        state=record.state,
        source=source,
        sha256=record.content_sha256,
        output=store.folder.published / record.output_name if record.output_name else None,
        attempts=record.attempt_count or 0,
        error=error_of(record.last_error_type or "", record.last_error_message, record.last_step, source),
        findings=record.findings,
    )
