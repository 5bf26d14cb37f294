"""A name is planted in every place where a PDF can hold one, and must be nowhere in the output."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from pypdf import PdfReader
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.messages import ReportDone, ReportTask
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.deidentify import deidentify_report
from endoreg_db.deid.pdf.pictures import find_codes
from endoreg_db.deid.text_rules import matches_known
from endoreg_db.errors import CorruptMediaError, UnsupportedMediaError
from tests.integration.report_files import CANARY, CLASSES, KEPT, draw, find_canary, protect, traces


@pytest.fixture(scope="session")
def reader() -> TextReader:
    return TextReader()


def rebuilt(source: Path, reader: TextReader, password: str | None = None) -> ReportDone:
    work = source.with_suffix(".work")
    work.mkdir()
    task = ReportTask(str(source), str(work), source.name, password)
    return deidentify_report(task, lambda _message: None, find_canary, reader=reader)


def shown(candidate: str) -> list[np.ndarray]:
    with pdfium.PdfDocument(candidate) as document:
        return [page.render(scale=2, rev_byteorder=True).to_numpy()[:, :, :3].copy() for page in document]


@pytest.mark.parametrize("name", CLASSES)
def test_a_name_planted_anywhere_in_a_report_is_nowhere_in_the_output(
    tmp_path: Path, reader: TextReader, name: str
) -> None:
    source = tmp_path / "report.pdf"
    CLASSES[name](source)

    done = rebuilt(source, reader)

    output, text = Path(done.candidate).read_bytes(), Path(done.text).read_text("utf-8")
    assert traces(output) == []
    assert CANARY not in text
    layers = [page.extract_text() for page in PdfReader(done.candidate).pages]
    assert not any(matches_known(layer, {CANARY}) for layer in layers)
    for picture in shown(done.candidate):
        read = " ".join(found.text for found in reader.find_text(picture, smallest=20))
        assert not matches_known(read, {CANARY}), read
        assert not find_codes(picture)
    kept = KEPT.split()[0]
    assert all(kept in layer for layer in layers) and kept in text, "what is no name stays"
    assert [f for f in done.verification.findings if f.severity == "fatal"] == []


def test_the_output_is_the_same_bytes_every_time_and_says_nothing_about_its_making(
    tmp_path: Path, reader: TextReader
) -> None:
    outputs = []
    for name in ("one.pdf", "two.pdf"):
        draw(tmp_path / name, visible=True)
        outputs.append(Path(rebuilt(tmp_path / name, reader).candidate).read_bytes())
    assert outputs[0] == outputs[1]
    assert set(PdfReader(tmp_path / "one.work" / "candidate.pdf").trailer) == {"/Size", "/Root", "/ID"}
    assert b"/Producer" not in outputs[0] and b"/CreationDate" not in outputs[0]


def _write_name(name: str, canvas: Canvas) -> None:
    canvas.drawString(30, 100, name)


@pytest.mark.parametrize("names", [(CANARY, f"{CANARY}-Wolkenstein")])
def test_names_of_any_length_in_a_field_leave_the_same_output(
    tmp_path: Path, reader: TextReader, names: tuple[str, str]
) -> None:
    outputs = []
    for number, name in enumerate(names):
        source = tmp_path / f"{number}.pdf"
        draw(source, more=partial(_write_name, name))
        outputs.append(Path(rebuilt(source, reader).candidate).read_bytes())
    assert outputs[0] == outputs[1]


def test_a_name_in_the_file_name_goes_to_the_finder_and_nowhere_else(
    tmp_path: Path, reader: TextReader
) -> None:
    source = tmp_path / f"{CANARY}.pdf"
    draw(source)
    done = rebuilt(source, reader)
    assert traces(Path(done.candidate).read_bytes()) == []


def test_a_report_that_opens_only_with_its_password_says_so(tmp_path: Path, reader: TextReader) -> None:
    source = tmp_path / "report.pdf"
    protect(source, "geheim")
    with pytest.raises(UnsupportedMediaError, match="protected by a password") as refused:
        rebuilt(source, reader)
    assert "ENDOREG_REPORT_PASSWORD" in refused.value.advice
    (tmp_path / "report.work").rmdir()
    done = rebuilt(source, reader, "geheim")
    assert traces(Path(done.candidate).read_bytes()) == []


def test_a_report_without_a_word_is_not_passed_through(tmp_path: Path, reader: TextReader) -> None:
    source = tmp_path / "blank.pdf"
    canvas = Canvas(str(source))
    canvas.showPage()
    canvas.save()
    with pytest.raises(CorruptMediaError, match="No word can be read"):
        rebuilt(source, reader)
