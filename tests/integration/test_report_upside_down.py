"""What OCR guesses on a scan, of print that lies upside down or of strokes, is blanked like a drawing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from rapidfuzz import fuzz
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.ocr import TextReader
from endoreg_db.deid.pdf.upright import turned, upright_view
from endoreg_db.deid.text_rules import matches_known
from endoreg_db.samples.layout import font
from tests.integration.test_report_leaks import reader, rebuilt, shown
from tests.integration.test_report_pictures import scanned

__all__ = ["reader"]

SIZE = (420.0, 420.0)
BODY = [
    "Befund der Koloskopie mit Biopsie aus dem Zökum",
    "Schleimhaut unauffällig bis in das terminale Ileum",
    "Ein flacher Polyp im Sigma, Abtragung mit der Schlinge",
    "Kontrolle nach fünf Jahren empfohlen",
    "Entzündung der Schleimhaut im Rektum",
    "Hämorrhoiden ersten Grades",
    "Kein Hinweis auf eine Blutung",
]
STICKER = ["Wolkenstein, Katharina", "geb. 12.03.1956", "Dr. Karl Auer"]


def drawn(path: Path, more: Callable[[Canvas], None]) -> None:
    """A report of seven lines, and more below them."""
    canvas = Canvas(str(path), pagesize=SIZE, invariant=1)
    canvas.setFont("Helvetica", 11)
    for number, line in enumerate(BODY):
        canvas.drawString(30, 385 - 18 * number, line)
    more(canvas)
    canvas.save()


def stuck_on(turn: int) -> Callable[[Canvas], None]:
    """A sticker with three lines, turned anticlockwise by so many degrees."""

    def more(canvas: Canvas) -> None:
        canvas.translate(*((300, 130) if turn == 180 else (260, 60)))
        canvas.rotate(turn)
        for number, line in enumerate(STICKER):
            canvas.drawString(0, -16 * number, line)

    return more


def output_of(tmp_path: Path, reader: TextReader, more: Callable[[Canvas], None]) -> np.ndarray:
    printed, source = tmp_path / "printed.pdf", tmp_path / "scan.pdf"
    drawn(printed, more)
    scanned(printed, source)
    done = rebuilt(source, reader)
    text = " ".join(Path(done.text).read_text("utf-8").split())
    assert fuzz.partial_ratio(" ".join(BODY), text) > 95, "what is print stays"
    (page,) = shown(done.candidate)
    return page


def is_blanked(page: np.ndarray, left: float, top: float, right: float, bottom: float) -> bool:
    """Whether a part of a page (points, ``shown`` at two pixels each) is black, or grey as drawings are."""
    area = page[int(2 * top) : int(2 * bottom), int(2 * left) : int(2 * right)].astype(int)
    return bool(np.mean((area < 12) | (np.abs(area - 222) < 12)) > 0.97)


@pytest.mark.parametrize("turn", [180, 90])
def test_a_sticker_that_lies_otherwise_than_its_page_is_blanked(
    tmp_path: Path, reader: TextReader, turn: int
) -> None:
    page = turned(output_of(tmp_path, reader, stuck_on(turn)), turn)

    read = " ".join(found.text for found in reader.find_text(page, smallest=20))
    assert not matches_known(read, {"Wolkenstein", "Katharina", "1956-03-12", "Karl", "Auer"}), read


@pytest.mark.parametrize("turn", [0, 180])
def test_a_page_lies_as_most_of_its_lines_do_and_not_as_three_of_middling_length(
    reader: TextReader, turn: int
) -> None:
    page, sticker = Image.new("RGB", (1000, 700), "white"), Image.new("RGB", (440, 110), "white")
    short = ["Magen frei", "Kolon frei", "Ileum frei", "Rektum frei", "Sigma frei", "Papille frei", "Bulbus"]
    pen = ImageDraw.Draw(page)
    for number, line in enumerate([*short, *BODY[:4]]):
        pen.text((60, 30 + 40 * number), line, font=font(22), fill="black")
    for number, line in enumerate(STICKER):
        ImageDraw.Draw(sticker).text((5, 5 + 34 * number), line, font=font(22), fill="black")
    page.paste(sticker.rotate(180), (300, 540))

    upright = upright_view(turned(np.asarray(page), turn), 150, reader, 15)

    assert upright.view.turn == turn


@pytest.mark.parametrize("number", range(4))
def test_strokes_of_a_signature_are_blanked_though_they_are_read_as_letters(
    tmp_path: Path, reader: TextReader, number: int
) -> None:
    rng = random.Random(f"signature {number}")

    def signed(canvas: Canvas) -> None:
        canvas.setLineWidth(1.2)
        for left in (40, 220):
            xs = [left + 14 * step for step in range(8)]
            ys = [70 + rng.uniform(-12, 12) for _ in xs]
            for step in range(7):
                third = 14 / 3
                canvas.bezier(
                    xs[step], ys[step], xs[step] + third, rng.uniform(50, 90),
                    xs[step + 1] - third, rng.uniform(50, 90), xs[step + 1], ys[step + 1],
                )  # fmt: skip

    page = output_of(tmp_path, reader, signed)

    assert is_blanked(page, 44, 342, 134, 358) and is_blanked(page, 224, 342, 314, 358)


def test_a_zigzag_is_blanked(tmp_path: Path, reader: TextReader) -> None:
    def zigzag(canvas: Canvas) -> None:
        canvas.setLineWidth(1.2)
        for step in range(10):
            canvas.line(60 + 9 * step, 60 + 16 * (step % 2), 69 + 9 * step, 60 + 16 * ((step + 1) % 2))

    assert is_blanked(output_of(tmp_path, reader, zigzag), 64, 348, 144, 356)
