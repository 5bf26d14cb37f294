"""All about one record: its attempts and what people did to it, beside what the catalog says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from endoreg_db.models import ImportAttempt, MediaFile, ReportFile, VideoFile
from endoreg_db.services import identity_records
from endoreg_db.services.catalog import RecordSummary, error_of, summary
from endoreg_db.services.proposals import path_of
from endoreg_db.services.store import Store


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """One run of an import."""

    outcome: str  # ``running`` while it has not ended
    step: str  # the last one that it came to
    host: str
    pid: int
    correlation_id: str  # in all log lines of the run
    started_at: datetime
    ended_at: datetime | None
    source: Path
    error: dict[str, str] | None  # type, message, step


@dataclass(frozen=True, slots=True)
class EventSummary:
    """One thing that somebody did to a record."""

    action: str
    actor: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordDetails:
    """All about one record, but nothing that was read of the patient's identity."""

    summary: RecordSummary
    center: str
    processor: str | None  # None: a report, or a recording of an unknown device
    device_source: str | None  # how the device is known: ``named``, ``recognised``, ``proposed``
    proposal: Path | None  # TOML of the proposed profile
    frames: int | None
    pages: int | None  # None: a recording
    duration: float | None  # seconds
    encoder: str | None  # of a recording's output, by FFmpeg's name
    original_kept: bool
    pseudonym: str | None  # of the patient; None where it was not read well enough who that is
    attempts: tuple[AttemptSummary, ...]  # oldest first
    events: tuple[EventSummary, ...]  # oldest first


def details(store: Store, record: MediaFile) -> RecordDetails:
    """All about one record."""
    video = VideoFile.objects.select_related("processor").filter(pk=record.pk).first()
    return RecordDetails(
        summary=summary(store, record),
        center=record.center.name,
        processor=None if video is None or video.processor is None else video.processor.name,
        device_source=None if video is None else video.device_source or None,
        proposal=None if video is None or video.proposal is None else path_of(store.folder, video.pk),
        frames=None if video is None else video.frames,
        pages=ReportFile.objects.filter(pk=record.pk).values_list("pages", flat=True).first(),
        duration=None if video is None else video.duration,
        encoder=None if video is None else video.encoder or None,
        original_kept=record.original_kept,
        pseudonym=record.pseudonym or None,
        attempts=tuple(_attempt_summary(store, attempt) for attempt in record.attempts.all()),
        events=tuple(
            EventSummary(event.action, event.actor, event.detail, event.at) for event in record.events.all()
        ),
    )


def _attempt_summary(store: Store, attempt: ImportAttempt) -> AttemptSummary:
    source = identity_records.source_of(store.sealer, attempt)
    return AttemptSummary(
        outcome=attempt.outcome or "running",
        step=attempt.step,
        host=attempt.host,
        pid=attempt.pid,
        correlation_id=attempt.correlation_id,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        source=source,
        error=error_of(attempt.error_type, attempt.error_message, attempt.step, source),
    )
