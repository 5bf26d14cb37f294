"""The import of endoscopy reports.

>>> from endoreg_db.services.pdf_import import PdfImportService
>>> report = PdfImportService().import_and_anonymize(
...     file_path="/data/raw_reports/test.pdf",
...     center_name="test_center",
... )  # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from endoreg_db.deid.cell_process import StoppedError
from endoreg_db.deid.client import run_report
from endoreg_db.deid.messages import ReportTask
from endoreg_db.deid.reports.recognisers import FALLBACK
from endoreg_db.deid.reports.words import KnownIdentity
from endoreg_db.intake.house_file import house_terms
from endoreg_db.intake.inspect import MediaKind
from endoreg_db.logging import get_logger
from endoreg_db.models import MediaFile, ReportFile
from endoreg_db.services import pseudonyms, publishing, records, registry, retries
from endoreg_db.services.certificates import looked_at_report
from endoreg_db.services.context import ImportOutcome, ImportRequest
from endoreg_db.services.media_import import MediaImportService
from endoreg_db.services.sources import STALE_LOCK_SECONDS
from endoreg_db.services.store import open_store
from endoreg_db.services.verdict import judge_report

__all__ = ["STALE_LOCK_SECONDS", "PdfImportService", "import_and_anonymize"]

#: Of every published report.
OUTPUT_SUFFIX = ".pdf"

log = get_logger(__name__)

_LOOK = "Look at the file; if it is a report like others, keep it and report the message."


class PdfImportService(MediaImportService):
    """Imports reports: rebuilt from pixels without what identifies anybody, and the output verified."""

    kind = MediaKind.REPORT
    noun = "PDF"

    def import_and_anonymize(
        self,
        file_path: str | Path,
        center_name: str,
        delete_source: bool = False,
        retry: bool = False,
        known: KnownIdentity | None = None,
    ) -> ReportFile:
        """Import one report; returns its record, new or known. The original is kept, encrypted.

        Args:
            file_path: the report.
            center_name: a registered centre.
            delete_source: remove the source, only after everything is durable and the stored
                copy has been read back.
            retry: run the import again if this content is known and its import failed or waits for
                a person, also if it was quarantined; the record keeps its UUID.
            known: names, days and numbers of the patient or of others, known from elsewhere: they go
                wherever the report has them. Its file name is looked at anyway. It is not stored, so a later
                retry knows no more than it is told.

        Raises:
            MediaImportError: what went wrong and what to do next; see :mod:`endoreg_db.errors`.
        """
        request = ImportRequest(
            file_path=Path(file_path),
            center_name=center_name,
            delete_source=delete_source,
            known=known or KnownIdentity(),
        )
        if retry:
            open_store(self._config())  # at first use it makes the tables that are asked here
            unfinished = retries.unfinished_record_of(request.file_path)
            if unfinished is not None:
                center_name = unfinished.center.name
                request = replace(request, center_name=center_name, retry_of=unfinished.pk)
        return cast(ReportFile, self.import_file(request).record)

    def retry(self, record: MediaFile, *, processor_name: str | None = None) -> ImportOutcome:
        """Run the import of a known report again, under the same UUID.

        Args:
            record: the report.
            processor_name: of recordings; no processor makes reports.

        Raises:
            ValueError: a processor was named.
            SourceMissingError: neither the vault nor the source's path has the report.
            InvalidTransitionError: the record is published, or its content was erased.
            MediaImportError: as for a first import.
        """
        if processor_name is not None:
            raise ValueError(f"processor_name is for recordings, and {record.uuid} is a report")
        return self.import_file(retries.request_for_retry(self._config(), record, None))

    def _retry_existing_pdf(self, pdf: MediaFile) -> ReportFile:
        """:meth:`retry`, by the name that callers know."""
        return cast(ReportFile, self.retry(pdf).record)

    # ------------------------------------------------------------------------------- the steps

    def _create_or_retrieve_instance(self) -> None:
        self._create_or_retrieve_pdf_instance()

    def _create_or_retrieve_pdf_instance(self) -> None:
        """Find the record of this content, or make one, under the content's lease."""
        context = self._enter("_create_or_retrieve_pdf_instance")
        context.center = center = registry.find_center(context.request.center_name)

        def new_record(content_sha256: str, size: int) -> MediaFile:
            return ReportFile(
                kind=MediaFile.Kind.REPORT,
                center=center,
                content_sha256=content_sha256,
                size_bytes=size,
                original_wanted=context.request.save_original,
            )

        self._admit(new_record)

    def _process_media(self) -> None:
        self._process_text_and_metadata()

    def _process_text_and_metadata(self) -> None:
        """In the cell: read, find identity, rebuild without it, and look at the output again."""
        context = self._enter("_process_text_and_metadata")
        task = ReportTask(
            source=str(context.untrusted_input or records.plainly_named(context)),
            work_dir=str(context.the_workspace.folder),
            file_name=_printable(records.source_name(context)),
            password=context.config.report_password,
            names=context.request.known.names,
            dates=context.request.known.dates,
            numbers=context.request.known.numbers,
            house=house_terms(context.config.report_house_file, context.request.known.house),
            recogniser=context.config.report_recogniser,
            shift_dates=context.config.report_dates == "shift",
        )
        try:
            context.report_done = run_report(
                task,
                self._on_message,
                should_stop=self._lease_is_lost,
                name=str(context.request.file_path),
                days_back=partial(pseudonyms.days_back, context.store),
            )
        except StoppedError:
            self._check_lease()
            raise
        for finding in context.report_done.findings:
            if finding.code == FALLBACK:  # the cell's own log is not kept
                log.warning("%s", finding.detail, action="recogniser_fallback")

    def _finalize_processing(self) -> None:
        """Publish what is safe, keep for review what is unsure, destroy what is known to leak."""
        context = self._enter("_finalize_processing")
        done = context.the_report_done
        publishing.check_source_unchanged(context)
        verdict = judge_report(done, needs_a_look=context.config.report_release == "review")
        publishing.refuse_unsafe(context, verdict, advice=_LOOK)
        facts = {
            "pages": done.verification.pages,
            "pages_scanned": done.pages_scanned,
            "words": done.verification.words,
            "timings": done.timings,
            "verification": looked_at_report(done.verification),
        }
        made = publishing.Output(Path(done.candidate), OUTPUT_SUFFIX, Path(done.text))
        publishing.deliver(context, made, verdict, done.identity, facts)


def _printable(name: str) -> str:
    """A file name as the cell takes it: what is no letter in it is no part of a person's name."""
    return "".join(letter if letter.isprintable() else " " for letter in name)[:255]


def import_and_anonymize(
    file_path: str | Path,
    center_name: str,
    delete_source: bool = False,
    retry: bool = False,
    known: KnownIdentity | None = None,
) -> ReportFile:
    """Import one report with a service of its own; see :class:`PdfImportService`."""
    return PdfImportService().import_and_anonymize(file_path, center_name, delete_source, retry, known)
