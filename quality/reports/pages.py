"""Invented letters as PDF files: typeset, or as a scanner sees them."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pypdfium2 as pdfium
import reportlab
from PIL import Image
from pypdf import PdfReader, PdfWriter
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from endoreg_db.deid.reports.words import Page, Word
from quality.hunter.tokens import folded
from quality.letter_sheet import Letter
from quality.reports.plants import More

#: Pixels per inch of the scans.
DPI: Mapping[str, int] = MappingProxyType({"scan 150": 150, "scan 200": 200})
#: Those that come with ReportLab (free licence); they have the letters of most names of Europe.
FACES = ("Vera", "VeraBd", "VeraIt")
_JPEG_QUALITY = 80
_MADE = time.gmtime(0)  # the same bytes every time
_INVISIBLE = 3  # the text rendering mode of ISO 32000-1, 9.3.6
_PAPER = 0.97  # how bright paper is to a scanner


def draw_letter(path: Path, letter: Letter, face: str, more: More | None = None) -> None:
    """Write the letter as a PDF with a text layer.

    Args:
        path: of the new file.
        letter: what is written, and where.
        face: one of :data:`FACES`. Letters that it lacks are written without their accents.
        more: draws more on the first page.
    """
    _register(face)
    first = letter.pages[0]
    canvas = Canvas(str(path), pagesize=(first.width, first.height), invariant=1, pageCompression=0)
    for page in letter.pages:
        for word in page.words:
            _write(canvas, page, word, face)
        if page is first and more is not None:
            canvas.setFont("Helvetica", 12)
            more(canvas)
        canvas.showPage()
    canvas.save()


def scan(source: Path, target: Path, dpi: int, rng: random.Random) -> None:
    """Write the pages of ``source`` as pictures in a PDF: grey, noisy, up to 1.5 degrees askew."""
    with pdfium.PdfDocument(source) as document:
        first, *others = (
            _scanned(page.render(scale=dpi / 72).to_pil().convert("L"), rng) for page in document
        )
    first.save(
        target, "PDF", resolution=dpi, quality=_JPEG_QUALITY, save_all=True, append_images=others,
        creationDate=_MADE, modDate=_MADE,
    )  # fmt: skip


def add_layer(scanned: Path, target: Path, letter: Letter, face: str) -> None:
    """Write a scan with the words of its letter as an invisible layer, as scanners do that read."""
    layer = io.BytesIO()
    _register(face)
    canvas = Canvas(layer, pagesize=(letter.pages[0].width, letter.pages[0].height), invariant=1)
    for page in letter.pages:
        for word in page.words:
            _write(canvas, page, word, face, mode=_INVISIBLE)
        canvas.showPage()
    canvas.save()
    writer = PdfWriter(clone_from=scanned)
    for shown, words in zip(writer.pages, PdfReader(layer).pages, strict=True):
        shown.merge_page(words)
    writer.write(target)


def _scanned(paper: Image.Image, rng: random.Random) -> Image.Image:
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, 5, (paper.height, paper.width))
    grey = np.clip(np.asarray(paper) * _PAPER + noise, 0, 255).astype(np.uint8)
    angle = rng.uniform(-1.5, 1.5)
    return Image.fromarray(grey).rotate(angle, Image.Resampling.BICUBIC, fillcolor=round(255 * _PAPER))


@cache
def _register(face: str) -> None:
    pdfmetrics.registerFont(TTFont(face, str(Path(reportlab.__file__).parent / "fonts" / f"{face}.ttf")))


def _write(canvas: Canvas, page: Page, word: Word, face: str, *, mode: int = 0) -> None:
    """Write one word so that it fills its box."""
    text, box = _writable(word.text, face), word.box
    size = (box.y1 - box.y0) / 1.1
    width = pdfmetrics.stringWidth(text, face, size)
    written = canvas.beginText(box.x0, page.height - box.y0 - 0.9 * size)
    written.setFont(face, size)
    written.setTextRenderMode(mode)
    written.setHorizScale(100 * (box.x1 - box.x0) / max(width, 1e-3))
    written.textOut(text)
    canvas.drawText(written)


def _writable(text: str, face: str) -> str:
    """The text in letters that the face has."""
    known = pdfmetrics.getFont(face).face.charToGlyph
    plain = (
        letter if ord(letter) in known else folded(letter).upper() if letter.isupper() else folded(letter)
        for letter in text
    )  # fmt: skip
    return "".join(plain)
