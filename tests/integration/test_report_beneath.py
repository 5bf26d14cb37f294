"""Drawings beneath and across the words of a text layer, fonts that mean something else, small covers.

What a text layer tells stays with its own pixels; everything else in the same place is judged for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
)
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.messages import ReportDone
from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf import rebuild
from endoreg_db.deid.pdf.blank import boxes_of_hits
from endoreg_db.deid.reports.words import Page, Rect
from endoreg_db.deid.text_rules import matches_known
from endoreg_db.samples.layout import font, font_path
from tests.integration.report_files import CANARY, draw
from tests.integration.test_report_leaks import reader, rebuilt, shown

__all__ = ["reader"]


def words_of(done: ReportDone) -> list[str]:
    return [word for page in PdfReader(done.candidate).pages for word in page.extract_text().split()]


def read_in(done: ReportDone, reader: TextReader) -> str:
    """What OCR reads on the output, also what is pale."""
    found = []
    for picture in shown(done.candidate):
        stretched = np.where(picture > 250, 255, picture // 4).astype(np.uint8)
        for version in (picture, stretched):
            found += [line.text for line in reader.find_text(version, smallest=16)]
    return " ".join(found)


def assert_gone(done: ReportDone, reader: TextReader) -> None:
    assert not matches_known(" ".join(words_of(done)), {CANARY})
    assert CANARY not in Path(done.text).read_text("utf-8")
    assert not matches_known(read_in(done, reader), {CANARY})
    assert [f for f in done.verification.findings if f.severity != "note"] == []


def signature(text: str = CANARY) -> Image.Image:
    """A name on nothing, as forms are signed with pictures."""
    image = Image.new("RGBA", (480, 90), (0, 0, 120, 0))
    ImageDraw.Draw(image).text((10, 15), text, font=font(56), fill=(0, 0, 120, 255))
    return image


def runs(text: str) -> Iterator[tuple[float, float, float]]:
    """The rows of a text's letters, 100 units high: from where to where they are black, and how far up."""
    image = Image.new("L", (1200, 100))
    ImageDraw.Draw(image).text((0, 5), text, font=font(80), fill=255)
    for row, line in enumerate(np.asarray(image) > 127):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], line, [False])).astype(np.int8)))
        yield from ((start, end, 100 - row) for start, end in edges.reshape(-1, 2).tolist())


def as_curves(text: str, x: float, y: float, height: float) -> str:
    """Operators that draw a text as areas, letter for letter, as programs do that write no fonts."""
    scale = height / 100
    areas = (
        f"{x + a * scale:.3f} {y + up * scale:.3f} {(b - a) * scale:.3f} {scale:.3f} re"
        for a, b, up in runs(text)
    )
    return " ".join([*areas, "f"])


def signed_with_a_picture(canvas: Canvas) -> None:
    canvas.drawString(30, 100, "Im Sigma mehrere reizlose Divertikel, sonst kein Befund.")
    canvas.drawString(30, 60, "Name: " + "_" * 34)
    canvas.drawImage(ImageReader(signature()), 75, 57, 74, 13, mask="auto")


def signed_in_curves(canvas: Canvas) -> None:
    canvas.drawString(30, 60, "Unterschrift: " + "." * 50)
    canvas._code.append("q 0 0 0.5 rg " + as_curves(CANARY, 110, 57, 14) + " Q")


def stamped_across_a_line(canvas: Canvas) -> None:
    canvas.drawString(30, 60, "Mit freundlichen kollegialen Grüßen")
    canvas._code.append("q 0 0 0.7 rg " + as_curves(CANARY, 40, 48, 40) + " Q")


@pytest.mark.parametrize(
    ("sign", "stay"),
    [
        (signed_with_a_picture, "Name:"),
        (signed_in_curves, "Unterschrift:"),
        (stamped_across_a_line, "Mit freundlichen kollegialen Grüßen"),
    ],
)
def test_what_is_drawn_over_a_word_that_stays_goes_and_the_word_stays(
    tmp_path: Path, reader: TextReader, sign: Callable[[Canvas], None], stay: str
) -> None:
    source = tmp_path / "report.pdf"
    draw(source, more=sign)

    done = rebuilt(source, reader)

    assert_gone(done, reader)
    said = words_of(done)
    assert [word for word in stay.split() if word not in said] == []
    before, after = (shown(path)[0].astype(int) for path in (str(source), done.candidate))
    blue = [np.count_nonzero(page[:, :, 2] - page[:, :, 0] > 60) for page in (before, after)]
    assert blue[1] < 0.03 * blue[0], "but where letters are drawn over it"


def test_a_signature_in_an_annotation_over_a_line_to_write_on_goes(
    tmp_path: Path, reader: TextReader
) -> None:
    source = tmp_path / "report.pdf"
    draw(source, more=lambda canvas: canvas.drawString(30, 60, "Unterschrift: " + "." * 50))
    writer = PdfWriter(clone_from=str(source))
    shape = DecodedStreamObject()
    shape.set_data(("0 0 0.5 rg " + as_curves(CANARY, 0, 0, 14)).encode())
    box = ArrayObject([FloatObject(side) for side in (0, 0, 170, 16)])
    shape.update({
        NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Form"),
        NameObject("/BBox"): box,
    })  # fmt: skip
    ink = DictionaryObject({
        NameObject("/Type"): NameObject("/Annot"), NameObject("/Subtype"): NameObject("/Ink"),
        NameObject("/F"): NumberObject(4),
        NameObject("/Rect"): ArrayObject([FloatObject(side) for side in (110, 57, 280, 73)]),
        NameObject("/AP"): DictionaryObject({NameObject("/N"): writer._add_object(shape)}),
    })  # fmt: skip
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(ink)])
    writer.write(str(source))

    assert_gone(rebuilt(source, reader), reader)


def test_lines_to_write_on_bullets_and_separators_stay_as_they_are(
    tmp_path: Path, reader: TextReader
) -> None:
    def more(canvas: Canvas) -> None:
        canvas.drawString(30, 100, "Name: ______________________________")
        canvas.drawString(30, 85, "Datum ........................")
        canvas.drawString(30, 70, "-" * 60)
        canvas.setFont("Times-Roman", 12)  # fonts with nothing to compare
        canvas.drawString(30, 55, "_" * 30)
        canvas.setFont("ZapfDingbats", 8)
        canvas.drawString(30, 40, "l")
        canvas.setFont("Helvetica", 12)
        canvas.drawString(45, 40, "Divertikel im Sigma")
        canvas.line(45, 38, 90, 38)

    source = tmp_path / "report.pdf"
    draw(source, more=more)

    done = rebuilt(source, reader)

    said = words_of(done)
    expected = ["Name:", "_" * 30, "." * 24, "-" * 60, "Divertikel", "Sigma"]
    assert [word for word in expected if word not in said] == [] and said.count("_" * 30) == 2
    assert done.findings == () and done.verification.findings == ()


def test_a_name_in_print_over_a_line_to_write_on_is_covered_as_a_whole(
    tmp_path: Path, reader: TextReader
) -> None:
    def more(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 10)
        canvas.drawString(30, 60, "Name: " + "_" * 30)
        canvas.setFont("Helvetica", 14)
        canvas.drawString(75, 64.5, CANARY)

    source = tmp_path / "report.pdf"
    draw(source, more=more)
    assert_gone(rebuilt(source, reader), reader)


def test_a_hit_that_the_filled_areas_miss_is_fatal(
    tmp_path: Path, reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrower(page: Page, hit: Collection[int]) -> tuple[Rect, ...]:
        return tuple(Rect(box.x0 + 8, box.y0, box.x1, box.y1) for box in boxes_of_hits(page, hit))

    source = tmp_path / "report.pdf"
    draw(source, visible=True)
    monkeypatch.setattr(rebuild, "boxes_of_hits", narrower)
    found = rebuilt(source, reader).verification.findings
    assert ("not_covered", "fatal") in [(finding.code, finding.severity) for finding in found]


def test_what_is_left_of_a_drawing_across_a_word_goes_to_a_person(
    tmp_path: Path, reader: TextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "report.pdf"
    draw(source, more=signed_in_curves)
    monkeypatch.setattr(rebuild, "text_pixels", lambda part, _beneath: np.ones(part.shape[:2], np.bool_))
    found = rebuilt(source, reader).verification.findings
    assert "identity_in_picture" in [finding.code for finding in found]


# ------------------------------------------------------------------------------------------ fonts


def recoded(path: Path, name: str, *, before: int = 0, said: str = "Im Sigma reizlose Divertikel.") -> None:
    """A report that names the canary in a font with codes of its own and no table of letters.

    Args:
        path: of the report.
        name: of the font.
        before: how many other letters have the codes from ``!`` on.
        said: in Helvetica, on a line of its own.
    """
    pdfmetrics.registerFont(TTFont("Recoded", str(font_path()), asciiReadable=False))

    def more(canvas: Canvas) -> None:
        canvas.drawString(30, 100, said)
        pdfmetrics.getFont("Recoded").splitString(
            "".join(map(chr, range(0x400, 0x400 + before))), canvas._doc
        )
        canvas.setFont("Recoded", 14)
        canvas.drawString(30, 60, f"{CANARY} Fink")

    draw(path, more=more)
    for writer, made in embedded_fonts(path):
        del made["/ToUnicode"]
        made[NameObject("/BaseFont")] = NameObject(f"/{name}")
        writer.write(str(path))


def embedded_fonts(path: Path) -> Iterator[tuple[PdfWriter, Any]]:
    """The fonts of a report that tell which letter each of their glyphs is, to be changed and written."""
    writer = PdfWriter(clone_from=str(path))
    fonts: Any = writer.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    for item in fonts.values():
        made = item.get_object()
        if "/ToUnicode" in made:
            yield writer, made


def test_a_font_of_which_nothing_can_be_compared_is_not_believed(tmp_path: Path, reader: TextReader) -> None:
    source = tmp_path / "report.pdf"
    recoded(source, "AAAAAA+Signs")

    done = rebuilt(source, reader)

    assert_gone(done, reader)
    assert done.pages_scanned == 0 and done.words_removed == 1 and "Divertikel." in words_of(done)


def test_glyphs_without_a_meaning_over_a_line_to_write_on_are_read_by_ocr(
    tmp_path: Path, reader: TextReader
) -> None:
    pdfmetrics.registerFont(TTFont("Private", str(font_path())))

    def more(canvas: Canvas) -> None:
        canvas.drawString(30, 100, "Im Sigma mehrere reizlose Divertikel, sonst nichts.")
        canvas.drawString(30, 60, "Name: " + "_" * 30)
        canvas.setFont("Private", 11)
        canvas.drawString(75, 62, CANARY)

    source = tmp_path / "report.pdf"
    draw(source, more=more)
    for writer, made in embedded_fonts(source):
        told = DecodedStreamObject()
        told.set_data(re.sub(rb"<00(..)>\n", rb"<F0\1>\n", made["/ToUnicode"].get_data()))
        made[NameObject("/ToUnicode")] = writer._add_object(told)
        writer.write(str(source))

    done = rebuilt(source, reader)

    assert_gone(done, reader)
    assert done.pages_scanned == 0 and "Divertikel," in words_of(done)


def test_fonts_of_one_name_do_not_vouch_for_each_other(tmp_path: Path, reader: TextReader) -> None:
    source = tmp_path / "report.pdf"
    recoded(
        source, "Helvetica", before=64, said="Im Sigma mehrere reizlose Divertikel, sonst nichts zu sehen"
    )

    done = rebuilt(source, reader)

    assert_gone(done, reader)
    assert done.pages_scanned == 0 and done.words_removed == 1 and "Divertikel," in words_of(done)


def test_a_page_of_many_fonts_is_not_read_by_ocr_as_a_whole(tmp_path: Path, reader: TextReader) -> None:
    faces = [face for face in pdfmetrics.standardFonts if face not in ("Symbol", "ZapfDingbats")]

    def more(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 7)
        for row in range(7):
            canvas.drawString(30, 118 - 8 * row, "Im Sigma mehrere reizlose Divertikel zu sehen")
        for row, face in enumerate(faces):
            canvas.setFont(face, 8)
            canvas.drawString(30 + 140 * (row % 2), 56 - 10 * (row // 2), "Schleimhaut ohne Befund")

    source = tmp_path / "report.pdf"
    draw(source, more=more)

    done = rebuilt(source, reader)

    assert done.pages_scanned == 0 and words_of(done).count("Befund") == len(faces) + 1
    assert [f for f in done.verification.findings if f.severity != "note"] == []


# ------------------------------------------------------------------------------------------- pale


def test_a_pale_letterhead_goes(tmp_path: Path, reader: TextReader) -> None:
    source = tmp_path / "report.pdf"
    operators = "q 0.87 g " + as_curves(CANARY, 20, 45, 70) + " Q"
    draw(source, more=lambda canvas: canvas._code.append(operators))

    done = rebuilt(source, reader)

    assert_gone(done, reader)
    (page,) = shown(done.candidate)
    assert {int(level) for level in np.unique(page[2 * 90 : 2 * 150, 2 * 24 : 2 * 200])} <= set(
        range(212, 256)
    )


def test_a_pale_watermark_behind_the_text_goes_and_the_text_stays(tmp_path: Path, reader: TextReader) -> None:
    def more(canvas: Canvas) -> None:
        canvas._code.append("q 0.93 g " + as_curves(CANARY, 20, 55, 90) + " Q")
        canvas.drawString(30, 100, "Im Sigma mehrere reizlose Divertikel")
        canvas.drawString(30, 80, "Kontrolle in drei Jahren")

    source = tmp_path / "report.pdf"
    draw(source, more=more)

    done = rebuilt(source, reader)

    assert_gone(done, reader)
    assert {"Divertikel", "Kontrolle", "Befund", "Schleimhaut"} <= set(words_of(done))
    before, after = (np.abs(shown(path)[0].astype(int) - 237) < 3 for path in (str(source), done.candidate))
    assert after.mean() < 0.1 * before.mean()
    assert "Divertikel" in read_in(done, reader)


def test_shaded_rows_of_a_table_stay_as_they_are(tmp_path: Path, reader: TextReader) -> None:
    def more(canvas: Canvas) -> None:
        for row in range(4):
            canvas.setFillGray(0.92 if row % 2 else 1)
            canvas.rect(30, 40 + 16 * row, 240, 16, stroke=0, fill=1)
            canvas.setFillGray(0)
            canvas.drawString(34, 44 + 16 * row, "Kontrolle")
            canvas.drawString(154, 44 + 16 * row, "unauffällig")
        for edge in (30, 150, 270):
            canvas.line(edge, 40, edge, 104)

    source = tmp_path / "report.pdf"
    draw(source, more=more)

    done = rebuilt(source, reader)

    assert done.findings == () and done.verification.findings == ()
    assert words_of(done).count("unauffällig") == 5
    (page,) = shown(done.candidate)
    assert np.median(page[2 * (200 - 70) : 2 * (200 - 58), 2 * 90 : 2 * 140]) == pytest.approx(235, abs=3)


# ----------------------------------------------------------------------------------------- covers


@pytest.mark.parametrize("left_free", [1.0, 3.0])
def test_a_box_a_little_too_small_does_not_bring_the_word_back(
    tmp_path: Path, reader: TextReader, left_free: float
) -> None:
    def more(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 12)
        canvas.drawString(30, 100, "Bekannter Drogenmissbrauch seit Jahren.")
        canvas.rect(89, 97 + left_free, 92, 16, fill=1)

    source = tmp_path / "report.pdf"
    draw(source, more=more)

    done = rebuilt(source, reader)

    assert "Drogenmissbrauch" not in Path(done.text).read_text("utf-8")
    assert "Drogenmissbrauch" not in words_of(done)
    assert {"Bekannter", "seit", "Jahren."} <= set(words_of(done))


def test_signs_with_little_ink_and_pale_or_white_letters_are_seen(tmp_path: Path, reader: TextReader) -> None:
    def more(canvas: Canvas) -> None:
        canvas.drawString(30, 100, "Verlauf - bisher . gut")
        canvas.setFillGray(0.88)
        canvas.drawString(30, 80, "blass gedruckt")
        canvas.setFillColorRGB(0.1, 0.2, 0.5)
        canvas.rect(20, 50, 280, 20, fill=1, stroke=0)
        canvas.setFillGray(1)
        canvas.drawString(30, 56, "weiß auf blau")
        canvas.setFillColorRGB(0.0, 0.69, 0.31)
        canvas.drawString(30, 34, "normal gefärbt")

    source = tmp_path / "report.pdf"
    draw(source, more=more)

    said = words_of(rebuilt(source, reader))

    assert {"-", ".", "blass", "gedruckt", "weiß", "blau", "normal", "gefärbt"} <= set(said)
