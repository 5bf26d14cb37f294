"""What one call of an import service knows, from its first step to its last."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID

from endoreg_db.conf import Config
from endoreg_db.deid.messages import Done, ReportDone
from endoreg_db.deid.reports.words import KnownIdentity
from endoreg_db.locking.keeper import Keeper
from endoreg_db.models import Center, EndoscopyProcessor, ImportAttempt, MediaFile
from endoreg_db.models.lease import Lease
from endoreg_db.services.store import Store
from endoreg_db.storage.source import FileDigest, SourceFingerprint
from endoreg_db.storage.vault import Ingested
from endoreg_db.storage.workspace import Workspace

_T = TypeVar("_T")

Status = Literal["imported", "duplicate", "needs_review"]


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the caller asked for."""

    file_path: Path
    center_name: str
    processor_name: str | None = None
    save_original: bool = True
    delete_source: bool = False
    known: KnownIdentity = field(default_factory=KnownIdentity)  # of a report's people, from elsewhere
    retry_of: UUID | None = None  # a person asked to run this record again, whatever its state


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """How an import that did not fail ended."""

    record: MediaFile
    status: Status
    output: Path | None  # the published file


@dataclass(slots=True)
class ImportContext:
    """The state of one call. Each step fills in its part; nobody outside the call changes it."""

    request: ImportRequest
    correlation_id: str
    config: Config
    store: Store
    resources: ExitStack  # what must be given back, in the order opposite to taking it
    step: str = "_initialize_processing_context"
    keeper: Keeper | None = None
    fingerprint: SourceFingerprint | None = None  # of the source when the call began to read it
    in_processed_files: bool = False  # this call put it there, so its failure takes it out
    attempt: ImportAttempt | None = None
    workspace: Workspace | None = None
    center: Center | None = None
    processors: tuple[EndoscopyProcessor, ...] = ()  # all that are registered
    processor: EndoscopyProcessor | None = None  # the one that was named
    lease: Lease | None = None
    record: MediaFile | None = None
    done: Done | None = None
    report_done: ReportDone | None = None
    outcome: ImportOutcome | None = None
    untrusted_input: Path | None = None  # a private copy of the source, where the source is gone
    digest: FileDigest | None = None  # of the source's content
    ingested: Ingested | None = None  # the original, encrypted, not yet under its address

    @property
    def the_attempt(self) -> ImportAttempt:
        """The attempt; raises RuntimeError before it was begun."""
        return _begun(self.attempt, "attempt")

    @property
    def the_keeper(self) -> Keeper:
        """The keeper; raises RuntimeError before it was started."""
        return _begun(self.keeper, "keeper")

    @property
    def the_workspace(self) -> Workspace:
        """The workspace; raises RuntimeError before it was opened."""
        return _begun(self.workspace, "workspace")

    @property
    def the_lease(self) -> Lease:
        """The lease; raises RuntimeError before it was granted."""
        return _begun(self.lease, "lease")

    @property
    def the_record(self) -> MediaFile:
        """The record; raises RuntimeError before it was found or made."""
        return _begun(self.record, "record")

    @property
    def the_processor(self) -> EndoscopyProcessor:
        """The processor; raises RuntimeError before it was looked up."""
        return _begun(self.processor, "processor")

    @property
    def the_done(self) -> Done:
        """What the cell delivered; raises RuntimeError before it has."""
        return _begun(self.done, "result of the pass")

    @property
    def the_report_done(self) -> ReportDone:
        """What the cell delivered of a report; raises RuntimeError before it has."""
        return _begun(self.report_done, "result of the pass")

    def as_dict(self) -> dict[str, Any]:
        """A readable copy, for callers who look between the steps."""
        return {
            "file_path": self.request.file_path,
            "center_name": self.request.center_name,
            "processor_name": self.request.processor_name,
            "save_original": self.request.save_original,
            "delete_source": self.request.delete_source,
            "correlation_id": self.correlation_id,
            "step": self.step,
            "attempt": None if self.attempt is None else self.attempt.uuid,
            "anonymization_completed": self.outcome is not None,
        }


def _begun(value: _T | None, what: str) -> _T:
    if value is None:
        raise RuntimeError(f"the import has no {what} yet: its steps were called out of order")
    return value
