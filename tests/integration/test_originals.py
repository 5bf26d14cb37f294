"""What becomes of originals: no source goes before its copy is safe, and a lost copy comes back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction

from endoreg_db.bootstrap import current_config
from endoreg_db.deid.messages import ReportTask
from endoreg_db.errors import DeidentificationError, InsufficientStorageError, SourceChangedError
from endoreg_db.models import AuditEvent, MediaFile, State
from endoreg_db.services import catalog, pdf_import, retries
from endoreg_db.services.checks.examination import Examination
from endoreg_db.services.context import ImportRequest
from endoreg_db.services.doctor import examine
from endoreg_db.services.pdf_import import STALE_LOCK_SECONDS, PdfImportService, import_and_anonymize
from endoreg_db.services.store import Store
from endoreg_db.storage.vault import Vault
from tests.integration.importing import is_well

CENTER = "test_center"

pytestmark = pytest.mark.usefixtures("report_tasks")


class _CallersFaultError(Exception):
    pass


def _fail(path: Path, monkeypatch: pytest.MonkeyPatch, *, save_original: bool = True) -> MediaFile:
    """A record whose import broke in the cell."""

    def broken(*_: object, **__: object) -> None:
        raise DeidentificationError("killed")

    with monkeypatch.context() as patch, pytest.raises(DeidentificationError):
        patch.setattr(pdf_import, "run_report", broken)
        PdfImportService().import_file(ImportRequest(path, CENTER, save_original=save_original))
    return MediaFile.objects.get()


# ------------------------------------------------------------------------------ the source goes last


def test_a_source_that_grows_while_its_copy_is_read_back_stays(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = Vault.verify

    def slowly(vault: Vault, sha256: str) -> bool:
        with report.open("ab") as recorder:
            recorder.write(b"more")
        return verify(vault, sha256)

    monkeypatch.setattr(Vault, "verify", slowly)
    import_and_anonymize(report, CENTER, delete_source=True)
    assert report.read_bytes().endswith(b"more")
    assert AuditEvent.objects.get().action == AuditEvent.Action.SOURCE_KEPT


def test_a_source_stays_while_the_transaction_of_the_caller_may_be_rolled_back(
    store: Store, report: Path
) -> None:
    with pytest.raises(_CallersFaultError), transaction.atomic():
        import_and_anonymize(report, CENTER, delete_source=True)
        raise _CallersFaultError
    assert report.exists()
    assert not MediaFile.objects.exists()
    assert import_and_anonymize(report, CENTER, delete_source=True).state == State.PUBLISHED
    assert not report.exists()


def test_a_retry_of_a_named_source_removes_it_as_an_import_does(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = _fail(report, monkeypatch)
    again = import_and_anonymize(report, CENTER, delete_source=True, retry=True)
    assert (again.uuid, again.state) == (failed.uuid, State.PUBLISHED)
    assert not report.exists() and store.vault.verify(failed.content_sha256)


# ------------------------------------------------------------------------------- kept, as was asked for


def test_a_retry_stores_the_original_for_which_there_was_no_room(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_vault: Vault, _ingested: object) -> bool:
        raise InsufficientStorageError("no room")

    with monkeypatch.context() as patch, pytest.raises(InsufficientStorageError):
        patch.setattr(Vault, "keep", full)
        import_and_anonymize(report, CENTER)
    failed = MediaFile.objects.get()
    assert (failed.state, failed.original_kept) == (State.FAILED, False)
    assert PdfImportService().retry(failed).record.original_kept
    assert store.vault.verify(failed.content_sha256)
    assert is_well(store)


def test_a_retry_stores_no_original_that_was_not_to_be_kept(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = _fail(report, monkeypatch, save_original=False)
    assert PdfImportService().retry(failed).status == "imported"
    assert list(store.vault.addresses()) == []


def test_a_source_that_is_exchanged_before_the_retry_reads_it_is_refused(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch, report_tasks: list[ReportTask]
) -> None:
    failed = _fail(report, monkeypatch, save_original=False)
    request = retries.request_for_retry(current_config(), failed, None)
    report.write_bytes(report.read_bytes() + b"%another patient's")
    with pytest.raises(SourceChangedError, match="is not the file any more"):
        PdfImportService().import_file(request)
    assert report_tasks == [] and MediaFile.objects.get().state == State.FAILED


# -------------------------------------------------------------------------------- lost, and brought back


def _repair(store: Store) -> Iterator[str]:
    for result in examine(Examination(store, repair=True, deep=False, stale_after=STALE_LOCK_SECONDS)):
        yield from (problem.advice for problem in result.problems)


def test_an_import_of_its_source_brings_back_an_original_that_the_vault_has_lost(
    store: Store, report: Path
) -> None:
    made = import_and_anonymize(report, CENTER)
    store.vault.remove(made.content_sha256)
    (advice,) = _repair(store)
    assert "import its source again" in advice
    assert PdfImportService().import_file(ImportRequest(report, CENTER)).status == "duplicate"
    assert store.vault.verify(made.content_sha256) and is_well(store)


def test_a_source_is_not_removed_for_a_copy_that_is_only_on_record(store: Store, report: Path) -> None:
    made = import_and_anonymize(report, CENTER)
    store.vault.remove(made.content_sha256)
    copy = Path(shutil.copy(report, report.with_name("copy.pdf")))
    assert import_and_anonymize(copy, CENTER, delete_source=True).uuid == made.uuid
    assert store.vault.verify(made.content_sha256), "it was stored before the source went"
    assert not copy.exists()


def test_a_record_that_was_run_again_from_the_vault_still_says_where_its_source_lay(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = _fail(report, monkeypatch)
    PdfImportService().retry(failed)
    assert catalog.summary(store, failed).source == report
