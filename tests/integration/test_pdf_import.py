"""The import of reports: the same promises as for recordings, and two files for each report."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
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
)
from endoreg_db.models import MediaFile, ReportFile, State
from endoreg_db.samples import ReportTruth, draw_report
from endoreg_db.services import identity_records, pdf_import, review
from endoreg_db.services.media_import import MediaImportService
from endoreg_db.services.pdf_import import PdfImportService, import_and_anonymize
from endoreg_db.services.store import Store
from tests.integration.importing import is_well, nothing_is_left, published_digests
from tests.integration.report_files import protect

CENTER = "test_center"


Failing = Callable[[Exception], AbstractContextManager[None]]


@pytest.fixture
def failing(report_tasks: list[ReportTask], monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Lets the cell fail with an error; behind the block its stand-in works."""

    @contextmanager
    def fail_with(error: Exception) -> Iterator[None]:
        def run(task: ReportTask, on_message: object, **_options: object) -> ReportDone:
            raise error

        with monkeypatch.context() as patch, pytest.raises(type(error)):
            patch.setattr(pdf_import, "run_report", run)
            yield

    return fail_with


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
    assert published_digests(store) == {output.name: made.output_sha256, text.name: made.text_sha256}
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
    assert nothing_is_left(store, report) and is_well(store)


# ------------------------------------------------------------------------- what is as for recordings


@pytest.mark.usefixtures("report_tasks")
def test_the_service_is_the_shared_one_and_its_steps_have_their_names(store: Store) -> None:
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


@pytest.mark.usefixtures("report_tasks")
def test_a_report_that_is_being_imported_is_left_alone(store: Store, report: Path) -> None:
    first, second = PdfImportService(), PdfImportService()
    with first._file_lock(report), pytest.raises(FileLockedError, match="File already being processed"):
        second.import_and_anonymize(report, CENTER)
    assert not second.processed_files


@pytest.mark.usefixtures("report_tasks")
def test_the_same_content_again_is_the_same_record(store: Store, report: Path) -> None:
    service = PdfImportService()
    first = service.import_and_anonymize(report, CENTER)
    with pytest.raises(AlreadyProcessedError, match=f"File already processed: {report}"):
        service.import_and_anonymize(report, CENTER)
    copy = Path(shutil.copy(report, report.with_name("copy.pdf")))
    assert PdfImportService().import_and_anonymize(copy, CENTER, delete_source=True).uuid == first.uuid
    assert not copy.exists()
    assert ReportFile.objects.count() == 1 and len(published_digests(store)) == 2


def test_an_import_that_fails_leaves_no_lock_and_can_be_tried_at_once(
    failing: Failing, store: Store, report: Path
) -> None:
    service = PdfImportService()
    with failing(DeidentificationError("the cell broke")):
        service.import_and_anonymize(report, CENTER)
    assert not service.processed_files and service.processing_context == {} and service.current_video is None
    assert nothing_is_left(store, report)
    failed = MediaFile.objects.get()
    assert failed.state == State.FAILED
    again = service.import_and_anonymize(report, CENTER)
    assert (again.uuid, again.state) == (failed.uuid, State.PUBLISHED)
    assert is_well(store)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (CorruptMediaError("The report is damaged"), State.QUARANTINED),
        (UnsupportedMediaError("The report is an XFA form"), State.QUARANTINED),
        (DeidentificationError("killed"), State.FAILED),
    ],
)
def test_a_report_that_failed_is_retried_under_its_uuid(
    failing: Failing,
    report_tasks: list[ReportTask],
    store: Store,
    report: Path,
    error: Exception,
    state: State,
) -> None:
    with failing(error):
        import_and_anonymize(report, CENTER)
    record = MediaFile.objects.get()
    assert record.state == state
    report.unlink()  # the vault has it
    retried = PdfImportService()._retry_existing_pdf(record)
    assert (retried.uuid, retried.state) == (record.uuid, State.PUBLISHED)
    assert [task.file_name for task in report_tasks] == ["befund.pdf"], (
        "the finder is told the name that the file had"
    )


def test_the_cell_is_told_which_recogniser_is_set(
    report_tasks: list[ReportTask], store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOREG_REPORT_RECOGNISER", "presidio")
    assert import_and_anonymize(report, CENTER).state == State.PUBLISHED
    assert [task.recogniser for task in report_tasks] == ["presidio"]


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
    failing: Failing, report_tasks: list[ReportTask], store: Store, report: Path
) -> None:
    with failing(CorruptMediaError("The report is damaged")):
        import_and_anonymize(report, CENTER)
    known = KnownIdentity(("Müller",), ("1956-02-01",), ("4711",))
    assert import_and_anonymize(report, CENTER, retry=True, known=known).state == State.PUBLISHED
    (task,) = report_tasks
    assert (task.names, task.dates, task.numbers) == (known.names, known.dates, known.numbers)


def test_a_recogniser_that_is_not_there_is_logged_and_recorded(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if find_spec("presidio_analyzer"):
        pytest.skip("it is installed here")
    monkeypatch.setenv("ENDOREG_REPORT_RECOGNISER", "presidio")
    made = import_and_anonymize(report, CENTER)
    assert made.state == State.NEEDS_REVIEW, "the built-in rules go on alone, and a person looks"
    (finding,) = [f for f in made.findings if f["code"] == "recogniser_fallback"]
    assert finding["severity"] == "review" and "presidio" in finding["detail"]
    assert finding["detail"] in [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]


@pytest.mark.usefixtures("report_tasks")
def test_a_retry_may_be_the_very_first_call(data_dir: Path, report: Path) -> None:
    data_dir.mkdir(mode=0o700)
    assert import_and_anonymize(report, CENTER, retry=True).state == State.PUBLISHED


def test_retry_runs_what_is_unfinished_and_nothing_else(failing: Failing, store: Store, report: Path) -> None:
    with failing(CorruptMediaError("The report is damaged")):
        import_and_anonymize(report, CENTER)
    with pytest.raises(CorruptMediaError, match="Quarantined"):
        import_and_anonymize(report, CENTER)
    first = import_and_anonymize(report, CENTER, retry=True)
    assert first.state == State.PUBLISHED
    assert import_and_anonymize(report, CENTER, retry=True).uuid == first.uuid
    with pytest.raises(InvalidTransitionError):
        PdfImportService().retry(first)


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


@pytest.mark.usefixtures("report_tasks")
def test_every_report_waits_for_a_person_unless_the_setting_says_otherwise(
    store: Store, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENDOREG_REPORT_RELEASE")

    waiting = import_and_anonymize(report, CENTER)

    assert waiting.state == State.NEEDS_REVIEW
    assert "report_unseen" in [finding["code"] for finding in waiting.findings]
    assert published_digests(store) == {}
    review.approve(store, waiting, actor="somebody")
    assert waiting.state == State.PUBLISHED
    assert set(published_digests(store)) == {f"{waiting.uuid}.pdf", f"{waiting.uuid}.txt"}
