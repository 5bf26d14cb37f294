"""Scans that a scanner has read already: its invisible layer comes out nowhere, and disturbs nothing."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pypdfium2 as pdfium
import pytest
import reportlab
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.messages import ReportDone, ReportTask
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.deidentify import deidentify_report
from endoreg_db.deid.pdf.read import read_page
from endoreg_db.deid.reports.find import find_identity
from endoreg_db.deid.text_rules import fold
from quality import letters
from quality.letter_sheet import Letter, misread
from quality.reports.pages import add_layer, draw_letter, scan

FINDING = "Polyp im Sigma, Abtragung mit der Schlinge, keine Blutung, Kontrolle in drei Jahren geplant."


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def searchable(letter: Letter, layer: Letter, folder: Path) -> Path:
    """The letter as a scan with that layer."""
    typeset, scanned, source = (folder / f"{name}.pdf" for name in ("typeset", "scan", "source"))
    draw_letter(typeset, letter, "Vera")
    scan(typeset, scanned, 200, random.Random(1))
    add_layer(scanned, source, layer, "Vera")
    return source


def rebuilt(letter: Letter, layer: Letter, folder: Path, reader: TextReader) -> ReportDone:
    """Such a scan, de-identified."""
    source = searchable(letter, layer, folder)
    (folder / "work").mkdir()
    task = ReportTask(str(source), str(folder / "work"))
    return deidentify_report(task, lambda _message: None, find_identity, reader=reader)


@pytest.mark.parametrize("read_well", [True, False])
def test_clinical_words_stay_and_the_patient_goes(
    tmp_path: Path, reader: TextReader, read_well: bool
) -> None:
    letter = letters.invent_letter(20001)
    layer = letter if read_well else misread(letter, random.Random(1))

    done = rebuilt(letter, layer, tmp_path, reader)

    text = Path(done.text).read_text("utf-8")
    words = fold(text).split()
    clinical = [fold(letter.pages[page - 1].words[index].text) for page, index in letter.clinical]
    assert sum(word not in words for word in clinical) <= 0.1 * len(clinical)  # OCR reads some otherwise
    assert letter.fields["last_name"] not in text
    assert {name: done.identity.values()[name] for name in letter.fields} == letter.fields


def test_a_layer_that_names_somebody_whom_the_page_does_not_show_raises_a_doubt(
    tmp_path: Path, reader: TextReader
) -> None:
    letter, other = letters.invent_letter(20001), letters.invent_letter(20005)

    done = rebuilt(letter, other, tmp_path, reader)

    assert other.fields["last_name"] not in Path(done.text).read_text("utf-8")
    assert "several_patients" in {finding.code for finding in done.findings}


def test_the_layer_of_a_scan_is_not_compared_with_its_picture(
    tmp_path: Path, reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as hidden whatever it says, so reading a line of each of its fonts would be for nothing."""
    letter = letters.invent_letter(20001)
    source = searchable(letter, letter, tmp_path)
    compared: list[object] = []
    monkeypatch.setattr(TextReader, "read_line", lambda _self, picture: compared.append(picture))
    with pdfium.PdfDocument(source) as document:
        sheet = read_page(document, 0, reader)
    assert sheet.scanned
    assert not compared


def test_a_font_that_says_something_else_is_read_by_ocr_and_the_others_are_not(
    tmp_path: Path, reader: TextReader
) -> None:
    source = tmp_path / "two-fonts.pdf"
    write_two_fonts(source)
    with pdfium.PdfDocument(source) as document:
        sheet = read_page(document, 0, reader)
    assert not sheet.scanned
    by_source = {s: [w.text for w in sheet.page.words if w.source == s] for s in ("text", "ocr", "hidden")}
    assert by_source["text"] == FINDING.split()
    assert "Xyrgblom" in " ".join(by_source["ocr"])
    assert len(by_source["hidden"]) == 2


def write_two_fonts(path: Path) -> None:
    """A finding in one font, and a name in another whose letters mean something else than they look like."""
    for face, file in (("Honest", "Vera"), ("Lying", "VeraBd")):
        pdfmetrics.registerFont(TTFont(face, str(Path(reportlab.__file__).parent / "fonts" / f"{file}.ttf")))
    canvas = Canvas(str(path), pagesize=(595, 842))
    canvas.setFont("Honest", 11)
    canvas.drawString(60, 700, FINDING)
    canvas.setFont("Lying", 14)
    canvas.drawString(60, 500, "Patient Xyrgblom")
    canvas.save()
    writer = PdfWriter(clone_from=path)
    for item in writer.pages[0]["/Resources"]["/Font"].values():  # type: ignore[index]
        font = item.get_object()
        if "Bold" in font["/BaseFont"]:
            meanings = DecodedStreamObject()
            meanings.set_data(re.sub(rb"<00[4-7][0-9A-Fa-f]>", b"<0065>", font["/ToUnicode"].get_data()))
            font[NameObject("/ToUnicode")] = writer._add_object(meanings)
    writer.write(path)
