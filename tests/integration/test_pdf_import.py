"""The import of reports: the same promises as for recordings, and two files for each report."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.messages import ReportDone, ReportTask
from endoreg_db.deid.reports.words import KnownIdentity
from endoreg_db.errors import (
    AlreadyProcessedError,
    CorruptMediaError,
    DeidentificationError,
    FileLockedError,
    InvalidTransitionError,
    SourceMissingError,
    UnsupportedMediaError,
    VerificationError,
)
from endoreg_db.models import MediaFile, ReportFile, State
from endoreg_db.samples import ReportTruth, draw_report
from endoreg_db.services import identity_records, pdf_import, review
from endoreg_db.services.checks.examination import Examination
from endoreg_db.services.doctor import examine
from endoreg_db.services.media_import import MediaImportService
from endoreg_db.services.pdf_import import STALE_LOCK_SECONDS, PdfImportService, import_and_anonymize
from endoreg_db.services.store import Store
from tests.crash.scenarios import report_stand_in
from tests.integration.report_files import protect

CENTER = "test_center"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report in a folder of its own."""
    source = tmp_path / "inbox" / "befund.pdf"
    source.parent.mkdir()
    draw_report(source, seed=3)
    return source


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cell has a stand-in; everything else is the real thing."""
    monkeypatch.setattr(pdf_import, "run_report", report_stand_in)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let the cell fail with an error."""

    def fail_with(error: Exception) -> None:
        def run(task: ReportTask, on_message: object, **_options: object) -> ReportDone:
            raise error

        monkeypatch.setattr(pdf_import, "run_report", run)

    return fail_with


def _published(store: Store) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in store.publisher.published_files()
    }


def _is_well(store: Store) -> bool:
    examination = Examination(store, repair=False, deep=True, stale_after=STALE_LOCK_SECONDS)
    return not [problem for result in examine(examination) for problem in result.problems]


def _nothing_is_left(store: Store, source: Path) -> bool:
    return not Path(f"{source}.lock").exists() and not list(store.folder.tmp.iterdir())


# --------------------------------------------------------------------------- the whole way, for real


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ReportTruth]]:
    source = tmp_path_factory.mktemp("drawn") / "report.pdf"
    yield source, draw_report(source, seed=3)


def test_a_report_comes_out_searchable_and_without_its_patient(
    store: Store, report: Path, drawn: tuple[Path, ReportTruth], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "endoreg_db")
    truth = drawn[1]

    made = import_and_anonymize(report, CENTER)

    said = [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
    assert said[:4] == [
        f"INFO Initialized processing context for: {report}",
        f"INFO Acquired file lock for: {report}",
        f"INFO File validation completed for: {report}",
        f"INFO Created ReportFile with UUID: {made.uuid}",
    ]
    assert said[-1] == "INFO Released file lock"
    assert (made.state, made.pages, made.pages_scanned) == (State.PUBLISHED, 1, 0)
    output, text = (store.folder.published / f"{made.uuid}{suffix}" for suffix in (".pdf", ".txt"))
    assert _published(store) == {output.name: made.output_sha256, text.name: made.text_sha256}
    page = PdfReader(output).pages[0]
    layer, written = page.extract_text(), text.read_text("utf-8")
    assert page.mediabox.width == pytest.approx(595.28, abs=0.01)
    for name in (truth.patient.last_name, truth.patient.first_name, truth.patient.case_number):
        assert name not in layer and name not in written
    assert truth.findings[1] in layer and truth.findings[1] in written
    assert "[NAME]" in written
    sensitive = identity_records.load_identity(store.sealer, made)
    assert sensitive is not None
    assert sensitive.values["last_name"] == truth.patient.last_name
    assert _nothing_is_left(store, report) and _is_well(store)


# ------------------------------------------------------------------------- what is as for recordings


def test_the_service_is_the_shared_one_and_its_steps_have_their_names(quick: None, store: Store) -> None:
    service = PdfImportService()
    assert isinstance(service, MediaImportService)
    for step in ("_create_or_retrieve_pdf_instance", "_process_text_and_metadata", "_retry_existing_pdf"):
        assert callable(getattr(service, step))


def test_a_missing_report_is_told_as_such(store: Store, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.pdf"
    with pytest.raises(SourceMissingError, match=f"PDF file not found: {missing}"):
        import_and_anonymize(missing, CENTER)


def test_a_recording_named_pdf_is_refused(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "film.pdf"
    source.write_bytes(b"\0\0\0\x18ftypisom" + bytes(3000))
    with pytest.raises(UnsupportedMediaError, match="not a pdf file"):
        import_and_anonymize(source, CENTER)


def test_a_report_that_is_being_imported_is_left_alone(quick: None, store: Store, report: Path) -> None:
    first, second = PdfImportService(), PdfImportService()
    with first._file_lock(report), pytest.raises(FileLockedError, match="File already being processed"):
        second.import_and_anonymize(report, CENTER)
    assert not second.processed_files


def test_the_same_content_again_is_the_same_record(quick: None, store: Store, report: Path) -> None:
    service = PdfImportService()
    first = service.import_and_anonymize(report, CENTER)
    with pytest.raises(AlreadyProcessedError, match=f"File already processed: {report}"):
        service.import_and_anonymize(report, CENTER)
    copy = Path(shutil.copy(report, report.with_name("copy.pdf")))
    assert PdfImportService().import_and_anonymize(copy, CENTER, delete_source=True).uuid == first.uuid
    assert not copy.exists()
    assert ReportFile.objects.count() == 1 and len(_published(store)) == 2


def test_an_import_that_fails_leaves_no_lock_and_can_be_tried_at_once(
    failing: Callable[[Exception], None], store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = PdfImportService()
    failing(DeidentificationError("the cell broke"))
    with pytest.raises(DeidentificationError):
        service.import_and_anonymize(report, CENTER)
    assert not service.processed_files and service.processing_context == {} and service.current_video is None
    assert _nothing_is_left(store, report)
    failed = MediaFile.objects.get()
    assert failed.state == State.FAILED
    monkeypatch.setattr(pdf_import, "run_report", report_stand_in)
    again = service.import_and_anonymize(report, CENTER)
    assert (again.uuid, again.state) == (failed.uuid, State.PUBLISHED)
    assert _is_well(store)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (CorruptMediaError("The report is damaged"), State.QUARANTINED),
        (UnsupportedMediaError("The report is an XFA form"), State.QUARANTINED),
        (DeidentificationError("killed"), State.FAILED),
    ],
)
def test_a_report_that_failed_is_retried_under_its_uuid(
    failing: Callable[[Exception], None],
    store: Store,
    report: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    state: State,
) -> None:
    failing(error)
    with pytest.raises(type(error)):
        import_and_anonymize(report, CENTER)
    record = MediaFile.objects.get()
    assert record.state == state
    report.unlink()  # the vault has it
    names = []

    def run(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        names.append(task.file_name)
        return report_stand_in(task, on_message)

    monkeypatch.setattr(pdf_import, "run_report", run)
    retried = PdfImportService()._retry_existing_pdf(record)
    assert (retried.uuid, retried.state) == (record.uuid, State.PUBLISHED)
    assert names == ["befund.pdf"], "the finder is told the name that the file had"


def test_the_cell_is_told_which_recogniser_is_set(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def run(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        told.append(task.recogniser)
        return report_stand_in(task, on_message)

    monkeypatch.setattr(pdf_import, "run_report", run)
    monkeypatch.setenv("ENDOREG_REPORT_RECOGNISER", "presidio")
    assert import_and_anonymize(report, CENTER).state == State.PUBLISHED
    assert told == ["presidio"]


def test_what_a_caller_knows_goes_from_the_report_and_is_not_stored(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "report.pdf"
    canvas = Canvas(str(source), pagesize=(380, 160), invariant=1)
    canvas.drawString(30, 120, "Patient: Peters, Erika, geb. 01.02.1956")
    canvas.drawString(30, 90, "Polyp im Sigma, dazu Xyrgblom mit 77A-4711 besprochen.")
    canvas.save()
    known = KnownIdentity(names=("Xyrgblom",), numbers=("77A-4711",))
    made = import_and_anonymize(source, CENTER, known=known)
    assert made.state == State.PUBLISHED
    text = (store.folder.published / made.text_name).read_text("utf-8")
    assert "Xyrgblom" not in text and "4711" not in text and "Polyp im Sigma" in text
    sensitive = identity_records.load_identity(store.sealer, made)
    assert sensitive is not None and "Xyrgblom" not in sensitive.values.values()


def test_a_retry_is_told_what_the_caller_knows(
    failing: Callable[[Exception], None], store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(CorruptMediaError("The report is damaged"))
    with pytest.raises(CorruptMediaError):
        import_and_anonymize(report, CENTER)
    told = []

    def run(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        told.append((task.names, task.dates, task.numbers))
        return report_stand_in(task, on_message)

    monkeypatch.setattr(pdf_import, "run_report", run)
    known = KnownIdentity(("Müller",), ("1956-02-01",), ("4711",))
    assert import_and_anonymize(report, CENTER, retry=True, known=known).state == State.PUBLISHED
    assert told == [(("Müller",), ("1956-02-01",), ("4711",))]


def test_a_recogniser_that_is_not_there_is_logged_and_recorded(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if find_spec("presidio_analyzer"):
        pytest.skip("it is installed here")
    monkeypatch.setenv("ENDOREG_REPORT_RECOGNISER", "presidio")
    made = import_and_anonymize(report, CENTER)
    assert made.state == State.PUBLISHED, "the built-in rules go on alone"
    (finding,) = [f for f in made.findings if f["code"] == "recogniser_fallback"]
    assert finding["severity"] == "note" and "presidio" in finding["detail"]
    assert finding["detail"] in [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]


def test_retry_runs_what_is_unfinished_and_nothing_else(
    failing: Callable[[Exception], None], store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(CorruptMediaError("The report is damaged"))
    with pytest.raises(CorruptMediaError):
        import_and_anonymize(report, CENTER)
    monkeypatch.setattr(pdf_import, "run_report", report_stand_in)
    with pytest.raises(CorruptMediaError, match="Quarantined"):
        import_and_anonymize(report, CENTER)
    first = import_and_anonymize(report, CENTER, retry=True)
    assert first.state == State.PUBLISHED
    assert import_and_anonymize(report, CENTER, retry=True).uuid == first.uuid
    with pytest.raises(InvalidTransitionError):
        PdfImportService().retry(first)


# ---------------------------------------------------------------------------------- two files each


@pytest.fixture
def doubtful(quick: None, store: Store, tmp_path: Path) -> MediaFile:
    """A report that waits for a person."""
    source = tmp_path / "doubtful.pdf"
    source.write_bytes(b"%PDF-1.7\ndoubtful")
    return MediaFile.objects.get(pk=import_and_anonymize(source, CENTER).pk)


def test_what_waits_for_review_is_encrypted_with_its_text(store: Store, doubtful: MediaFile) -> None:
    assert doubtful.state == State.NEEDS_REVIEW
    assert _published(store) == {}
    assert set(doubtful.stored) == set(store.vault.addresses())
    assert len(doubtful.stored) == 3 and _is_well(store)


def test_approving_publishes_both(store: Store, doubtful: MediaFile) -> None:
    candidate, text = doubtful.candidate_sha256, doubtful.text_sha256
    approved = review.approve(store, doubtful, actor="dr_test")
    assert _published(store) == {f"{approved.uuid}.pdf": candidate, f"{approved.uuid}.txt": text}
    assert list(store.vault.addresses()) == [approved.content_sha256]
    assert _is_well(store)


def test_rejecting_takes_both_back(quick: None, store: Store, report: Path, doubtful: MediaFile) -> None:
    published = MediaFile.objects.get(pk=import_and_anonymize(report, CENTER).pk)
    for record in (doubtful, published):
        review.reject(store, record, actor="dr_test", reason="a name shows")
    assert _published(store) == {}
    assert set(store.vault.addresses()) == {doubtful.content_sha256, published.content_sha256}
    assert _is_well(store)


def test_an_output_that_two_records_share_outlives_one_of_them(
    quick: None, store: Store, doubtful: MediaFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without their names two reports can be one."""
    twin_source = tmp_path / "twin.pdf"
    twin_source.write_bytes(b"%PDF-1.7\ndoubtful twin")

    def same(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        Path(task.work_dir, "as-the-first").write_bytes(b"%PDF-1.7\ndoubtful")
        from dataclasses import replace

        return report_stand_in(replace(task, source=f"{task.work_dir}/as-the-first"), on_message)

    monkeypatch.setattr(pdf_import, "run_report", same)
    twin = MediaFile.objects.get(pk=import_and_anonymize(twin_source, CENTER).pk)
    assert twin.candidate_sha256 == doubtful.candidate_sha256
    review.reject(store, doubtful, actor="dr_test", reason="twice")
    approved = review.approve(store, twin, actor="dr_test")
    assert len(_published(store)) == 2 and approved.state == State.PUBLISHED
    assert _is_well(store)


@pytest.mark.parametrize("suffix", [".pdf", ".txt"])
def test_the_doctor_finds_and_mends_a_lost_file_of_the_two(
    quick: None, store: Store, report: Path, suffix: str
) -> None:
    made = import_and_anonymize(report, CENTER)
    (store.folder.published / f"{made.uuid}{suffix}").unlink()
    assert not _is_well(store)
    for _ in examine(Examination(store, repair=True, deep=False, stale_after=STALE_LOCK_SECONDS)):
        pass
    assert _published(store) == {} and MediaFile.objects.get().state == State.FAILED
    assert PdfImportService().retry(made).status == "imported"
    assert _is_well(store)


def test_a_changed_text_is_found_by_a_deep_look(quick: None, store: Store, report: Path) -> None:
    made = import_and_anonymize(report, CENTER)
    (store.folder.published / made.text_name).write_text("Erika Muster")
    assert not _is_well(store)


# ------------------------------------------------------------------------------------- the verdict


def test_an_output_that_is_not_safe_is_destroyed(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    def leaky(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        done = report_stand_in(task, on_message)
        return replace(done, verification=replace(done.verification, pages=2))

    monkeypatch.setattr(pdf_import, "run_report", leaky)
    with pytest.raises(VerificationError, match="1 pages were read, 2 are in the output"):
        import_and_anonymize(report, CENTER)
    assert MediaFile.objects.get().state == State.QUARANTINED
    assert _published(store) == {} and _nothing_is_left(store, report)


# --------------------------------------------------------------------------------- the cell, for real


def test_a_protected_report_is_quarantined_and_opens_with_the_password_set(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "protected.pdf"
    protect(source, "geheim")
    with pytest.raises(UnsupportedMediaError, match="protected by a password") as refused:
        import_and_anonymize(source, CENTER)
    assert "ENDOREG_REPORT_PASSWORD" in refused.value.advice
    record = MediaFile.objects.get()
    assert record.state == State.QUARANTINED
    monkeypatch.setenv("ENDOREG_REPORT_PASSWORD", "geheim")
    assert PdfImportService().retry(record).record.state in (State.PUBLISHED, State.NEEDS_REVIEW)


def test_the_django_command_imports_a_report(quick: None, store: Store, report: Path) -> None:
    told = StringIO()
    call_command("import_report", str(report), "--center", CENTER, stdout=told)
    assert told.getvalue().startswith("imported ")
    with pytest.raises(CommandError, match="PDF file not found"):
        call_command("import_report", str(report) + "x", "--center", CENTER)


def test_the_django_command_is_told_what_is_known_of_the_people_in_a_report(
    store: Store, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def run(task: ReportTask, on_message: Callable[..., None], **_options: object) -> ReportDone:
        told.append((task.names, task.dates, task.numbers))
        return report_stand_in(task, on_message)

    monkeypatch.setattr(pdf_import, "run_report", run)
    file = tmp_path / "known.json"
    file.write_text('{"names": ["Müller"], "dates": ["1956-02-01"], "numbers": ["4711"]}', "utf-8")
    call_command("import_report", str(report), "--center", CENTER, "--known", str(file), stdout=StringIO())
    assert told == [(("Müller",), ("1956-02-01",), ("4711",))]


@pytest.mark.parametrize("written", [None, '{"names": "Quast"}'], ids=["missing", "no list"])
def test_a_file_of_what_is_known_that_cannot_be_read_stops_the_django_command(
    store: Store, report: Path, tmp_path: Path, written: str | None
) -> None:
    file = tmp_path / "known.json"
    if written is not None:
        file.write_text(written, "utf-8")
    with pytest.raises(CommandError, match="--known") as refused:
        call_command("import_report", str(report), "--center", CENTER, "--known", str(file))
    assert refused.value.returncode == 2
    assert "Quast" not in str(refused.value)
    assert not MediaFile.objects.exists(), "nothing was begun"


def test_every_report_waits_for_a_person_unless_the_setting_says_otherwise(
    quick: None, store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENDOREG_REPORT_RELEASE")

    waiting = import_and_anonymize(report, CENTER)

    assert waiting.state == State.NEEDS_REVIEW
    assert "report_unseen" in [finding["code"] for finding in waiting.findings]
    assert _published(store) == {}
    review.approve(store, waiting, actor="somebody")
    assert waiting.state == State.PUBLISHED
    assert set(_published(store)) == {f"{waiting.uuid}.pdf", f"{waiting.uuid}.txt"}
