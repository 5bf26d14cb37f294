"""Dates of reports moved by each patient's own number of days: alike everywhere, nothing of the old ones."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.messages import ReportDone, ReportTask
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf import dates as pdf_dates
from endoreg_db.deid.pdf import rebuild
from endoreg_db.deid.pdf.dates import MovedDate
from endoreg_db.deid.pdf.deidentify import deidentify_report
from endoreg_db.deid.reports.date_shift import days_of_shift
from endoreg_db.deid.reports.dates import find_days
from endoreg_db.deid.reports.find import find_identity
from endoreg_db.deid.text_rules import matches_known
from endoreg_db.models import MediaFile, ReportFile, State
from endoreg_db.samples import draw_report
from endoreg_db.services.pdf_import import PdfImportService
from endoreg_db.services.store import Store
from endoreg_db.storage.pseudonym_key import load_pseudonym_key, replace_pseudonym_key
from tests.integration.test_report_leaks import reader, shown
from tests.integration.test_report_pictures import scanned

__all__ = ["reader"]

DAYS = -40


def _days_in(text: str) -> list[date]:
    return [day.readings[0] for day in find_days(text) if day.readings]


def _files(store: Store, record: MediaFile) -> tuple[str, str]:
    """The published text layer, and the text for research."""
    pages = PdfReader(store.folder.published / record.output_name).pages
    text = (store.folder.published / record.text_name).read_text("utf-8")
    return " ".join(page.extract_text() for page in pages), text


def test_the_dates_of_one_patient_are_moved_alike_in_all_reports(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOREG_REPORT_DATES", "shift")
    # Always by the same number of days: by one in some hundreds a date would be removed instead.
    load_pseudonym_key(store.folder.keys, may_create=True)
    replace_pseudonym_key(store.folder.keys, bytes(range(32)))
    first = draw_report(tmp_path / "first.pdf", seed=3)
    later = first.examination + timedelta(days=200)
    draw_report(tmp_path / "later.pdf", seed=4, patient=first.patient, examination=later)
    records = [
        PdfImportService().import_and_anonymize(tmp_path / name, "test_center")
        for name in ("first.pdf", "later.pdf")
    ]

    key = load_pseudonym_key(store.folder.keys, may_create=False).derive("dates")
    days = timedelta(days=days_of_shift(key, records[0].pseudonym))
    for record, moment in zip(records, (first.examination, later), strict=True):
        assert record.state == State.PUBLISHED
        assert "dates_moved" in {finding["code"] for finding in record.findings}
        layer, text = _files(store, record)
        expected = moment.date() + days
        for written in (layer, text):
            assert set(_days_in(written)) == {expected}
            assert f"{expected:%d.%m.%Y}" in written and str(first.patient.birth_date.year) not in written


def test_dates_are_removed_where_it_is_not_sure_who_the_patient_is(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDOREG_REPORT_DATES", "shift")
    _draw(
        tmp_path / "nobody.pdf", ["Fall-Nr.: 12345678", "Untersuchung am: 05.08.2023", "Befund unauffällig"]
    )
    record = PdfImportService().import_and_anonymize(tmp_path / "nobody.pdf", "test_center")
    codes = {finding["code"] for finding in ReportFile.objects.get(pk=record.pk).findings}
    assert "dates_removed" in codes and "dates_moved" not in codes
    assert record.pseudonym == ""


# ------------------------------------------------------------------------------------- one pass


def _draw(path: Path, lines: list[str]) -> None:
    canvas = Canvas(str(path), pagesize=(380, 200), invariant=1)
    canvas.setFont("Helvetica", 12)
    for number, line in enumerate(lines):
        canvas.drawString(30, 165 - 26 * number, line)
    canvas.save()


REPORT = [
    "Patient: Peters, Erika, geb. 01.02.1956",
    "Untersuchung am: 12.03.2024 um 12:28 Uhr",
    "Befund: Schleimhaut unauffällig.",
    "Vorbefund vom 5. August 2023 liegt vor.",
]
MOVED = {date(2024, 2, 1), date(2023, 6, 26)}


def _rebuilt(source: Path, reader: TextReader) -> ReportDone:
    work = source.with_suffix(".work")
    work.mkdir()
    task = ReportTask(str(source), str(work), source.name)
    return deidentify_report(
        task, lambda _message: None, find_identity, reader=reader, days_of=lambda _: DAYS
    )


@pytest.mark.parametrize("kind", ["digital", "scanned"])
def test_picture_layer_and_text_agree_on_moved_dates(tmp_path: Path, reader: TextReader, kind: str) -> None:
    source = tmp_path / "report.pdf"
    _draw(source, REPORT)
    if kind == "scanned":
        scanned(source, tmp_path / "scan.pdf")
        source = tmp_path / "scan.pdf"

    done = _rebuilt(source, reader)

    assert done.pages_scanned == (kind == "scanned")
    assert done.verification.findings == ()
    layer = " ".join(page.extract_text() for page in PdfReader(done.candidate).pages)
    (picture,) = shown(done.candidate)
    read = " ".join(found.text for found in reader.find_text(picture, smallest=20))
    assert "01.02.2024" in read and "26. Juni 2023" in read
    for written in (layer, Path(done.text).read_text("utf-8"), read):
        assert written is read or set(_days_in(written)) == MOVED, written
        assert not matches_known(written, {"2024-03-12", "2023-08-05", "1956-02-01", "Peters"})
        assert "1956" not in written and "12:28" not in re.sub(r"\s", "", written)


def test_a_date_that_is_drawn_otherwise_than_planned_is_found(
    tmp_path: Path, reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    _draw(tmp_path / "report.pdf", REPORT)
    drawn = pdf_dates.drawn_date

    def wrong(picture: object, planned: MovedDate, scale: float) -> None:
        other = "12.03.2024" if planned.text == "01.02.2024" else "XXXXXXXX"
        drawn(picture, MovedDate(planned.line, planned.words, other, planned.box, planned.size), scale)  # type: ignore[arg-type]

    monkeypatch.setattr(rebuild, "drawn_date", wrong)
    done = _rebuilt(tmp_path / "report.pdf", reader)
    codes = [finding.code for finding in done.verification.findings]
    assert codes.count("moved_date_differs") == 2 and "identity_in_picture" in codes
