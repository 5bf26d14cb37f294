"""A report comes out as two files, a PDF and its text: published, taken back and mended together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import OperationalError

from endoreg_db.deid.messages import ReportDone, ReportTask
from endoreg_db.errors import StorageFailedError, VerificationError
from endoreg_db.models import AuditEvent, ContentLease, MediaFile, State
from endoreg_db.services import pdf_import, review
from endoreg_db.services.checks.examination import Examination
from endoreg_db.services.doctor import examine
from endoreg_db.services.pdf_import import STALE_LOCK_SECONDS, PdfImportService, import_and_anonymize
from endoreg_db.services.store import Store
from endoreg_db.storage.vault import Ingested, Vault
from tests.crash.scenarios import report_stand_in
from tests.integration.importing import is_well, nothing_is_left, published_digests

CENTER = "test_center"

pytestmark = pytest.mark.usefixtures("report_tasks")


@pytest.fixture
def doubtful(store: Store, tmp_path: Path) -> MediaFile:
    """A report that waits for a person."""
    source = tmp_path / "doubtful.pdf"
    source.write_bytes(b"%PDF-1.7\ndoubtful")
    return MediaFile.objects.get(pk=import_and_anonymize(source, CENTER).pk)


def test_what_waits_for_review_is_encrypted_with_its_text(store: Store, doubtful: MediaFile) -> None:
    assert doubtful.state == State.NEEDS_REVIEW
    assert published_digests(store) == {}
    assert set(doubtful.stored) == set(store.vault.addresses())
    assert len(doubtful.stored) == 3 and is_well(store)


def test_approving_publishes_both(store: Store, doubtful: MediaFile) -> None:
    candidate, text = doubtful.candidate_sha256, doubtful.text_sha256
    approved = review.approve(store, doubtful, actor="dr_test")
    assert published_digests(store) == {f"{approved.uuid}.pdf": candidate, f"{approved.uuid}.txt": text}
    assert list(store.vault.addresses()) == [approved.content_sha256]
    assert is_well(store)


def test_an_approval_that_fails_leaves_nothing_published(
    store: Store, doubtful: MediaFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(**_row: object) -> None:
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(OperationalError):
        patch.setattr(AuditEvent.objects, "create", no_room)
        review.approve(store, doubtful, actor="dr_test")
    assert MediaFile.objects.get().state == State.NEEDS_REVIEW
    assert not list(store.folder.published.iterdir())


def test_rejecting_removes_what_an_approval_that_was_killed_has_left(
    store: Store, doubtful: MediaFile
) -> None:
    for suffix in (".pdf", ".txt"):
        (store.folder.published / f"{doubtful.uuid}{suffix}").write_bytes(b"before the commit")
    review.reject(store, doubtful, actor="dr_test", reason="a name shows")
    assert not list(store.folder.published.iterdir())


def test_a_candidate_that_may_have_been_taken_for_an_orphan_is_not_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Vault.keep

    def slowly(vault: Vault, ingested: Ingested) -> bool:
        """Longer than a lease lasts, so that a doctor has come by."""
        ContentLease.objects.exclude(pk=_content_of(source)).update(owner=None)
        return keep(vault, ingested)

    source = tmp_path / "doubtful.pdf"
    source.write_bytes(b"%PDF-1.7\ndoubtful")
    monkeypatch.setattr(Vault, "keep", slowly)
    with pytest.raises(StorageFailedError, match="may be gone"):
        import_and_anonymize(source, CENTER)
    monkeypatch.undo()
    assert MediaFile.objects.get().state == State.FAILED


def _content_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_rejecting_takes_both_back(store: Store, report: Path, doubtful: MediaFile) -> None:
    published = MediaFile.objects.get(pk=import_and_anonymize(report, CENTER).pk)
    for record in (doubtful, published):
        review.reject(store, record, actor="dr_test", reason="a name shows")
    assert published_digests(store) == {}
    assert set(store.vault.addresses()) == {doubtful.content_sha256, published.content_sha256}
    assert is_well(store)


def test_an_output_that_two_records_share_outlives_one_of_them(
    store: Store,
    doubtful: MediaFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without their names two reports can be one."""
    twin_source = tmp_path / "twin.pdf"
    twin_source.write_bytes(b"%PDF-1.7\ndoubtful twin")

    def same(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        Path(task.work_dir, "as-the-first").write_bytes(b"%PDF-1.7\ndoubtful")
        return report_stand_in(replace(task, source=f"{task.work_dir}/as-the-first"), on_message)

    monkeypatch.setattr(pdf_import, "run_report", same)
    twin = MediaFile.objects.get(pk=import_and_anonymize(twin_source, CENTER).pk)
    assert twin.candidate_sha256 == doubtful.candidate_sha256
    review.reject(store, doubtful, actor="dr_test", reason="twice")
    approved = review.approve(store, twin, actor="dr_test")
    assert len(published_digests(store)) == 2 and approved.state == State.PUBLISHED
    assert is_well(store)


@pytest.mark.parametrize("suffix", [".pdf", ".txt"])
def test_the_doctor_finds_and_mends_a_lost_file_of_the_two(store: Store, report: Path, suffix: str) -> None:
    made = import_and_anonymize(report, CENTER)
    (store.folder.published / f"{made.uuid}{suffix}").unlink()
    assert not is_well(store)
    for _ in examine(Examination(store, repair=True, deep=False, stale_after=STALE_LOCK_SECONDS)):
        pass
    assert published_digests(store) == {} and MediaFile.objects.get().state == State.FAILED
    assert PdfImportService().retry(made).status == "imported"
    assert is_well(store)


def test_a_changed_text_is_found_by_a_deep_look(store: Store, report: Path) -> None:
    made = import_and_anonymize(report, CENTER)
    (store.folder.published / made.text_name).write_text("Erika Muster")
    assert not is_well(store)


# ------------------------------------------------------------------------------------- the verdict


def test_an_output_that_is_not_safe_is_destroyed(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaky(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        done = report_stand_in(task, on_message)
        return replace(done, verification=replace(done.verification, pages=2))

    monkeypatch.setattr(pdf_import, "run_report", leaky)
    with pytest.raises(VerificationError, match="1 pages were read, 2 are in the output"):
        import_and_anonymize(report, CENTER)
    assert MediaFile.objects.get().state == State.QUARANTINED
    assert published_digests(store) == {} and nothing_is_left(store, report)
