"""The import of one media file, told once for recordings and reports.

:meth:`MediaImportService.import_file` is the story; each step is a method whose name callers know.
What a step needs and what it found lies in the call's own :class:`ImportContext`, so two threads
may share one service object. What is particular to a kind of media is in the subclasses, what has
to happen in the database and on disk in :mod:`~endoreg_db.services.records` and
:mod:`~endoreg_db.services.publishing`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from endoreg_db.bootstrap import current_config
from endoreg_db.conf import Config
from endoreg_db.deid.messages import Message
from endoreg_db.errors import (
    AlreadyProcessedError,
    FileLockedError,
    LeaseLostError,
    MediaImportError,
)
from endoreg_db.intake.inspect import MediaKind
from endoreg_db.locking import file_lock, lease
from endoreg_db.locking.keeper import Keeper
from endoreg_db.logging import correlation, get_logger
from endoreg_db.models import MediaFile
from endoreg_db.services import database, failures, publishing, records, recovery, sources
from endoreg_db.services.context import ImportContext, ImportOutcome, ImportRequest
from endoreg_db.services.store import open_store
from endoreg_db.storage.durable import fsync_folder, require_room
from endoreg_db.storage.source import SourceFingerprint
from endoreg_db.storage.workspace import Workspace

#: Room that must be free before work begins, beside as much as the source takes itself.
SPARE_BYTES = 64 * 1024 * 1024

log = get_logger(__name__)


class MediaImportService(ABC):
    """Imports media files: locked, de-identified, verified, recorded."""

    kind: ClassVar[MediaKind]
    noun: ClassVar[str]  # what a person calls the file, e.g. ``Video``

    def __init__(
        self, config: Config | None = None, *, on_message: Callable[[Message], None] | None = None
    ) -> None:
        """Make a service; it holds nothing but the list of files that it has imported.

        Args:
            config: the settings; by default those of the environment at the time of each call.
            on_message: told what the cell reports (progress, findings), in the calling thread.
        """
        self._fixed_config = config
        self._on_message = on_message or (lambda _message: None)
        self._calls = threading.local()
        self._mutex = threading.Lock()
        self._fingerprints: dict[str, SourceFingerprint] = {}
        self.processed_files: set[str] = set()

    # ------------------------------------------------------------------ what callers may look at

    @property
    def processing_context(self) -> dict[str, Any]:
        """What this thread's call knows so far; empty when none is running."""
        context = self._current
        return {} if context is None else context.as_dict()

    @property
    def current_video(self) -> MediaFile | None:
        """The record that this thread's call works on."""
        context = self._current
        return None if context is None else context.record

    # ------------------------------------------------------------------------------- the story

    def import_file(self, request: ImportRequest) -> ImportOutcome:
        """Import one file and say how it ended.

        Afterwards the record is published or waits for review, its output (if published) was
        verified, and lock and lease are given back. An import that fails publishes nothing and
        leaves the source as it was.

        Raises:
            MediaImportError: what went wrong and what to do next; see :mod:`endoreg_db.errors`.
        """
        with correlation() as correlation_id:
            try:
                self._initialize_processing_context(request, correlation_id)
                self._validate_and_prepare_file()
                self._create_or_retrieve_instance()
                if self._context.outcome is None:
                    self._setup_processing_environment()
                    self._process_media()
                    self._finalize_processing()
                self._cleanup_and_archive()
                return self._finished_outcome()
            except BaseException as error:  # Ctrl-C too: the record must say what became of it
                failure = failures.in_words(error, self._current)
                self._record_failure(failure)
                if failure is error:
                    raise
                raise failure from error
            finally:
                self._cleanup_processing_context()

    @abstractmethod
    def retry(self, record: MediaFile, *, processor_name: str | None = None) -> ImportOutcome:
        """Run the import of a known record of this kind again, under the same UUID.

        Args:
            record: what to import again.
            processor_name: the endoscopy processor that made a recording, to correct what was named.
        """

    # ------------------------------------------------------------------------------- the steps

    def _initialize_processing_context(self, request: ImportRequest, correlation_id: str) -> None:
        """Begin a call: settings, store, an empty context of its own."""
        config = self._config()
        database.refresh_connection()
        self._calls.context = ImportContext(
            request=request,
            correlation_id=correlation_id,
            config=config,
            store=open_store(config),
            resources=ExitStack(),
        )
        recovery.clear_up(self._calls.context.store, stale_after=sources.stale_lock_seconds(self._config()))
        log.info("Initialized processing context for: %s", request.file_path)

    def _validate_and_prepare_file(self) -> None:
        """Take the file lock, held until the context is cleaned up, and look at the file."""
        context = self._enter("_validate_and_prepare_file")
        path = context.request.file_path
        self._check_source(path)
        context.keeper = context.resources.enter_context(self._logged_lock(path))
        context.fingerprint = self._check_source(path)  # again: it may have gone while we waited
        self._check_not_processed(path, context.fingerprint)
        with self._mutex:
            self.processed_files.add(str(path))
            self._fingerprints[str(path)] = context.fingerprint
        context.in_processed_files = True
        log.info("File validation completed for: %s", path)

    @abstractmethod
    def _create_or_retrieve_instance(self) -> None:
        """Identify the content, take the lease, and set ``record``; or ``outcome`` if it is known."""

    def _setup_processing_environment(self) -> None:
        """Make sure that there is room, and that the content is where the cell can read it."""
        context = self._enter("_setup_processing_environment")
        record, workspace = context.the_record, context.the_workspace
        require_room(workspace.folder, 2 * record.size_bytes + SPARE_BYTES)
        if context.request.retry_of is not None and record.original_kept:
            context.untrusted_input = workspace.folder / "original"
            context.store.vault.extract(record.content_sha256, context.untrusted_input)

    @abstractmethod
    def _process_media(self) -> None:
        """De-identify, in the cell, and verify the output."""

    @abstractmethod
    def _finalize_processing(self) -> None:
        """Judge the output; publish it, keep it for review, or destroy it. Sets ``outcome``."""

    def _cleanup_and_archive(self) -> None:
        """Remove what the work left behind and, when asked to and safe, the source: last of all."""
        context = self._enter("_cleanup_and_archive")
        if context.workspace is not None:
            context.workspace.clear()
        if context.request.delete_source:
            publishing.remove_source(context)
        outcome = self._finished_outcome()
        log.info("Import ended as %s: %s", outcome.status, outcome.record.uuid, action=outcome.status)

    def _cleanup_processing_context(self) -> None:
        """End the call, however it went: give back lease, workspace and lock, forget the context."""
        context = self._current
        if context is None:
            return
        path = str(context.request.file_path)
        try:
            context.resources.close()
            if context.request.delete_source and context.workspace is not None:
                # A lock that a power cut brings back lies beside no source, so no import adopts it.
                fsync_folder(context.request.file_path.parent)
        except Exception:  # must not hide the import's own error; recovery mends the rest
            log.warning("Could not give everything back after importing %s", path, exc_info=True)
        finally:
            if context.workspace is not None:
                context.workspace.close()  # last: until then it leads recovery to the lock
            if context.outcome is None and context.in_processed_files:
                with self._mutex:
                    self.processed_files.discard(path)
                    self._fingerprints.pop(path, None)
                log.info("Removed %s from processed files (failed processing)", path)
            self._calls.context = None

    # ------------------------------------------------------------------------- lock and identity

    @contextmanager
    def _file_lock(self, path: str | Path) -> Iterator[file_lock.HeldLock]:
        """Hold ``<path>.lock`` for as long as the block runs, however long that is.

        Raises:
            FileLockedError: somebody alive holds it, or nobody knows and it is not stale yet.
        """
        with sources.locked(path, self._config()) as (held, _keeper):
            yield held

    @contextmanager
    def _logged_lock(self, path: Path) -> Iterator[Keeper]:
        with ExitStack() as stack:
            _held, keeper = stack.enter_context(sources.locked(path, self._config()))
            log.info("Acquired file lock for: %s", path)
            yield keeper
        log.info("Released file lock")

    def _admit(self, kept_record: Callable[[str, int], MediaFile]) -> None:
        """Identify the content and take the lease on it; known content ends the import here.

        Args:
            kept_record: makes (unsaved) the record of a new content from its SHA-256 and size.
        """
        context = self._context
        # The sign of life before the row: whoever finds the row without it knows that we are dead.
        attempt_id = uuid4()
        context.workspace = Workspace(context.store.folder, attempt_id)
        context.attempt = records.begin_attempt(context, self.kind, attempt_id)
        if records.recognise(context):
            return
        try:
            created = records.take_lease(context, kept_record)
        except lease.LeaseHeldError as error:
            raise sources.being_processed(context.request.file_path) from error
        record = context.the_record
        if context.outcome is None:
            self._keep_lease(context)
            records.keep_original(context, is_new=created)
            verb = "Created" if created else "Retrieved existing"
            log.info("%s %s with UUID: %s", verb, type(record).__name__, record.uuid)

    def _keep_lease(self, context: ImportContext) -> None:
        keeper, granted = context.the_keeper, context.the_lease

        def renew() -> bool:
            database.refresh_connection()
            return lease.renew(granted)

        keeper.add("lease", renew)
        context.resources.callback(keeper.remove, "lease")  # before it is given back

    def _lease_is_lost(self) -> bool:
        keeper = self._context.keeper
        return keeper is not None and "lease" in keeper.lost

    def _check_lease(self) -> None:
        """Stop when a newer worker has been granted the content."""
        if self._lease_is_lost():
            path = self._context.request.file_path
            raise LeaseLostError(f"The lease on {path} was lost while working on it")

    # ------------------------------------------------------------------------------------- checks

    def _check_source(self, path: Path) -> SourceFingerprint:
        # What a person asked to run again was inspected the first time.
        again = self._context.request.retry_of is not None
        return sources.look_at(path, self.kind, self.noun, any_kind=again)

    def _check_not_processed(self, path: Path, seen: SourceFingerprint) -> None:
        with self._mutex:
            processed = str(path) in self.processed_files and self._fingerprints.get(str(path)) == seen
        if processed and self._context.request.retry_of is None:
            raise AlreadyProcessedError(f"File already processed: {path}")

    # --------------------------------------------------------------------------- the call's context

    @property
    def _current(self) -> ImportContext | None:
        context: ImportContext | None = getattr(self._calls, "context", None)
        return context

    @property
    def _context(self) -> ImportContext:
        context = self._current
        if context is None:
            raise RuntimeError("no import is running in this thread; call import_file() first")
        return context

    def _enter(self, step: str) -> ImportContext:
        context = self._context
        context.step = step
        if context.attempt is not None:  # before it, no step takes long; after it, one may take an hour
            database.refresh_connection()
        return context

    def _finished_outcome(self) -> ImportOutcome:
        outcome = self._context.outcome
        if outcome is None:
            raise RuntimeError("the import went through all steps but none of them said how it ended")
        return outcome

    def _record_failure(self, error: BaseException) -> None:
        context = self._current
        if context is None:
            if isinstance(error, MediaImportError):
                error.locate(path=None, correlation_id=None, step="_initialize_processing_context")
            return
        context.outcome = None  # whatever was decided, this call did not bring it to its end
        if context.workspace is not None:
            context.workspace.clear()  # first: on a full disk it takes the room to write down anything
        if isinstance(error, MediaImportError):
            error.locate(
                path=context.request.file_path, correlation_id=context.correlation_id, step=context.step
            )
        if not isinstance(error, FileLockedError | AlreadyProcessedError):
            log.error("Import of %s failed: %s", context.request.file_path, error or type(error).__name__)
        records.record_failure(context, error)

    def _config(self) -> Config:
        context = self._current
        if context is not None:  # one call, one set of settings
            return context.config
        return self._fixed_config or current_config()
