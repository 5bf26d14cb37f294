"""Whatever breaks while a report is worked on, nothing is published, and the record says why."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import pytest
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.messages import ReportStage
from endoreg_db.errors import MediaImportError
from endoreg_db.models import ImportAttempt, MediaFile, ReportFile, State
from endoreg_db.services.pdf_import import PdfImportService
from endoreg_db.services.store import Store
from tests.faults.in_the_cell import write_hook
from tests.faults.in_the_report_cell import FAULTS
from tests.faults.in_the_report_cell import __name__ as REPORT_FAULTS
from tests.integration.test_report_pictures import scanned

#: Those that come closest to passing unnoticed. `make faults` has the others.
IN_THE_SUITE = {
    "opening never ends",
    "pages are counted too few",
    "reading loses a page",
    "finder finds the labels alone",
    "text for research keeps removed words",
    "a removed word is drawn over a line that stays",
    "verifier stops after the first page",
}
THE_OTHERS = FAULTS.keys() - IN_THE_SUITE
#: Show only on pages that OCR alone has read.
OF_SCANS = {
    "a removed word is drawn over a line that stays",
    "OCR reads nothing",
    "OCR reads rubbish",
    "verifier reads nothing",
}

_FIRST = (
    "Patient: Peters, Erika, geb. 01.02.1956",
    "Befund: Schleimhaut unauffällig.",
    "Kein Polyp im Sigma.",
)
_SECOND = ("Beurteilung: Normalbefund.", "Der Befund wurde mit Frau Peters besprochen.")


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of two small pages, and the first of them as a scan."""
    folder = tmp_path_factory.mktemp("reports")
    made = {kind: folder / f"{kind}.pdf" for kind in ("digital", "scan")}
    canvas = Canvas(str(made["digital"]), pagesize=(380, 160), invariant=1)
    for lines in (_FIRST, _SECOND):
        canvas.setFont("Helvetica", 12)
        for number, line in enumerate(lines):
            canvas.drawString(30, 125 - 26 * number, line)
        canvas.showPage()
    canvas.save()
    scanned(made["digital"], made["scan"])
    return made


def test_every_stage_has_a_fault_in_the_suite() -> None:
    """A new stage is a failing test until somebody has broken it."""
    assert {FAULTS[name][0] for name in IN_THE_SUITE} == set(get_args(ReportStage))


@pytest.mark.parametrize("kind", ["digital", "scan"])
def test_without_a_fault_the_same_report_is_published(
    store: Store, reports: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    source = shutil.copy(reports[kind], tmp_path / "report.pdf")

    report = PdfImportService().import_and_anonymize(source, "test_center")

    assert report.state == State.PUBLISHED, report.findings
    assert set(ReportFile.objects.get().timings) == set(get_args(ReportStage))


@pytest.mark.parametrize(
    "name",
    [*sorted(IN_THE_SUITE), *(pytest.param(n, marks=pytest.mark.exhaustive) for n in sorted(THE_OTHERS))],
)
def test_a_fault_inside_the_cell_publishes_nothing(
    store: Store, reports: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_hook(tmp_path / "hook", name, module=REPORT_FAULTS)
    monkeypatch.syspath_prepend(str(tmp_path / "hook"))
    drawn = reports["scan" if name in OF_SCANS else "digital"]
    source = Path(shutil.copy(drawn, tmp_path / "report.pdf"))

    try:
        PdfImportService().import_and_anonymize(source, "test_center")
    except MediaImportError as error:
        assert str(error) and error.advice

    record, attempt = MediaFile.objects.get(), ImportAttempt.objects.get()
    assert record.state in (State.NEEDS_REVIEW, State.FAILED, State.QUARANTINED)
    assert list(store.folder.published.iterdir()) == []
    assert record.output_name == "" and store.vault.contains(record.content_sha256)
    assert attempt.error_message or any(f["severity"] == "review" for f in record.findings)
